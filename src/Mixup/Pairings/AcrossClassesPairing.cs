namespace TorchSharp.Mixup;

internal sealed record AcrossClassesPairing : PairingRule
{
    public override IReadOnlyList<long> Draw(PairingDrawing drawing)
    {
        var classes = drawing.ReadClasses();
        var others = classes.Distinct().ToDictionary(
            own => own, own => Enumerable.Range(0, classes.Count).Where(sample => classes[sample] != own).ToArray());
        return
        [
            .. classes.Select(
                (own, sample) => others[own] is { Length: > 0 } choice ? choice[drawing.Random.Next(choice.Length)] : (long)sample),
        ];
    }

    public override string ToString() => "AcrossClasses";
}
