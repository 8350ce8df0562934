namespace TorchSharp.Mixup;

internal sealed record FlipPairing : PairingRule
{
    public override bool MakesPairs => true;

    public override IReadOnlyList<long> Draw(PairingDrawing drawing) =>
        [.. Enumerable.Range(1, drawing.BatchSize).Select(i => (long)(drawing.BatchSize - i))];

    public override string ToString() => "Flip";
}
