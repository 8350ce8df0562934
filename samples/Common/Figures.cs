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
    };

    /// <summary>Panels side by side, each with a line for every arm: the mean over seeds, in a band of one standard deviation.</summary>
    public static void Curves(string path, IReadOnlyList<Panel> panels, string xLabel, string yLabel)
    {
        var multiplot = new Multiplot();
        multiplot.AddPlots(panels.Count);
        multiplot.Layout = new ScottPlot.MultiplotLayouts.Columns();
        for (var i = 0; i < panels.Count; i++)
        {
            Draw(multiplot.GetPlot(i), panels[i], xLabel, yLabel);
        }

        multiplot.SavePng(path, 640 * panels.Count, 440);
    }

    /// <summary>A grid of grey images, each under its caption.</summary>
    public static void Images(string path, IReadOnlyList<(double[,] Pixels, string Caption)> images, int columns)
    {
        var rows = (images.Count + columns - 1) / columns;
        var multiplot = new Multiplot();
        multiplot.AddPlots(images.Count);
        multiplot.Layout = new ScottPlot.MultiplotLayouts.Grid(rows, columns);
        for (var i = 0; i < images.Count; i++)
        {
            var plot = multiplot.GetPlot(i);
            var heatmap = plot.Add.Heatmap(images[i].Pixels);
            heatmap.Colormap = new ScottPlot.Colormaps.Grayscale();
            heatmap.ManualRange = new(0, 1);
            plot.Title(images[i].Caption, 15);
            plot.HideGrid();
            plot.Axes.SetLimits(-0.5, images[i].Pixels.GetLength(1) - 0.5, -0.5, images[i].Pixels.GetLength(0) - 0.5);
            plot.Axes.Frameless();
            plot.Layout.Fixed(new PixelPadding(8, 8, 8, 34));
            plot.Axes.Title.IsVisible = true;
        }

        multiplot.SavePng(path, 170 * columns, 190 * rows);
    }

    private static void Draw(Plot plot, Panel panel, string xLabel, string yLabel)
    {
        foreach (var line in panel.Lines)
        {
            var color = Colors.GetValueOrDefault(line.Arm, Color.FromHex("#9467bd"));
            double[] xs = [.. Enumerable.Range(1, line.Means.Count).Select(epoch => (double)epoch)];
            var band = plot.Add.FillY(xs, [.. line.Means.Zip(line.Deviations, (m, d) => m - d)], [.. line.Means.Zip(line.Deviations, (m, d) => m + d)]);
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
public sealed record Panel(string Title, IReadOnlyList<Line> Lines, bool LegendAtBottom = true);

/// <summary>The curve of an arm: a mean and a deviation for every epoch.</summary>
public sealed record Line(string Arm, IReadOnlyList<double> Means, IReadOnlyList<double> Deviations);
