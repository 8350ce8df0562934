namespace TorchSharp.Mixup.Tests;

public sealed class FMixTests
{
    public static TheoryData<string> Cases => VectorCase.NamesOf("extra_mixes", "fmix");

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheMaskOfGivenNoiseIsOpenMixups(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("extra_mixes", name);
        var noise = vector.Input("low_freq").cpu();
        var extent = new Extent(noise.shape);
        var mask = FMix.MaskOf(
            noise, vector.Number("lam_sampled")!.Value, vector.Number("max_soft")!.Value, vector.Flag("use_ceil")).WeightsAt(extent);

        // OpenMixup turns a mask over whose lambda it is told to exceed.
        vector.AssertClose(vector.Expected("mask"), vector.Number("lam_given") is null ? mask : 1 - mask, "mask");
    }

    /// <summary>The code of the paper, and OpenMixup's, takes the first two rows of the spectrum for its real and imaginary parts, so that
    /// its noise hardly varies along the width.</summary>
    [Theory]
    [InlineData(9)]
    [InlineData(6, 8)]
    [InlineData(7, 5)]
    [InlineData(4, 3, 6)]
    public void NoiseHasTheGivenSpectrumWithDecay(params int[] sizes)
    {
        using var scope = NewDisposeScope();
        long[] extent = [.. sizes.Select(size => (long)size)];
        long[] half = [.. extent[..^1], (extent[^1] / 2) + 1];
        var spectrum = Some.Normal(1, ScalarType.Float64, [.. half, 2]).cpu();
        var noise = FMix.NoiseOf(new Extent(extent), spectrum, 3);
        Assert.Equal(extent, noise.shape);
        var seen = fft.rfftn(noise).view_as_real();
        var squares = zeros(half, ScalarType.Float64);
        for (var d = 0; d < extent.Length; d++)
        {
            var along = d == extent.Length - 1
                ? fft.rfftfreq(extent[d], dtype: ScalarType.Float64)
                : fft.fftfreq(extent[d], dtype: ScalarType.Float64);
            squares = squares.add(along.square().view([.. half.Select((size, axis) => axis == d ? size : 1)]));
        }

        // Without the first and the last frequency of the half, which are partly their own conjugates.
        var scaled = spectrum.mul(squares.sqrt().clamp_min(1.0 / extent.Max()).pow(-3).unsqueeze(-1));
        var inner = (extent[^1] - 1) / 2;
        Some.AssertClose(scaled.narrow(-2, 1, inner), seen.narrow(-2, 1, inner), 1e-9, 1e-9);
    }

    [Theory]
    [InlineData(0, 7)]
    [InlineData(0, 8, 9)]
    [InlineData(0, 4, 5, 6)]
    [InlineData(0.2, 8, 9)]
    [InlineData(0.5, 40)]
    public void AFieldIsHardUnlessSoftAndLambdaIsUniform(double softness, params int[] sizes)
    {
        using var scope = NewDisposeScope();
        var method = new FMix { Softness = softness };
        var fields = DrawnBy.Method(method, 300, [.. sizes.Select(size => (long)size)]);
        Assert.Equal(softness == 0, method.Copies);
        Assert.True(softness > 0 || fields.All(field => field.IsHardAt(field.Extent!)));
        Assert.True(softness == 0 || fields.Count(field => !field.IsHardAt(field.Extent!)) > 100);

        // Four standard errors of the mean and of the second moment of a uniform variate, and the rounding of a cell.
        var cells = sizes.Aggregate((a, b) => a * b);
        Assert.Equal(0.5, fields.Average(field => field.Lambda), 4 * 0.289 / Math.Sqrt(300));
        Assert.Equal(1.0 / 3, fields.Average(field => field.Lambda * field.Lambda), (4 * 0.298 / Math.Sqrt(300)) + (1.0 / cells));
        Assert.Equal(0.5, DrawnBy.MeanWeights(fields).min().item<double>(), 4 * 0.5 / Math.Sqrt(300));
    }

    [Fact]
    public void AMaskIsOfFewPatchesAndOfMoreWithoutDecay()
    {
        using var scope = NewDisposeScope();
        double Borders(double decay) => DrawnBy.Method(new FMix { Decay = decay }, 50, 32, 32)
            .Average(field =>
                field.WeightsAt(field.Extent!).diff(dim: 1).abs().sum().item<double>() / Math.Max(1e-9, field.Lambda * (1 - field.Lambda)));

        // Without decay two neighbours differ as often as two cells anywhere: 2 l (1 - l).
        Assert.Equal(2 * 31 * 32, Borders(0), 60.0);
        Assert.InRange(Borders(3), 1, 500);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 12)]
    [InlineData(0.3, 3)]
    public void TheLargestCellsAreKept(double lambda, int kept)
    {
        using var scope = NewDisposeScope();
        var noise = Some.Normal(1, 3, 4).cpu();
        var weights = FMix.MaskOf(noise, lambda).WeightsAt([3, 4]);
        Assert.Equal(kept, weights.sum().item<double>());
        Assert.True(
            kept is 0 or 12
                || noise.masked_select(weights.eq(1)).min().item<float>() > noise.masked_select(weights.eq(0)).max().item<float>());
        Assert.Equal(kept + (lambda == 0.3 ? 1 : 0), FMix.MaskOf(noise, lambda, roundUp: true).WeightsAt([3, 4]).sum().item<double>());
    }

    [Fact]
    public void MistakesAreNamed()
    {
        Assert.Contains(
            "alpha", Assert.Throws<ArgumentOutOfRangeException>(() => new FMix(-1)).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "decay",
            Assert.Throws<ArgumentOutOfRangeException>(() => new FMix { Decay = double.NaN }).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "softness",
            Assert.Throws<ArgumentOutOfRangeException>(() => new FMix { Softness = 0.6 }).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "[4, 4, 2]",
            Assert.Throws<ArgumentException>(() => FMix.NoiseOf([4, 6], zeros(4, 6), 3)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Throws<ArgumentOutOfRangeException>(() => FMix.MaskOf(zeros(4), 1.1));
    }
}
