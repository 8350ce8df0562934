namespace TorchSharp.Mixup;

internal sealed record WithinClassPairing : PairingRule
{
    public override bool MakesPairs => true;

    public override IReadOnlyList<long> Draw(PairingDrawing drawing)
    {
        var partners = new long[drawing.BatchSize];
        var classes = drawing.ReadClasses();
        foreach (var samples in Enumerable.Range(0, partners.Length).GroupBy(sample => classes[sample], sample => (long)sample))
        {
            drawing.Shuffle([.. samples], partners);
        }

        return partners;
    }

    public override string ToString() => "WithinClass";
}
