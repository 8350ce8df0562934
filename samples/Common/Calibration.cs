using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>How far confidence is from being right.</summary>
public static class Calibration
{
    /// <summary>
    /// The expected calibration error (Guo et al. 2017, equation 3): samples are binned by the confidence of their prediction, and the gap between accuracy and mean
    /// confidence is averaged over the samples.
    /// </summary>
    /// <param name="probabilities">[N, K], summing to 1.</param>
    /// <param name="classes">[N].</param>
    /// <param name="bins">How many bins of equal width.</param>
    /// <returns>From 0, perfect, to 1.</returns>
    public static double ExpectedError(Tensor probabilities, Tensor classes, int bins = 15)
    {
        using var scope = NewDisposeScope();
        var (confidence, predicted) = probabilities.max(1);
        var confidences = confidence.to(ScalarType.Float64).cpu().data<double>().ToArray();
        var hits = predicted.eq(classes).to(ScalarType.Float64).cpu().data<double>().ToArray();
        return confidences.Zip(hits)
            .GroupBy(pair => Math.Min((int)(pair.First * bins), bins - 1))
            .Sum(bin => Math.Abs(bin.Sum(pair => pair.First - pair.Second))) / confidences.Length;
    }
}
