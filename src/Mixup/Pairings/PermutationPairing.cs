namespace TorchSharp.Mixup;

internal sealed record PermutationPairing : PairingRule
{
    public override bool MakesPairs => true;

    public override IReadOnlyList<long> Draw(PairingDrawing drawing)
    {
        var partners = new long[drawing.BatchSize];
        drawing.Shuffle([.. Enumerable.Range(0, partners.Length).Select(sample => (long)sample)], partners);
        return partners;
    }

    public override string ToString() => "Permutation";
}
