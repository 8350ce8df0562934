using System.Globalization;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace Mixup.Samples;

/// <summary>A mean, and how far to either side of it the 95% interval reaches; not a number for a single value.</summary>
public sealed record Interval(double Mean, double HalfWidth)
{
    /// <summary>Whether zero lies outside.</summary>
    public bool ExcludesZero => Math.Abs(Mean) > HalfWidth;

    /// <summary>Student's interval for the mean of a few values.</summary>
    public static Interval Of(IReadOnlyCollection<double> values) => new(
        values.Mean(),
        values.Count > 1
            ? StudentT.InvCDF(0, 1, values.Count - 1, 0.975) * values.StandardDeviation() / Math.Sqrt(values.Count)
            : double.NaN);

    /// <summary>The interval of the differences, pair by pair: what both of a pair share, such as a seed, does not widen it.</summary>
    public static Interval OfDifferences(IEnumerable<double> values, IEnumerable<double> others) =>
        Of([.. values.Zip(others, (value, other) => value - other)]);

    /// <summary>The mean ± the half width.</summary>
    /// <param name="decimals">How many decimal places.</param>
    /// <param name="withSign">Whether a mean above zero has a plus sign.</param>
    public string ToString(int decimals, bool withSign = false)
    {
        var format = "F" + decimals;
        var mean = Math.Round(Mean, decimals) + 0.0; // never a negative zero
        var text = (withSign && mean > 0 ? "+" : string.Empty) + mean.ToString(format, CultureInfo.InvariantCulture);
        return double.IsNaN(HalfWidth) ? text : text + " ± " + HalfWidth.ToString(format, CultureInfo.InvariantCulture);
    }
}
