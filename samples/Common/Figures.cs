using ScottPlot;
using SkiaSharp;
using TorchSharp.Mixup.Pictures;

namespace Mixup.Samples;

/// <summary>
/// Draws pictures of figures: panels side by side, one legend and a note below all of them. A strategy has the same colour in all pictures,
/// and the background is white and opaque.
/// </summary>
public static class Figures
{
    private const int PixelsPerPoint = 2; // for sharp screens
    private const int PanelHeight = 400, Gap = 14, LegendLine = 26, NoteLine = 19;
    private const int FewPoints = 12; // that many get markers
    private const float LegendSize = 14, NoteSize = 13;

    private static readonly Dictionary<string, Color> Colors = new()
    {
        ["none"] = Color.FromHex("#7f7f7f"),
        ["input"] = Color.FromHex("#1f77b4"),
        ["manifold"] = Color.FromHex("#2ca02c"),
        ["output"] = Color.FromHex("#d95f02"),
        ["c-mixup"] = Color.FromHex("#9467bd"),
    };

    private static readonly Color[] ColorsOfCounts =
        [.. new[] { "#1f77b4", "#d95f02", "#2ca02c", "#9467bd", "#8c564b", "#17becf", "#e377c2", "#7f7f7f" }.Select(Color.FromHex)];

    static Figures() => Inter.UseInCharts();

    /// <summary>Draws panels of curves: for each strategy the mean over seeds, within a band of the deviation.</summary>
    /// <param name="path">The PNG file.</param>
    /// <param name="panels">The panels, one or more.</param>
    /// <param name="xLabel">What the horizontal axes show.</param>
    /// <param name="yLabel">What the vertical axes show, with its unit.</param>
    /// <param name="note">What lines and bands are.</param>
    public static void Curves(string path, IReadOnlyList<Panel> panels, string xLabel, string yLabel, string note) => Save(
        path,
        panels.Count,
        640,
        new Footer([.. panels.SelectMany(panel => panel.Lines).Select(line => line.Arm).Distinct()], AreLines: true, note),
        (plot, i) => Draw(plot, panels[i], xLabel, yLabel));

    /// <summary>Draws panels of bars: groups side by side, in each a bar for every strategy, with whiskers for the spread.</summary>
    /// <param name="path">The PNG file.</param>
    /// <param name="panels">The panels, one or more.</param>
    /// <param name="yLabel">What the vertical axes show, with its unit.</param>
    /// <param name="note">What bars and whiskers are.</param>
    public static void Bars(string path, IReadOnlyList<BarPanel> panels, string yLabel, string note) => Save(
        path,
        panels.Count,
        Math.Max(480, 900 / panels.Count),
        new Footer(
            [.. panels.SelectMany(panel => panel.Series).Where(series => series.Colours is null).Select(series => series.Arm).Distinct()],
            AreLines: false,
            note),
        (plot, i) => Draw(plot, panels[i], yLabel));

    /// <summary>Chooses the ticks of an axis of epochs: whole numbers, twelve at most.</summary>
    /// <param name="last">The last epoch, 1 or more.</param>
    public static IReadOnlyList<double> EpochTicks(int last)
    {
        var step = Steps().First(step => last / step <= 12);
        return [.. Enumerable.Range(1, last / step).Select(i => (double)i * step)];

        static IEnumerable<int> Steps()
        {
            for (var power = 1; ; power *= 10)
            {
                yield return power;
                yield return 2 * power;
                yield return 5 * power;
            }
        }
    }

    private static void Save(string path, int count, int width, Footer footer, Action<Plot, int> draw)
    {
        using var drawing = new FooterDrawing(footer, width * count);
        var height = PanelHeight + drawing.Height;
        using var bitmap = new SKBitmap(
            PixelsPerPoint * width * count, PixelsPerPoint * height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColors.White);
        canvas.Scale(PixelsPerPoint);
        for (var i = 0; i < count; i++)
        {
            using var plot = new Plot();
            draw(plot, i);
            using var clipped = new SKAutoCanvasRestore(canvas); // a plot clears the canvas before it draws
            canvas.ClipRect(new SKRect(width * i, 0, width * (i + 1), PanelHeight));
            plot.Render(canvas, new PixelRect(width * i, width * (i + 1), PanelHeight, 0));
        }

        drawing.Draw(canvas, PanelHeight);
        canvas.Flush();
        using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(path, png.ToArray());
    }

