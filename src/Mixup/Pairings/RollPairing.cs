namespace TorchSharp.Mixup;

internal sealed record RollPairing : PairingRule
{
    public override IReadOnlyList<long> Draw(PairingDrawing drawing) =>
        [drawing.BatchSize - 1, .. Enumerable.Range(0, drawing.BatchSize - 1).Select(i => (long)i)];

    public override string ToString() => "Roll";
}
