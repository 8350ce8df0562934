using SkiaSharp;

namespace TorchSharp.Mixup.Pictures.Tests;

/// <summary>The chart of a search for a learning rate.</summary>
public sealed class LearningRateChartTests : IDisposable
{
    private readonly string path = Path.Combine(Path.GetTempPath(), $"mixup-rates-{Guid.NewGuid():N}.png");

    private static readonly double[] Rates = [.. Enumerable.Range(0, 60).Select(i => Math.Pow(10, -6 + (i / 8.0)))];

    private static readonly double[] Losses =
        [.. Enumerable.Range(0, 60).Select(i => i < 45 ? 2 - (1 / (1 + Math.Exp(25 - i))) : i < 58 ? Math.Exp(i - 45) : double.NaN)];

    public void Dispose() => File.Delete(path);

    [Fact]
    public void TheChartHasTheCurveAndTheSuggestion()
    {
        LearningRateChart.SavePng(path, Rates, Losses, suggestion: 1e-3);
        using var picture = SKBitmap.Decode(path);
        Assert.Equal((800, 480), (picture.Width, picture.Height));
        var colours = picture.Pixels.GroupBy(pixel => pixel).ToDictionary(group => (uint)group.Key, group => group.Count());
        Assert.True(colours.GetValueOrDefault(0xff1f77b4) > 300, "the curve");
        Assert.True(colours.GetValueOrDefault(0xffd95f02) > 100, "the suggestion");

        var marked = File.ReadAllBytes(path);
        LearningRateChart.SavePng(path, Rates, Losses);
        Assert.NotEqual(marked, File.ReadAllBytes(path));
    }

    [Fact]
    public void WhatHasNoCurveIsRefused()
    {
        Assert.Contains("Give one loss for each rate", Error([1, 2], [1]), StringComparison.Ordinal);
        Assert.Contains("above 0", Error([0, 1], [1, 1]), StringComparison.Ordinal);
        Assert.Contains("needs two or more", Error([1, 2, 3], [1, double.NaN, double.PositiveInfinity]), StringComparison.Ordinal);
        Assert.False(File.Exists(path));

        string Error(double[] rates, double[] losses) =>
            Assert.Throws<ArgumentException>(() => LearningRateChart.SavePng(path, rates, losses)).Message;
    }
}