    // A variant of a strategy, "input x2", is a lighter shade of it. Counts, such as "2 processes", have colours of their own.
    private static Color ColorOf(string arm)
    {
        var words = arm.Split(' ');
        if (int.TryParse(words[0], out var count) && count > 0)
        {
            return ColorsOfCounts[(count - 1) % ColorsOfCounts.Length];
        }

        var color = Colors.GetValueOrDefault(words[0], Color.FromHex("#9467bd"));
        return words.Length == 1 ? color : color.Lighten(0.45);
    }

    private static void Draw(Plot plot, BarPanel panel, string yLabel)
    {
        var width = 0.8 / panel.Series.Count;
        foreach (var (n, series) in panel.Series.Index())
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
                    FillColor = ColorOf(series.Colours is { } arms ? arms[group] : series.Arm),
                    LineColor = Color.FromHex("#333333"), // that of the whisker as well
                    LineWidth = 1.2f,
                    ErrorSize = width * 0.4,
                }),
            ];
            plot.Add.Bars(bars);
        }

        SetTicks(plot, [.. Enumerable.Range(0, panel.Groups.Count).Select(i => (double)i)], panel.Groups);
        plot.HideGrid();
        var tops = panel.Series.SelectMany(
            series => series.Means.Zip(series.Spreads, (mean, spread) => mean + (double.IsFinite(spread) ? spread : 0)));
        var top = tops.Max();
        plot.Axes.SetLimits(-0.6, panel.Groups.Count - 0.4, panel.From, top + ((top - panel.From) * 0.06));
        Label(plot, panel.Title, string.Empty, yLabel);
    }

    private static void Draw(Plot plot, Panel panel, string xLabel, string yLabel)
    {
        if (panel.Diagonal)
        {
            var diagonal = plot.Add.Line(0, 0, 100, 100);
            (diagonal.Color, diagonal.LinePattern) = (Color.FromHex("#999999"), LinePattern.Dashed);
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
            var scatter = plot.Add.Scatter(xs, [.. line.Means]);
            (scatter.Color, scatter.LineWidth, scatter.MarkerSize) = (color, 2.5f, xs.Length <= FewPoints ? 8 : 0);
        }

        if (panel.Ticks is { } ticks)
        {
            SetTicks(plot, ticks, [.. ticks.Select(tick => tick.ToString(System.Globalization.CultureInfo.InvariantCulture))]);
        }

        if (panel.Diagonal)
        {
            plot.Axes.SetLimits(0, 100, 0, 100);
        }
        else
        {
            SetLimits(plot, panel);
        }

        Label(plot, panel.Title, xLabel, yLabel);
    }

    // The lines with their bands, and some space around them, also where there is one point alone.
    private static void SetLimits(Plot plot, Panel panel)
    {
        double[] xs = [.. panel.Lines.SelectMany(line => line.Xs ?? [1, line.Means.Count])];
        double[] ys = [.. panel.Lines.SelectMany(line => line.Means.Zip(line.Deviations).SelectMany(
            pair => new[] { pair.First - pair.Second, pair.First + pair.Second }))];
        var (besides, above) = (Math.Max(0.03 * (xs.Max() - xs.Min()), xs.Max() > xs.Min() ? 0 : 0.5), 0.06 * (ys.Max() - ys.Min()));
        above = above > 0 ? above : 1;
        plot.Axes.SetLimits(xs.Min() - besides, xs.Max() + besides, ys.Min() - above, ys.Max() + above);
    }

    private static void SetTicks(Plot plot, IReadOnlyList<double> places, IReadOnlyList<string> labels)
    {
        plot.Axes.Bottom.SetTicks([.. places], [.. labels]);
        plot.Axes.Bottom.MajorTickStyle.Length = 0;
    }

    private static void Label(Plot plot, string title, string xLabel, string yLabel)
    {
        plot.Font.Set(Inter.Name);
        plot.Title(title, 16);
        plot.XLabel(xLabel, 14);
        plot.YLabel(yLabel, 14);
        plot.Axes.Left.MinorTickStyle.Length = plot.Axes.Bottom.MinorTickStyle.Length = 0;
        plot.HideLegend();
    }

    /// <summary>What stands below the panels: the legend, and the note.</summary>
    private sealed record Footer(IReadOnlyList<string> Arms, bool AreLines, string Note);

    /// <summary>Draws the footer. Entries and words that do not fit into a line go to the next.</summary>
    private sealed class FooterDrawing : IDisposable
    {
        private const float Swatch = 26, Between = 26;
        private readonly SKFont legend = Inter.Font(Inter.Regular.Value, LegendSize), small = Inter.Font(Inter.Regular.Value, NoteSize);
        private readonly SKPaint paint = new() { IsAntialias = true };
        private readonly Footer footer;
        private readonly float width;
        private readonly List<List<string>> entries, words;

        public FooterDrawing(Footer footer, float width)
        {
            (this.footer, this.width) = (footer, width);
            entries = Wrapped(footer.Arms, arm => Swatch + 8 + legend.MeasureText(arm) + Between);
            words = Wrapped(footer.Note.Split(' '), word => small.MeasureText(word + " "));
        }

        public int Height => (LegendLine * entries.Count) + (NoteLine * words.Count) + Gap;

        public void Draw(SKCanvas canvas, float top)
        {
            var baseline = top + LegendSize;
            foreach (var line in entries)
            {
                var x = (width - line.Sum(arm => Swatch + 8 + legend.MeasureText(arm) + Between) + Between) / 2;
                foreach (var arm in line)
                {
                    var color = ColorOf(arm);
                    paint.Color = new SKColor(color.Red, color.Green, color.Blue);
                    var (height, y) = footer.AreLines ? (4f, baseline - 7) : (14f, baseline - 12);
                    canvas.DrawRect(x, y, Swatch, height, paint);
                    paint.Color = SKColors.Black;
                    canvas.DrawText(arm, x + Swatch + 8, baseline, legend, paint);
                    x += Swatch + 8 + legend.MeasureText(arm) + Between;
                }

                baseline += LegendLine;
            }

            baseline = top + (LegendLine * entries.Count) + NoteSize;
            paint.Color = new SKColor(0x57, 0x5d, 0x65);
            foreach (var line in words)
            {
                var text = string.Join(' ', line);
                canvas.DrawText(text, (width - small.MeasureText(text)) / 2, baseline, small, paint);
                baseline += NoteLine;
            }
        }

        public void Dispose()
        {
            legend.Dispose();
            small.Dispose();
            paint.Dispose();
        }

        private List<List<string>> Wrapped(IEnumerable<string> parts, Func<string, float> widthOf)
        {
            var lines = new List<List<string>>();
            var (line, filled) = (new List<string>(), 0f);
            foreach (var part in parts)
            {
                if (line.Count > 0 && filled + widthOf(part) > width - (2 * Gap))
                {
                    lines.Add(line);
                    (line, filled) = ([], 0);
                }

                line.Add(part);
                filled += widthOf(part);
            }

            return line.Count > 0 ? [.. lines, line] : lines;
        }
    }
}

