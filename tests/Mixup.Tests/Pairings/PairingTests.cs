using MathNet.Numerics.Distributions;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Who is paired with whom: pairings that look at targets or inputs, and those of one's own.</summary>
public sealed class PairingTests
{
    private const int B = 12;
    private const int Draws = 3_000;

    /// <summary>Ten samples of three classes, one of which stands alone, and two of the first.</summary>
    private static readonly long[] Ids = [7, 0, 7, 3, 3, 0, 3, 3, 9, 0, 3, 3];

    public static TheoryData<string> Names => [.. Rules.All.Keys];

    public static TheoryData<ScalarType> Types => [ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64];

    [Fact]
    public void WithinAClassIsAPermutationOfEachClass()
    {
        using var scope = NewDisposeScope();
        foreach (var target in TargetsOfClasses())
        {
            foreach (var per in Enum.GetValues<CoefficientPer>())
            {
                foreach (var mix in DrawMany(Pairing.WithinClass, target, 50, per))
                {
                    var partners = mix.Partners;
                    Assert.Equal(Enumerable.Range(0, B).Select(i => (long)i), partners.Order());
                    Assert.All(Enumerable.Range(0, B), i => Assert.Equal(Ids[i], Ids[partners[i]]));
                    Assert.All(Enumerable.Range(0, B), i => Assert.Equal(Ids[i] == 9, partners[i] == i));
                    var mutual = Enumerable.Range(0, B).Count(i => partners[(int)partners[i]] == i);
                    Assert.True(per != CoefficientPer.Pair || mutual == B - 3); // three zeros close a ring
                }
            }
        }
    }

    [Fact]
    public void WithinAClassAllOthersAreEquallyLikely()
    {
        using var scope = NewDisposeScope();
        AssertDrawn(
            Pairing.WithinClass,
            Tensor(Ids),
            (i, j) => i == j ? (Ids[i] == 9 ? 1 : 0) : Ids[i] == Ids[j] ? 1.0 / (Ids.Count(id => id == Ids[i]) - 1) : 0);
    }

    [Fact]
    public void AcrossClassesAllOthersAreEquallyLikely()
    {
        using var scope = NewDisposeScope();
        foreach (var target in TargetsOfClasses())
        {
            AssertDrawn(Pairing.AcrossClasses, target, (i, j) => Ids[i] == Ids[j] ? 0 : 1.0 / Ids.Count(id => id != Ids[i]));
        }
    }

