using System.Globalization;

namespace TorchSharp.Mixup;

internal sealed record SimilarTargetsPairing : PairingRule
{
    public SimilarTargetsPairing(double bandwidth) => Bandwidth = Similarity.Checked(bandwidth);

    public double Bandwidth { get; }

    public override IReadOnlyList<long> Draw(PairingDrawing drawing)
    {
        var targets = drawing.ReadTargets();
        return Similarity.Draw(drawing, Bandwidth, (i, j) => Distance(targets[i], targets[j]));
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"SimilarTargets {{ Bandwidth = {Bandwidth} }}");

    private static double Distance(double[] first, double[] second)
    {
        // Divided by the largest difference first, since its square may overflow or underflow.
        var largest = 0.0;
        for (var i = 0; i < first.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(first[i] - second[i]));
        }

        if (largest == 0 || double.IsInfinity(largest))
        {
            return Math.Min(largest, double.MaxValue);
        }

        var sum = 0.0;
        for (var i = 0; i < first.Length; i++)
        {
            var ratio = (first[i] - second[i]) / largest;
            sum += ratio * ratio;
        }

        return Math.Min(largest * Math.Sqrt(sum), double.MaxValue);
    }
}
