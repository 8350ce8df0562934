namespace Mixup.Samples.Tests;

/// <summary>Against values worked out by hand.</summary>
public sealed class StatisticsTests
{
    [Fact]
    public void AnIntervalIsStudents()
    {
        // Of 1, 2, 3: mean 2, deviation 1, t of 2 degrees of freedom at 97.5% 4.302653, so 4.302653 / sqrt(3).
        var interval = Interval.Of([1, 2, 3]);
        Assert.Equal((2, 2.484138), (interval.Mean, Math.Round(interval.HalfWidth, 6)));
        Assert.False(interval.ExcludesZero);
        Assert.True(Interval.Of([9, 10, 11]).ExcludesZero);
    }

    [Fact]
    public void WhatPairsShareDoesNotWidenTheIntervalOfTheirDifferences()
    {
        // The differences are 1, 0 and 3: mean 4/3, deviation sqrt(7/3).
        var interval = Interval.OfDifferences([101, 202, 304], [100, 202, 301]);
        Assert.Equal((1.333333, 3.794583), (Math.Round(interval.Mean, 6), Math.Round(interval.HalfWidth, 6)));
    }

    [Fact]
    public void OneValueHasNoInterval() => Assert.True(double.IsNaN(Interval.Of([5]).HalfWidth));

    [Fact]
    public void TheCalibrationErrorIsTheGapBetweenConfidenceAndAccuracyOverAllBins()
    {
        using var scope = NewDisposeScope();

        // One of 0.95, right: gap 0.05. Two of 0.85, one right: gap 0.35 for each. One of 0.55, right: gap 0.45.
        var probabilities = tensor(new[,] { { 0.95f, 0.05f }, { 0.85f, 0.15f }, { 0.15f, 0.85f }, { 0.55f, 0.45f } });
        var classes = tensor(new long[] { 0, 1, 1, 0 });
        Assert.Equal((0.05 + 0.35 + 0.35 + 0.45) / 4, Calibration.ExpectedError(probabilities, classes, bins: 10), 6);
        var bins = Calibration.Reliability(probabilities, classes);
        Assert.Equal(
            [(1, 0.55, 1.0), (2, 0.85, 0.5), (1, 0.95, 1.0)], bins.Select(bin => (bin.Count, Math.Round(bin.Confidence, 6), bin.Accuracy)));
    }
}
