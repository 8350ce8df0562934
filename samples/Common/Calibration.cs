using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>Compares the confidence of predictions with their accuracy.</summary>
public static class Calibration
{
    /// <summary>
    /// Computes the expected calibration error (Guo et al. 2017, equation 3): bins the samples by the confidence of their prediction, and
    /// averages the gap between accuracy and mean confidence over the samples.
    /// </summary>
    /// <param name="probabilities">[N, K], summing to 1.</param>
    /// <param name="classes">[N].</param>
    /// <param name="bins">The number of bins of equal width. Default 15.</param>
    /// <returns>The error, from 0, perfect, to 1.</returns>
    public static double ExpectedError(Tensor probabilities, Tensor classes, int bins = 15) =>
        Reliability(probabilities, classes, bins).Sum(bin => bin.Count * Math.Abs(bin.Accuracy - bin.Confidence)) / probabilities.shape[0];

    /// <summary>Computes the points of a reliability diagram: the accuracy in each bin of confidence.</summary>
    /// <param name="probabilities">[N, K], summing to 1.</param>
    /// <param name="classes">[N].</param>
    /// <param name="bins">The number of bins of equal width. Bins without a sample are left out. Default 10.</param>
    public static IReadOnlyList<ReliabilityBin> Reliability(Tensor probabilities, Tensor classes, int bins = 10)
    {
        using var scope = NewDisposeScope();
        var (confidence, predicted) = probabilities.max(1);
        var confidences = confidence.to(ScalarType.Float64).cpu().data<double>().ToArray();
        var hits = predicted.eq(classes).to(ScalarType.Float64).cpu().data<double>().ToArray();
        return
        [
            .. confidences.Zip(hits)
                .GroupBy(pair => Math.Min((int)(pair.First * bins), bins - 1))
                .OrderBy(bin => bin.Key)
                .Select(bin => new ReliabilityBin(bin.Count(), bin.Average(pair => pair.First), bin.Average(pair => pair.Second))),
        ];
    }
}

/// <summary>The samples whose predictions have about the same confidence.</summary>
/// <param name="Count">Their number.</param>
/// <param name="Confidence">Their mean confidence, from 0 to 1.</param>
/// <param name="Accuracy">Their accuracy, from 0 to 1.</param>
public sealed record ReliabilityBin(int Count, double Confidence, double Accuracy);
