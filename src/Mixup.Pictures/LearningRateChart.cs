using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace TorchSharp.Mixup.Pictures;

/// <summary>Draws the loss against the learning rate, as a search for a learning rate measures it.</summary>
public static class LearningRateChart
{
    private const int Width = 800;
    private const int Height = 480;
    private const double Headroom = 0.1;

    /// <summary>Draws a chart with a logarithmic axis of rates, and marks the suggested rate.</summary>
    /// <param name="path">The PNG file, 800 x 480 pixels. Its folder must exist.</param>
    /// <param name="learningRates">The rates, two or more, each above 0.</param>
    /// <param name="losses">The loss at each rate. Values that are not finite are left out.</param>
    /// <param name="suggestion">The rate to mark. Default null: none.</param>
    /// <exception cref="ArgumentException">
    /// The path is empty, the lists differ in length, a rate is not a finite number above 0, or fewer than two losses are finite.
    /// </exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void SavePng(string path, IReadOnlyList<double> learningRates, IReadOnlyList<double> losses, double? suggestion = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(learningRates);
        ArgumentNullException.ThrowIfNull(losses);
        if (learningRates.Count != losses.Count)
        {
            throw new ArgumentException(
                $"There are {learningRates.Count} learning rates and {losses.Count} losses. Give one loss for each rate.", nameof(losses));
        }

        if (learningRates.Append(suggestion ?? 1).Any(rate => !double.IsFinite(rate) || rate <= 0))
        {
            throw new ArgumentException("A learning rate is not a finite number above 0, so it has no logarithm.", nameof(learningRates));
        }

        (double Rate, double Loss)[] points = [.. learningRates.Zip(losses).Where(point => double.IsFinite(point.Second))];
        if (points.Length < 2)
        {
            throw new ArgumentException($"{points.Length} losses are finite. A curve needs two or more.", nameof(losses));
        }

        using var plot = Draw(points, suggestion);
        plot.SavePng(path, Width, Height);
    }

    private static Plot Draw((double Rate, double Loss)[] points, double? suggestion)
    {
        Inter.UseInCharts();
        var plot = new Plot();
        plot.Font.Set(Inter.Name);
        var (rates, losses) = (points.Select(point => Math.Log10(point.Rate)).ToArray(), points.Select(point => point.Loss).ToArray());
        var curve = plot.Add.ScatterLine(rates, losses, Color.FromHex("#1f77b4"));
        curve.LineWidth = 2.5f;

        // The last losses of a search that diverges would flatten all others.
        var (least, start) = (points.Min(point => point.Loss), points[0].Loss);
        var top = Math.Max(start, points[points.Length / 2].Loss);
        var room = Math.Max(top - least, 1e-12);
        plot.Axes.SetLimits(
            Math.Log10(points[0].Rate), Math.Log10(points[^1].Rate), least - (Headroom * room), top + (4 * Headroom * room));
        if (suggestion is { } rate)
        {
            var line = plot.Add.VerticalLine(Math.Log10(rate), 2, Color.FromHex("#d95f02"), LinePattern.Dashed);
            line.LabelText = string.Create(CultureInfo.InvariantCulture, $"suggestion {rate:G3}");
            (line.LabelOppositeAxis, line.LabelFontSize, line.LabelFontName) = (true, 13, Inter.Name);
            plot.Axes.Top.MinimumSize = 32;
        }

        plot.Axes.Bottom.TickGenerator = new NumericAutomatic
        {
            IntegerTicksOnly = true,
            MinorTickGenerator = new LogMinorTickGenerator(),
            LabelFormatter = power => Math.Pow(10, power).ToString("0e+0", CultureInfo.InvariantCulture),
        };
        plot.XLabel("learning rate", 14);
        plot.YLabel("smoothed loss", 14);
        return plot;
    }
}
