using Mixup.Samples.Distributed;

namespace Mixup.Samples.Tests;

/// <summary>Against values worked out by hand.</summary>
public sealed class ScalingModelTests
{
    private static readonly ScalingModel Model = new(ComputeSeconds: 0.1, Bytes: 4e8, Meetings: 4, Reductions: 3);

    [Fact]
    public void AStepComputesSendsAndWaits()
    {
        // 0.1 s, 2 * 7/8 * 4e8 bytes at 1e10 bytes a second, and 4 + 2 * 3 messages in 3 rounds of 1e-4 s.
        var link = new Link(1e10, 1e-4);
        Assert.Equal(0.1 + 0.07 + 0.003, Model.StepSeconds(8, link), 12);
        Assert.Equal(0.1 / 0.173, Model.Efficiency(8, link), 12);
        Assert.Equal(4e8, ScalingModel.BytesOnTheWire(4e8, 2));
    }

    [Fact]
    public void OneRankOnlyComputes() =>
        Assert.Equal((0.1, 1), (Model.StepSeconds(1, new Link(1, 1)), Model.Efficiency(1, new Link(1, 1))));

    [Theory]
    [InlineData(2)]
    [InlineData(64)]
    [InlineData(512)]
    public void TheLeastBandwidthAndTheLongestLatencyGiveTheEfficiency(int ranks)
    {
        Assert.Equal(0.9, Model.Efficiency(ranks, new Link(Model.LeastBandwidth(ranks, 0.9, 1e-5), 1e-5)), 12);
        Assert.Equal(0.9, Model.Efficiency(ranks, new Link(double.PositiveInfinity, Model.LongestLatency(ranks, 0.9))), 12);
        Assert.Equal(double.PositiveInfinity, Model.LeastBandwidth(ranks, 0.9, 1.001 * Model.LongestLatency(ranks, 0.9)));
    }

    [Fact]
    public void ALinkIsFoundFromTheTimesThatItGives()
    {
        var link = new Link(2e9, 3e-5);
        var ofOne = 2 * 2 * link.Latency; // a meeting and a reduction of one message each, over 4 ranks
        var found = Link.From(4, 1e8, ofOne + (ScalingModel.BytesOnTheWire(1e8, 4) / link.Bandwidth), ofOne);
        Assert.Equal((link.Bandwidth, link.Latency), (Math.Round(found.Bandwidth), Math.Round(found.Latency, 12)));
    }
}
