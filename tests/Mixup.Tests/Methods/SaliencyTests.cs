namespace TorchSharp.Mixup.Tests;

/// <summary>The methods that look at the samples.</summary>
public sealed class SaliencyTests
{
    public static TheoryData<string> Peaks => VectorCase.NamesOf("extra_mixes", "saliencymix");

    [Theory]
    [MemberData(nameof(Peaks))]
    public void TheBoxAroundTheMostSalientPointIsOpenMixups(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("extra_mixes", name);
        var saliency = vector.Input("saliency");
        var extent = new Extent(saliency.shape);
        var box = CutMix.BoxAt(extent, vector.RawLambda[0], SaliencyMix.PeakOf(saliency, extent));
        Assert.Equal(vector.Fields(vector.Input("x"))[0], box);
    }

    [Fact]
    public void AttentiveMasksAreOpenMixups()
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("extra_mixes", "attentivemix_a");
        var (x, features) = (vector.Input("x"), vector.Input("features"));
        var mix = DrawnBy.Batch(new AttentiveMix(_ => features.mean([1]), (int)vector.Number("top_k")!.Value), x);
        vector.AssertClose(vector.Expected("mask"), stack([.. mix.Fields.Select(field => field.WeightsAt([8, 8]))]), "masks");
        Assert.Equal(mix.Fields[1], AttentiveMix.MaskOf(features.mean([1])[1], 5, [8, 8]));
        var given = new Mix(mix.Fields, vector.Permutation);
        vector.AssertClose(vector.Expected("mixed_x"), given.Blend(x), "mixed_x");
    }

    [Theory]
    [InlineData(CoefficientPer.Sample, 1)]
    [InlineData(CoefficientPer.Pair, 2)]
    [InlineData(CoefficientPer.Batch, 3)]
    public void EachPairHasTheBoxOfItsPartnerAndSharesTheDrawAlone(CoefficientPer per, int dimensions)
    {
        using var scope = NewDisposeScope();
        long[] extent = [.. new long[] { 12, 10, 8 }[..dimensions]];
        var x = Some.Normal(1, [8, 2, .. extent]);
        var calls = 0;
        var method = new SaliencyMix
        {
            Saliency = samples =>
            {
                calls++;
                return samples.abs().sum([1]);
            },
        };
        var mix = DrawnBy.Batch(new OneOf(method, new SaliencyMix(1) { Saliency = method.Saliency }), x, per);
        Assert.Equal(1, calls);
        var draws = DrawnBy.Batch(new OneOf(new Interpolation(1) { Fold = false }, new Interpolation(1) { Fold = false }), x, per);
        for (var i = 0; i < 8; i++)
        {
            var peak = SaliencyMix.PeakOf(x[mix.Partners[i]].abs().sum([0]), new Extent(extent));
            Assert.Equal(CutMix.BoxAt(new Extent(extent), draws.Coefficients[i], peak), mix.Fields[i]);
        }

        Assert.Equal(
            per switch { CoefficientPer.Sample => 8, CoefficientPer.Pair => 4, _ => 1 }, draws.Coefficients.ToArray().Distinct().Count());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void TheSpectralResidualFindsWhatStandsOut(int dimensions)
    {
        using var scope = NewDisposeScope();
        long[] extent = [.. new long[] { 40, 36, 32 }[..dimensions]];
        for (var i = 0; i < 5; i++)
        {
            // A smooth wave, and one cell that is not part of it.
            var x = zeros(extent, ScalarType.Float64);
            for (var d = 0; d < dimensions; d++)
            {
                long[] shape = [.. extent.Select((size, axis) => axis == d ? size : 1)];
                x = x.add(arange(extent[d], ScalarType.Float64).mul(2 * Math.PI / extent[d]).sin().view(shape));
            }

            long[] cell = [.. extent.Select((size, d) => ((7 * i) + (5 * d) + 3) % size)];
            x[[.. cell.Select(at => TensorIndex.Single(at))]] += 4;
            var map = SaliencyMix.SpectralResidual(x.unsqueeze(0).unsqueeze(0).to(ScalarType.Float32).to(Some.Device));
            Assert.Equal([1, .. extent], map.shape);
            var peak = SaliencyMix.PeakOf(map[0], new Extent(extent));
            Assert.All(peak.Zip(cell), pair => Assert.InRange(pair.First - pair.Second, -1, 1));
        }
    }

    [Fact]
    public void TheSpectralResidualIsThePlainFormula()
    {
        using var scope = NewDisposeScope();
        var x = Some.Normal(3, ScalarType.Float64, 1, 2, 16).cpu();
        var spectrum = fft.fft_(x.mean([1])[0]);
        var logarithm = spectrum.abs().log();
        var (residual, n) = (new double[16], 16);
        var value = logarithm.data<double>().ToArray();
        var smooth = tensor([.. Enumerable.Range(0, n).Select(i => (value[(i + n - 1) % n] + value[i] + value[(i + 1) % n]) / 3)]);
        var saliency = fft.ifft(spectrum.div(spectrum.abs()).mul(logarithm.sub(smooth).exp())).abs().square().data<double>().ToArray();

        // A Gaussian on a ring, whose Fourier series is that of the spectrum.
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
            {
                residual[i] += saliency[j] * Enumerable.Range(0, n).Sum(k =>
                {
                    var f = (double)(k < n / 2 ? k : k - n) / n;
                    return Math.Exp(-2 * Math.Pow(Math.PI * f * 2.5 / 64 * n, 2)) * Math.Cos(2 * Math.PI * k * (i - j) / n) / n;
                });
            }
        }

        Some.AssertClose(tensor(residual).clamp_min(0), SaliencyMix.SpectralResidual(x)[0], 1e-9, 1e-12);
    }

    [Fact]
    public void TheDefaultRunsForEveryTypeAndPlaceOfTheExtent()
    {
        using var scope = NewDisposeScope();
        foreach (
            var dtype in new[] { ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64, ScalarType.Byte,
                ScalarType.Int64 })
        {
            var x = Some.Normal(4, ScalarType.Float64, 3, 2, 8, 6).mul(20).abs().to(dtype);
            var boxes = DrawnBy.Batch(new SaliencyMix(), x).Fields;
            var maps = SaliencyMix.SpectralResidual(x);
            var options = new MixupOptions { Method = new SaliencyMix(), Seed = 11, ExtentPosition = ExtentPosition.BehindBatch };
            using var last = new InputMixup(options).Begin(x.permute(0, 2, 3, 1).contiguous(), Some.Classes(1, 2, 3));
            Assert.Equal(boxes, last.Draw.Mix.Fields);
            Assert.Equal([3, 8, 6], maps.shape);
        }

        using var flat = new InputMixup(new MixupOptions { Method = new SaliencyMix(), ExtentDimensions = 2 })
            .Begin(Some.Normal(5, 3, 8, 6), Some.Classes(1, 2, 3));
        Assert.Equal([8, 6], flat.Draw.Mix.Extent!);
    }

    [Fact]
    public void CoarseMapsNameTheMiddleOfTheirCells()
    {
        using var scope = NewDisposeScope();
        var map = zeros(2, 4);
        map[1, 2] = 1;
        Assert.Equal([6, 5], SaliencyMix.PeakOf(map, [8, 8]));
        Assert.Equal([0, 0], SaliencyMix.PeakOf(zeros(3, 3), [3, 3]));

        // A grid of 3 on 8 cells: 0 to 2, 3 to 5, 6 to 7.
        Some.AssertEqual(tensor([0.0, 0, 0, 1, 1, 1, 0, 0]), AttentiveMix.MaskOf(tensor([1.0, 2, 0]), 1, [8]).WeightsAt([8]));
        Some.AssertEqual(tensor([1.0, 1, 0]), AttentiveMix.MaskOf(tensor([2, 2, 2]), 2, [3]).WeightsAt([3]));
    }

    [Fact]
    public void MistakesAreNamed()
    {
        using var scope = NewDisposeScope();
        var x = Some.Normal(1, 4, 3, 8, 8);
        string Error(Method method, Tensor? of = null) => Assert.ThrowsAny<ArgumentException>(() => DrawnBy.Batch(method, of ?? x)).Message;
        Assert.Contains("mean over channels", Error(new SaliencyMix { Saliency = samples => samples }), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("returned null", Error(new SaliencyMix { Saliency = _ => null! }), StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "not a number",
            Error(new SaliencyMix { Saliency = samples => samples.mean([1]).mul(float.NaN) }),
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "finer map",
            Error(new AttentiveMix(samples => samples.mean([1]).narrow(1, 0, 1).narrow(2, 0, 5))),
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "META",
            Assert.ThrowsAny<ArgumentException>(() =>
                new InputMixup(new MixupOptions { Method = new SaliencyMix() })
                    .Begin(x.to(META), empty(4, ScalarType.Int64, META))).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Throws<ArgumentNullException>(() => new SaliencyMix { Saliency = null! });
        Assert.Throws<ArgumentNullException>(() => new AttentiveMix(null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AttentiveMix(samples => samples, 0));
        Assert.Contains(
            "alpha", Assert.Throws<ArgumentOutOfRangeException>(() => new SaliencyMix(-1)).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "unsqueeze",
            Assert.Throws<ArgumentException>(() => SaliencyMix.SpectralResidual(zeros(3, 4))).Message,
            StringComparison.OrdinalIgnoreCase);
    }
}