    [Fact]
    public void ABatchOfOneClassIsNotMixedAcrossClasses()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, B, 3), zeros(B, ScalarType.Int64, Some.Device));
        using var step = Begin(new MixupOptions { Pairing = Pairing.AcrossClasses }, x, y);
        Bits.AssertEqual(x, step.Input);
    }

    [Fact]
    public void SimilarTargetsFollowTheKernelOfCMixup()
    {
        using var scope = NewDisposeScope();
        var one = Some.Normal(3, ScalarType.Float64, B).mul(20).add(1e6);
        var several = Some.Normal(4, ScalarType.Float64, B, 2, 2);
        AssertFollows(one, 9, Pairing.SimilarTargets(9));
        AssertFollows(one.unsqueeze(1), 25, Pairing.SimilarTargets(25));
        AssertFollows(several, 1, Pairing.SimilarTargets());
        var flat = several.flatten(1);
        AssertFollows(flat, 0.8, Pairing.SimilarInputs(x => cdist(x, x), 0.8), flat);
        AssertFollows(flat, 0.8, Pairing.SimilarInputs(x => cdist(x, x).to_sparse(), 0.8), flat);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void ANarrowKernelTakesTheNearest(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var y = tensor(new double[] { 0, 1, 3, 3.5, 10, 30 }, device: Some.Device).to(dtype);
        foreach (var bandwidth in new[] { 1e-300, 1e-3 })
        {
            Assert.All(
                DrawMany(Pairing.SimilarTargets(bandwidth), y, 20), mix => Assert.Equal([1, 0, 3, 2, 3, 4], mix.Partners));
        }

        var same = full(6, 2.5, dtype, Some.Device);
        AssertDrawn(Pairing.SimilarTargets(1e-300), same, (i, j) => i == j ? 0 : 0.2);
        AssertDrawn(Pairing.SimilarTargets(1e300), y, (i, j) => i == j ? 0 : 0.2);
    }

    /// <summary>Ids beyond what a float64 tells apart are still ids.</summary>
    [Fact]
    public void LargeIdsAreToldApart()
    {
        using var scope = NewDisposeScope();
        var y = Tensor([1L << 53, (1L << 53) + 1, 1L << 53, (1L << 53) + 1, long.MinValue, long.MinValue + 1]);
        Assert.All(DrawMany(Pairing.WithinClass, y, 20), mix => Assert.Equal([2, 3, 0, 1, 4, 5], mix.Partners));
        Assert.All(
            DrawMany(Pairing.AcrossClasses, y[..4], 20),
            mix => Assert.All(Enumerable.Range(0, 4), i => Assert.NotEqual(i % 2, mix.Partners[i] % 2)));
    }

    /// <summary>Neither squares nor ratios of distances leave the range of numbers.</summary>
    [Fact]
    public void TheKernelHoldsAtExtremes()
    {
        using var scope = NewDisposeScope();
        void AssertNearest(double[] targets, double bandwidth, long[] expected) => Assert.All(
            DrawMany(Pairing.SimilarTargets(bandwidth), tensor(targets, device: Some.Device), 20),
            mix => Assert.Equal(expected, mix.Partners));
        AssertNearest([1e200, 1.1e200, -0.5e200, 0], 1, [1, 0, 3, 2]);
        AssertNearest([0, 1, 10, 11.5], 1e-310, [1, 0, 3, 2]);
        AssertNearest([0, 1, 10, 11.5], double.Epsilon, [1, 0, 3, 2]);
        AssertNearest([0, 1e-200, 10e-200, 11.5e-200], 1e-201, [1, 0, 3, 2]);
        var far = full(4, 4, 1e308, device: Some.Device, dtype: ScalarType.Float64);
        AssertDrawn(Pairing.SimilarInputs(_ => far, 1e-308), zeros(4, ScalarType.Int64), (i, j) => i == j ? 0 : 1 / 3.0);
    }

    [Fact]
    public void InfiniteDistancesExcludeAPair()
    {
        using var scope = NewDisposeScope();
        var apart = full(4, 4, double.PositiveInfinity, device: Some.Device);
        apart[0, 2] = 1;
        apart[2, 0] = 5;
        apart[1, 0] = 7;
        var (x, y) = (Some.Normal(1, 4, 2), zeros(4, ScalarType.Int64, Some.Device));
        foreach (var mix in DrawMany(Pairing.SimilarInputs(_ => apart, 0.1), y, 20))
        {
            Assert.Equal([2, 0, 0, 3], mix.Partners);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ABatchOfOneIsItsOwnPartner(string name)
    {
        using var scope = NewDisposeScope();
        var x = Some.Normal(1, 1, 3);
        using var step = Begin(new MixupOptions { Pairing = Rules.All[name] }, x, zeros(1, ScalarType.Int64, Some.Device));
        Bits.AssertEqual(x, step.Input);
    }

    /// <summary>Draws are replayed and resumed, and are those of the sampler, whatever a pairing looks at.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void DrawsAreReplayedAndResumed(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, B, 3), name == "similar targets" ? Some.Normal(2, B) : Tensor(Ids));
        var options = new MixupOptions { Pairing = Rules.All[name], Seed = 5 };
        var (strategy, other) = (new InputMixup(options), new InputMixup(options));
        for (var i = 0; i < 6; i++)
        {
            var state = strategy.State;
            using var step = strategy.Begin(x, y);
            Assert.Equal(MixSampler.Sample(options, [x], state, y), step.Draw.Mix);
            other.State = state;
            using var resumed = other.Begin(x, y);
            Bits.AssertEqual(step.Input, resumed.Input);
            using var replayed = other.Begin(x, y, step.Draw);
            Bits.AssertEqual(step.Input, replayed.Input);
            Some.AssertClose(
                Some.Reference(x, step.Draw.Mix.Coefficients, step.Draw.Mix.Partners), step.Input.to(ScalarType.Float64), 1e-6, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void InPlaceIsTheSameForEveryPairing(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, B, 2, 4, 4), name == "similar targets" ? Some.Normal(2, B) : Tensor(Ids));
        foreach (var method in new Method[] { new Interpolation(1), new CutMix() })
        {
            var options = new MixupOptions { Method = method, Pairing = Rules.All[name], Seed = 5 };
            using var kept = new InputMixup(options).Begin(x, y);
            var overwritten = x.clone();
            using var step = new InputMixup(options) { OverwriteInput = true }.Begin(overwritten, y);
            Bits.AssertEqual(kept.Input, overwritten);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void PairingsPrintAndCompareByValue(string name)
    {
        Assert.NotEqual(Pairing.SimilarTargets(1), Pairing.SimilarTargets(2));
        Assert.Equal(Pairing.SimilarTargets(1), Pairing.SimilarTargets());
        Assert.Equal("SimilarTargets { Bandwidth = 0.5 }", Pairing.SimilarTargets(0.5).ToString());
        Assert.Contains(
            $"Pairing = {Rules.All[name]}", new MixupOptions { Pairing = Rules.All[name] }.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Pairing {", Rules.All[name].ToString(), StringComparison.Ordinal);
    }

    /// <summary>What a pairing makes of the batch is freed, and does not ask for gradients.</summary>
    [Fact]
    public void APairingLeavesNothingBehind()
    {
        using var x = Some.Normal(1, B, 3).requires_grad_();
        using var y = Some.Normal(2, B);
        Tensor Distances(Tensor input)
        {
            Assert.False(is_grad_enabled());
            return cdist(input, input);
        }

        foreach (var pairing in new[] { Pairing.SimilarInputs(Distances, 1), Pairing.SimilarTargets() })
        {
            var strategy = new InputMixup(new MixupOptions { Pairing = pairing, Seed = 1 });
            strategy.Begin(x, y).Dispose();
            var before = Some.LiveTensors;
            strategy.Begin(x, y).Dispose();
            Assert.Equal(before, Some.LiveTensors);
        }
    }

    [Fact]
    public void ARefusedPairingLeavesTheStrategyAsItWas()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, B, 3), Some.Normal(2, B));
        var strategy = new InputMixup(new MixupOptions { Pairing = Pairing.WithinClass, Seed = 1 }) { OverwriteInput = true };
        var (state, original) = (strategy.State, x.clone());
        Assert.Throws<ArgumentException>("target", () => strategy.Begin(x, y));
        Assert.Equal(state, strategy.State);
        Bits.AssertEqual(original, x);
    }

    /// <summary>A pairing of one's own is told all that the built-in ones are, and trains at every place.</summary>
    [Fact]
    public void OnesOwnPairingServesEveryPlace()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, B, 4), Tensor(Ids).remainder(3));
        using var model = Sequential(("first", Linear(4, 5)), ("second", Linear(5, 3))).to(Some.Device);
        IReadOnlyList<long> Next(PairingDrawing drawing)
        {
            Assert.Equal((B, false), (drawing.BatchSize, drawing.MustMakePairs));
            Assert.Same(x, drawing.Inputs[0]);
            Assert.Same(y, drawing.Target);
            Assert.Equal([0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1], drawing.ReadClasses().Select(id => id == 0 ? 0 : 1));
            return [.. Enumerable.Range(0, B).Select(i => (long)(i / 2))];
        }

        var options = new MixupOptions { Pairing = new Rules.Own(Next), Seed = 1 };
        using var loss = new MixupLoss(CrossEntropyLoss());
        foreach (var strategy in new IMixupStrategy[]
        {
            new InputMixup(options), new ManifoldMixup(model, options, ManifoldPlaces.Named("first")), new OutputMixup(options),
        })
        {
            using var step = strategy.Begin(x, y);
            Assert.Equal([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5], step.Draw.Mix.Partners);
            loss.call(model.call(step.Input), step.Target).backward();
        }
    }

    private static IEnumerable<Tensor> TargetsOfClasses()
    {
        var ids = Tensor(Ids);
        var rows = functional.one_hot(ids, 10);
        return
        [
            ids, ids.unsqueeze(1), ids.to(ScalarType.Int32), ids.to(ScalarType.Byte), rows, rows.to(ScalarType.Float32),
                rows.to(ScalarType.Bool),
            rows.sub(1).abs().to(ScalarType.Float16),
        ];
    }

    private static Tensor Tensor(long[] values) => torch.tensor(values, device: Some.Device);

    private static MixupStep Begin(MixupOptions options, Tensor x, Tensor y) => new InputMixup(options with { Seed = 1 }).Begin(x, y);

    private static IEnumerable<Mix> DrawMany(
        PairingRule pairing, Tensor target, int count, CoefficientPer per = CoefficientPer.Sample, Tensor? input = null)
    {
        var options = new MixupOptions { Pairing = pairing, CoefficientPer = per };
        var x = input ?? zeros(target.size(0), 1, device: Some.Device);
        return Enumerable.Range(0, count).Select(batch => MixSampler.Sample(options, [x], new MixupState(11, batch), target));
    }

    private static void AssertFollows(Tensor target, double bandwidth, PairingRule pairing, Tensor? input = null)
    {
        var rows = target.cpu().reshape(B, -1);
        var values = Enumerable.Range(0, B).Select(i => rows[i].data<double>().ToArray()).ToArray();
        double Kernel(int i, int j) => i == j
            ? 0 : Math.Exp(-values[i].Zip(values[j], (a, b) => (a - b) * (a - b)).Sum() / (2 * bandwidth * bandwidth));
        AssertDrawn(pairing, target, (i, j) => Kernel(i, j) / Enumerable.Range(0, B).Sum(other => Kernel(i, other)), input);
    }

    /// <summary>Chi-square, for each sample, of how often it has which partner.</summary>
    private static void AssertDrawn(PairingRule pairing, Tensor target, Func<int, int, double> probability, Tensor? input = null)
    {
        var batch = (int)target.size(0);
        var counts = new int[batch, batch];
        foreach (var mix in DrawMany(pairing, target, Draws, input: input))
        {
            for (var i = 0; i < batch; i++)
            {
                counts[i, mix.Partners[i]]++;
            }
        }

        for (var i = 0; i < batch; i++)
        {
            var (statistic, cells, rest, expectedOfRest) = (0.0, 0, 0, 0.0);
            for (var j = 0; j < batch; j++)
            {
                var expected = probability(i, j) * Draws;
                Assert.True(expected > 0 || counts[i, j] == 0, $"{i} was paired with {j}");
                if (expected >= 5)
                {
                    statistic += Math.Pow(counts[i, j] - expected, 2) / expected;
                    cells++;
                }
                else
                {
                    (rest, expectedOfRest) = (rest + counts[i, j], expectedOfRest + expected);
                }
            }

            Assert.InRange(rest, 0, expectedOfRest + (6 * Math.Sqrt(expectedOfRest)) + 3);
            if (cells > 1)
            {
                Assert.InRange(statistic, 0, ChiSquared.InvCDF(cells - 1, 1 - 1e-5) + 1);
            }
        }
    }
}
