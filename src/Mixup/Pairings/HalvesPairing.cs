namespace TorchSharp.Mixup;

internal sealed record HalvesPairing : PairingRule
{
    public override bool MakesPairs => true;

    public override IReadOnlyList<long> Draw(PairingDrawing drawing)
    {
        var partners = new long[drawing.BatchSize];
        var half = partners.Length / 2;
        var pairs = Enumerable.Range(0, half).Select(i => ((long)i, (long)(i + half)));
        Pairs.Join(partners, [.. pairs], partners.Length % 2 == 1 ? partners.Length - 1 : null);
        return partners;
    }

    public override string ToString() => "Halves";
}
