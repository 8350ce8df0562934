namespace TorchSharp.Mixup.Tests;

/// <summary>Methods and pairings that are given as functions do what derived records do.</summary>
public sealed class CustomTests
{
    private static Tensor Images => Some.Normal(1, 6, 3, 4, 4);

    private static Tensor Classes => Some.Classes(2, 3, 6);

    [Fact]
    public void AMethodGivenAsAFunctionDrawsAsADerivedOne()
    {
        using var scope = NewDisposeScope();
        var custom = new CustomMethod("fade", d => new NumberField(d.Random.NextDouble()));
        var (ours, theirs) = (Begin(new MixupOptions { Method = custom }), Begin(new MixupOptions { Method = new Fade() }));
        Assert.Equal(theirs.Draw.Mix.Coefficients, ours.Draw.Mix.Coefficients);
        Some.AssertClose(theirs.Input, ours.Input, 0);
        Assert.InRange(ours.Draw.Mix.Coefficients.Distinct().Count(), 5, 6);
    }

    [Fact]
    public void AMethodThatOnlyCopiesTakesIds()
    {
        using var scope = NewDisposeScope();
        var blends = new CustomMethod("left", LeftHalf);
        var copies = blends with { OnlyCopies = true };
        var ids = arange(6 * 8, ScalarType.Int64).view(6, 8).to(Some.Device);
        var options = new MixupOptions { ExtentDimensions = 1, Seed = 1, Pairing = Pairing.Roll };
        Assert.Throws<ArgumentException>(() => new InputMixup(options with { Method = blends }).Begin(ids, Classes));
        using var step = new InputMixup(options with { Method = copies }).Begin(ids, Classes);
        var partners = ids.index(TensorIndex.Tensor(tensor(step.Draw.Mix.Partners.ToArray(), device: Some.Device)));
        Some.AssertEqual(cat([partners.narrow(1, 0, 4), ids.narrow(1, 4, 4)], 1), step.Input);
    }

    [Fact]
    public void AMethodThatLooksAtSamplesIsCalledForEach()
    {
        using var scope = NewDisposeScope();
        var seen = new List<int>();
        Field Draw(Drawing d)
        {
            seen.Add(d.Sample);
            return new NumberField(0.5);
        }

        var options = new MixupOptions { Method = new CustomMethod("seen", Draw), CoefficientPer = CoefficientPer.Batch };
        Begin(options);
        Assert.Single(seen);
        seen.Clear();
        Begin(options with { Method = new CustomMethod("seen", Draw) { LooksAtSamples = true } });
        Assert.Equal([0, 1, 2, 3, 4, 5], seen);
    }

    [Fact]
    public void APairingGivenAsAFunctionChoosesThePartners()
    {
        using var scope = NewDisposeScope();
        var next = new CustomPairing("next", d => [.. Enumerable.Range(1, d.BatchSize).Select(i => (long)(i % d.BatchSize))]);
        Assert.Equal([1, 2, 3, 4, 5, 0], Begin(new MixupOptions { Pairing = next }).Draw.Mix.Partners);

        var flip = new CustomPairing("flip", d => [.. Enumerable.Range(0, d.BatchSize).Select(i => d.BatchSize - 1L - i)]);
        var perPair = new MixupOptions { Pairing = flip with { CanMakePairs = true }, CoefficientPer = CoefficientPer.Pair };
        var coefficients = Begin(perPair).Draw.Mix.Coefficients;
        Assert.Equal(coefficients.Reverse(), coefficients);
        var refused = Assert.Throws<ArgumentException>(() => Begin(perPair with { Pairing = flip }));
        Assert.Contains("flip", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheyPrintTheirNamesAndCompareByFunction()
    {
        var method = new CustomMethod("left", LeftHalf);
        Assert.Equal("left", method.ToString());
        Assert.Equal(method, new CustomMethod("left", LeftHalf));
        Assert.NotEqual(method, method with { OnlyCopies = true });
        Assert.NotEqual(method, new CustomMethod("left", _ => new NumberField(0.5)));
        var pairing = new CustomPairing("self", Self);
        Assert.Equal("self", pairing.ToString());
        Assert.Equal(pairing, new CustomPairing("self", Self));
        Assert.NotEqual(pairing, new CustomPairing("own", Self));
    }

    [Fact]
    public void WhatIsMissingIsRefused()
    {
        Assert.Equal("draw", Assert.Throws<ArgumentNullException>(() => new CustomMethod("left", null!)).ParamName);
        Assert.Equal("name", Assert.Throws<ArgumentException>(() => new CustomMethod(string.Empty, LeftHalf)).ParamName);
        Assert.Equal("draw", Assert.Throws<ArgumentNullException>(() => new CustomPairing("self", null!)).ParamName);
        Assert.Equal("name", Assert.Throws<ArgumentNullException>(() => new CustomPairing(null!, Self)).ParamName);
    }

    private static MixupStep Begin(MixupOptions options) => new InputMixup(options with { Seed = 3 }).Begin(Images, Classes);

    private static BoxField LeftHalf(Drawing drawing) =>
        new(drawing.Extent, new long[drawing.Extent.Count], [.. drawing.Extent.Take(drawing.Extent.Count - 1), drawing.Extent[^1] / 2]);

    private static long[] Self(PairingDrawing drawing) => [.. Enumerable.Range(0, drawing.BatchSize).Select(i => (long)i)];

    private sealed record Fade : Method
    {
        public override Field Draw(Drawing drawing) => new NumberField(drawing.Random.NextDouble());
    }
}
