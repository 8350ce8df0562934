using System.Globalization;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace Mixup.Samples;

/// <summary>A mean with its 95% interval.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="HalfWidth">Half the width of the interval; not a number for a single value.</param>
public sealed record Interval(double Mean, double HalfWidth)
{
    /// <summary>Gets whether zero lies outside of the interval.</summary>
    public bool ExcludesZero => Math.Abs(Mean) > HalfWidth;

    /// <summary>Computes Student's interval for the mean of some values.</summary>
    /// <param name="values">The values, one or more.</param>
    public static Interval Of(IReadOnlyCollection<double> values) => new(
        values.Mean(),
        values.Count > 1
            ? StudentT.InvCDF(0, 1, values.Count - 1, 0.975) * values.StandardDeviation() / Math.Sqrt(values.Count)
            : double.NaN);

    /// <summary>Computes the interval of the differences, pair by pair. What a pair shares, such as a seed, does not widen it.</summary>
    /// <param name="values">The values.</param>
    /// <param name="others">The values to subtract, in the same order.</param>
    public static Interval OfDifferences(IEnumerable<double> values, IEnumerable<double> others) =>
        Of([.. values.Zip(others, (value, other) => value - other)]);

    /// <summary>Writes the mean ± the half width.</summary>
    /// <param name="decimals">The number of decimal places.</param>
    /// <param name="withSign">Whether a positive mean has a plus sign. Default false.</param>
    public string ToString(int decimals, bool withSign = false)
    {
        var format = "F" + decimals;
        var mean = Math.Round(Mean, decimals) + 0.0; // never a negative zero
        var text = (withSign && mean > 0 ? "+" : string.Empty) + mean.ToString(format, CultureInfo.InvariantCulture);
        return double.IsNaN(HalfWidth) ? text : text + " ± " + HalfWidth.ToString(format, CultureInfo.InvariantCulture);
    }
}
