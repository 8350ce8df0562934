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
        var sum = 0.0;
        for (var i = 0; i < first.Length; i++)
        {
            sum += (first[i] - second[i]) * (first[i] - second[i]);
        }

        return Math.Sqrt(sum);
    }
}
