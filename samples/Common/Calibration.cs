using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>How far confidence is from being right.</summary>
public static class Calibration
{
    /// <summary>
    /// The expected calibration error (Guo et al. 2017, equation 3): samples are binned by the confidence of their prediction, and the gap
    /// between accuracy and mean confidence is averaged over the samples.
    /// </summary>
    /// <param name="probabilities">[N, K], summing to 1.</param>
    /// <param name="classes">[N].</param>
    /// <param name="bins">How many bins of equal width.</param>
    /// <returns>From 0, perfect, to 1.</returns>
    public static double ExpectedError(Tensor probabilities, Tensor classes, int bins = 15) =>
        Reliability(probabilities, classes, bins).Sum(bin => bin.Count * Math.Abs(bin.Accuracy - bin.Confidence)) / probabilities.shape[0];

    /// <summary>What a reliability diagram shows: for each bin of confidence, how often the prediction was right.</summary>
    /// <param name="probabilities">[N, K], summing to 1.</param>
    /// <param name="classes">[N].</param>
    /// <param name="bins">How many bins of equal width; those without a sample are left out.</param>
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

/// <summary>The samples whose prediction had about the same confidence.</summary>
public sealed record ReliabilityBin(int Count, double Confidence, double Accuracy);
