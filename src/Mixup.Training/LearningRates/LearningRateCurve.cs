using System.Globalization;

namespace TorchSharp.Mixup.Training;

/// <summary>The loss against the learning rate, as <see cref="LearningRateFinder"/> measured it.</summary>
public sealed class LearningRateCurve
{
    private const int SkippedStart = 10; // a tenth
    private const int SkippedEnd = 5;

    internal LearningRateCurve(IReadOnlyList<double> learningRates, IReadOnlyList<double> losses) =>
        (LearningRates, Losses, Suggestion) = (learningRates, losses, Valley(learningRates, losses));

    /// <summary>Gets the learning rates of the first parameter group, ascending.</summary>
    public IReadOnlyList<double> LearningRates { get; }

    /// <summary>
    /// Gets the loss at each rate: an exponential mean over the batches so far with factor 0.98 and without bias, as in fastai. The last
    /// one is large or not finite if training diverged.
    /// </summary>
    public IReadOnlyList<double> Losses { get; }

    /// <summary>
    /// Gets the suggested rate: that at two thirds of the longest descent of the loss, fastai's <c>valley</c>. Without the first tenth
    /// and the last five points. Null if the loss never falls there.
    /// </summary>
    public double? Suggestion { get; }

    /// <summary>Returns the range and the suggestion as text.</summary>
    /// <returns>For instance <c>100 learning rates from 1E-07 to 10, suggestion 0.0123</c>.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{LearningRates.Count} learning rates from {LearningRates[0]:G3} to {LearningRates[^1]:G3}, " +
        $"suggestion {(Suggestion is { } rate ? rate.ToString("G3", CultureInfo.InvariantCulture) : "none")}");

    private static double? Valley(IReadOnlyList<double> rates, IReadOnlyList<double> losses)
    {
        var start = rates.Count / SkippedStart;
        var points = Enumerable.Range(start, Math.Max(0, rates.Count - SkippedEnd - start))
            .Where(i => double.IsFinite(losses[i])).ToArray();

        // The length of the longest falling subsequence that ends at each point.
        var lengths = new int[points.Length];
        var end = 0;
        for (var i = 0; i < points.Length; i++)
        {
            lengths[i] = 1 + Enumerable.Range(0, i).Where(j => losses[points[j]] > losses[points[i]])
                .Select(j => lengths[j]).DefaultIfEmpty().Max();
            end = lengths[i] > lengths[end] ? i : end;
        }

        if (points.Length == 0 || lengths[end] < 2)
        {
            return null;
        }

        var first = Math.Max(0, end - lengths[end]);
        var third = (end - first) / 3.0;
        return rates[points[first + (int)third + (int)(third / 2)]];
    }
}
