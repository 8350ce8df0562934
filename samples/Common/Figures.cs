using ScottPlot;

namespace Mixup.Samples;

/// <summary>How pictures look: one colour for one arm everywhere, labelled axes, bands for the spread over seeds.</summary>
public static class Figures
{
    private static readonly Dictionary<string, Color> Colors = new()
    {
        ["none"] = Color.FromHex("#7f7f7f"),
        ["input"] = Color.FromHex("#1f77b4"),
        ["manifold"] = Color.FromHex("#2ca02c"),
        ["output"] = Color.FromHex("#d95f02"),
        ["c-mixup"] = Color.FromHex("#9467bd"),
    };

    /// <summary>Panels side by side, each with a line for every arm: the mean over seeds, in a band of the spread.</summary>
    public static void Curves(string path, IReadOnlyList<Panel> panels, string xLabel, string yLabel) =>
        SideBySide(path, panels.Count, 640, (plot, i) => Draw(plot, panels[i], xLabel, yLabel));

    /// <summary>Panels side by side, each with groups of bars, one for every arm, with whiskers for the spread.</summary>
    public static void Bars(string path, IReadOnlyList<BarPanel> panels, string yLabel) =>
        SideBySide(path, panels.Count, Math.Max(480, 900 / panels.Count), (plot, i) => Draw(plot, panels[i], yLabel));

    private static void SideBySide(string path, int count, int width, Action<Plot, int> draw)
    {
        var multiplot = new Multiplot();
        multiplot.AddPlots(count);
        multiplot.Layout = new ScottPlot.MultiplotLayouts.Columns();
        for (var i = 0; i < count; i++)
        {
            draw(multiplot.GetPlot(i), i);
        }

        multiplot.SavePng(path, width * count, 440);
    }

    // A variant of an arm, "input x2", is a lighter shade of it.
    private static Color ColorOf(string arm)
    {
        var words = arm.Split(' ');
        var color = Colors.GetValueOrDefault(words[0], Color.FromHex("#9467bd"));
        return words.Length == 1 ? color : color.Lighten(0.45);
    }

    private static void Draw(Plot plot, BarPanel panel, string yLabel)
    {
        var width = 0.8 / panel.Series.Count;
        foreach (var (series, n) in panel.Series.Select((series, n) => (series, n)))
        {
            ScottPlot.Bar[] bars =
            [
                .. series.Means.Select((mean, group) => new ScottPlot.Bar
                {
                    Position = group + (width * (n - ((panel.Series.Count - 1) / 2.0))),
                    Value = mean,
                    ValueBase = panel.From,
                    Error = double.IsFinite(series.Spreads[group]) ? series.Spreads[group] : 0,
                    Size = width * 0.92,
                    FillColor = ColorOf(series.Arm),
                    LineColor = Color.FromHex("#333333"), // that of the whisker, too
                    LineWidth = 1.2f,
                    ErrorSize = width * 0.4,
                }),
            ];
            plot.Add.Bars(bars).LegendText = series.Arm;
        }

        plot.Axes.Bottom.SetTicks([.. Enumerable.Range(0, panel.Groups.Count).Select(i => (double)i)], [.. panel.Groups]);
        plot.Axes.Bottom.MajorTickStyle.Length = 0;
        plot.HideGrid();
        var tops = panel.Series.SelectMany(
            series => series.Means.Zip(series.Spreads, (mean, spread) => mean + (double.IsFinite(spread) ? spread : 0)));
        var top = tops.Max();
        plot.Axes.SetLimits(-0.6, panel.Groups.Count - 0.4, panel.From, top + ((top - panel.From) * 0.25)); // room for the legend
        plot.Title(panel.Title, 16);
        plot.YLabel(yLabel, 14);
        plot.ShowLegend(Alignment.UpperRight, Orientation.Horizontal);
    }

    private static void Draw(Plot plot, Panel panel, string xLabel, string yLabel)
    {
        if (panel.Diagonal)
        {
            var diagonal = plot.Add.Line(0, 0, 1, 1);
            (diagonal.Color, diagonal.LinePattern) = (Color.FromHex("#bbbbbb"), LinePattern.Dashed);
            plot.Axes.SetLimits(0, 1, 0, 1);
        }

        foreach (var line in panel.Lines)
        {
            var color = ColorOf(line.Arm);
            double[] xs = [.. line.Xs ?? Enumerable.Range(1, line.Means.Count).Select(epoch => (double)epoch)];
            var band = plot.Add.FillY(
                xs, [.. line.Means.Zip(line.Deviations, (m, d) => m - d)], [.. line.Means.Zip(line.Deviations, (m, d) => m + d)]);
            band.FillColor = color.WithAlpha(0.15);
            band.LineWidth = 0;
            band.MarkerSize = 0;
            var scatter = plot.Add.ScatterLine(xs, [.. line.Means]);
            (scatter.Color, scatter.LineWidth, scatter.LegendText) = (color, 2.5f, line.Arm);
        }

        plot.Title(panel.Title, 16);
        plot.XLabel(xLabel, 14);
        plot.YLabel(yLabel, 14);
        plot.ShowLegend(panel.LegendAtBottom ? Alignment.LowerRight : Alignment.UpperRight);
    }
}

/// <summary>One panel of a picture of curves.</summary>
public sealed record Panel(string Title, IReadOnlyList<Line> Lines, bool LegendAtBottom = true, bool Diagonal = false);

/// <summary>The curve of an arm: a mean and a deviation for every epoch, or for other places on the horizontal axis.</summary>
public sealed record Line(string Arm, IReadOnlyList<double> Means, IReadOnlyList<double> Deviations, IReadOnlyList<double>? Xs = null);

/// <summary>
/// One panel of a picture of bars: groups side by side, in each a bar for every series. They stand on <paramref name="From"/>.
/// </summary>
public sealed record BarPanel(string Title, IReadOnlyList<string> Groups, IReadOnlyList<BarSeries> Series, double From = 0);

/// <summary>The bars of an arm, one for every group: a mean, and how far the whisker reaches to either side.</summary>
public sealed record BarSeries(string Arm, IReadOnlyList<double> Means, IReadOnlyList<double> Spreads);