/// <summary>One panel of a picture of curves.</summary>
/// <param name="Title">The title.</param>
/// <param name="Lines">The curves.</param>
/// <param name="Ticks">The ticks of the horizontal axis. Default null: chosen from the data.</param>
/// <param name="Diagonal">Whether both axes go from 0 to 100 and the diagonal is drawn. Default false.</param>
public sealed record Panel(string Title, IReadOnlyList<Line> Lines, IReadOnlyList<double>? Ticks = null, bool Diagonal = false);

/// <summary>The curve of a strategy.</summary>
/// <param name="Arm">The name of the strategy.</param>
/// <param name="Means">The points.</param>
/// <param name="Deviations">How far the band reaches above and below each point.</param>
/// <param name="Xs">The places of the points on the horizontal axis. Default null: 1, 2 and so on.</param>
public sealed record Line(string Arm, IReadOnlyList<double> Means, IReadOnlyList<double> Deviations, IReadOnlyList<double>? Xs = null);

/// <summary>One panel of a picture of bars: groups side by side, in each a bar for every series.</summary>
/// <param name="Title">The title.</param>
/// <param name="Groups">The names of the groups.</param>
/// <param name="Series">The bars of each strategy.</param>
/// <param name="From">The value at which the bars begin. Default 0.</param>
public sealed record BarPanel(string Title, IReadOnlyList<string> Groups, IReadOnlyList<BarSeries> Series, double From = 0);

/// <summary>The bars of a strategy, one for every group.</summary>
/// <param name="Arm">The name of the strategy.</param>
/// <param name="Means">The values.</param>
/// <param name="Spreads">How far the whisker reaches above and below each value; none where this is not a number.</param>
/// <param name="Colours">
/// The strategies whose colours the bars have, one for every group, which stand for themselves: the legend leaves the series out.
/// Default null: the colour of the strategy itself.
/// </param>
public sealed record BarSeries(
    string Arm, IReadOnlyList<double> Means, IReadOnlyList<double> Spreads, IReadOnlyList<string>? Colours = null);
