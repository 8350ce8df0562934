using SkiaSharp;

namespace Mixup.Samples.Tests;

public sealed class FigureTests : IDisposable
{
    private const int PanelHeight = 800; // in pixels

    private static readonly Dictionary<string, SKColor> Colours = new()
    {
        ["none"] = new(0x7f, 0x7f, 0x7f),
        ["input"] = new(0x1f, 0x77, 0xb4),
        ["manifold"] = new(0x2c, 0xa0, 0x2c),
        ["output"] = new(0xd9, 0x5f, 0x02),
    };

    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    [Theory]
    [InlineData(1, new double[] { 1 })]
    [InlineData(3, new double[] { 1, 2, 3 })]
    [InlineData(24, new double[] { 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24 })]
    [InlineData(40, new double[] { 5, 10, 15, 20, 25, 30, 35, 40 })]
    public void EpochsAreWhole(int last, double[] ticks) => Assert.Equal(ticks, Figures.EpochTicks(last));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(40)]
    public void EveryCurveIsSeenAndNamedEvenIfItIsOnePoint(int epochs)
    {
        var lines = Colours.Keys.Select((arm, i) => new Line(
            arm, [.. Enumerable.Repeat(50.0 + (10 * i), epochs)], [.. Enumerable.Repeat(0.0, epochs)]));
        using var picture = Curves([.. lines]);
        foreach (var (arm, colour) in Colours)
        {
            var places = Places(picture, colour);
            Assert.True(places.Count(place => place.Y < PanelHeight) > 50, $"{arm} is not in the panel.");
            Assert.True(places.Count(place => place.Y >= PanelHeight) > 50, $"{arm} is not in the legend.");
        }
    }

    [Fact]
    public void CountsHaveColoursOfTheirOwn()
    {
        using var picture = Curves(
            new Line("1 process of 2 threads", [1, 2, 3], [0, 0, 0]), new Line("2 processes of 1 thread", [3, 2, 1], [0, 0, 0]));
        Assert.All(
            [new SKColor(0x1f, 0x77, 0xb4), new SKColor(0xd9, 0x5f, 0x02)],
            colour => Assert.Contains(Places(picture, colour), place => place.Y >= PanelHeight));
    }

    [Fact]
    public void ThePageBehindAPictureDoesNotShow()
    {
        using var picture = Curves(new Line("none", [1, 2, 3], [0.5, 0.5, 0.5]));
        Assert.All(picture.Pixels, pixel => Assert.Equal(byte.MaxValue, pixel.Alpha));
        Assert.Equal(SKColors.White, picture.GetPixel(0, 0));
        Assert.Equal(SKColors.White, picture.GetPixel(picture.Width - 1, picture.Height - 1));
    }

    [Fact]
    public void LegendAndNoteStayBelowThePanels()
    {
        Line Of(string name) => new(name, [1, 5, 2], [1, 1, 1]);
        using var plain = Curves(Of("a"));
        using var named = Curves(Of("a-name-that-is-much-longer-and-needs-more-room-in-a-legend"));
        using var noted = Curves([Of("a")], string.Join(' ', Enumerable.Repeat("words", 50)));
        Assert.Equal(Top(plain), Top(named));
        Assert.Equal(Top(plain), Top(noted));
        Assert.True(noted.Height > plain.Height); // it has more lines
    }

    [Fact]
    public void ABarHasTheColourOfItsStrategyAndNoLegendIfGroupsNameIt()
    {
        var (path, other) = (Path.Combine(folder, "bars.png"), Path.Combine(folder, "series.png"));
        string[] groups = ["none", "input"];
        Figures.Bars(path, [new BarPanel("t", groups, [new BarSeries("manifold", [1, 2], [0.1, double.NaN], groups)])], "y", "Note.");
        Figures.Bars(other, [new BarPanel("t", groups, [new BarSeries("manifold", [1, 2], [0.1, double.NaN])])], "y", "Note.");
        using var picture = SKBitmap.Decode(path);
        using var series = SKBitmap.Decode(other);
        Assert.All(groups, arm => Assert.True(Places(picture, Colours[arm]).Count(place => place.Y < PanelHeight) > 1_000));
        Assert.Empty(Places(picture, Colours["manifold"]));
        Assert.All(groups, arm => Assert.DoesNotContain(Places(picture, Colours[arm]), place => place.Y >= PanelHeight));
        Assert.Contains(Places(series, Colours["manifold"]), place => place.Y >= PanelHeight);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static List<(int X, int Y)> Places(SKBitmap picture, SKColor colour)
    {
        var pixels = picture.Pixels;
        return [.. Enumerable.Range(0, pixels.Length).Where(i => pixels[i] == colour).Select(i => (i % picture.Width, i / picture.Width))];
    }

    private static SKColor[] Top(SKBitmap picture) => picture.Pixels[..(PanelHeight * picture.Width)];

    private SKBitmap Curves(params Line[] lines) => Curves(lines, "A note.");

    private SKBitmap Curves(Line[] lines, string note)
    {
        var path = Path.Combine(folder, "curves.png");
        Figures.Curves(path, [new Panel("title", lines, Figures.EpochTicks(lines[0].Means.Count))], "epoch", "accuracy, %", note);
        return SKBitmap.Decode(path);
    }
}
