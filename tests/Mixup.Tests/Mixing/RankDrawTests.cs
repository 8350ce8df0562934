using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Ranks that train together draw the same place and method, and partners and coefficients of their own.</summary>
public sealed class RankDrawTests
{
    private const int B = 8;
    private static readonly int[] Ranks = [0, 1, 2, 7, int.MaxValue];

    public static TheoryData<string> BetaCases => SamplerTests.BetaCases;

    [Fact]
    public void RankZeroDrawsAsWithoutARank()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, B, 2), Some.Classes(1, 3, B));
        var options = new MixupOptions { Method = new OneOf(new Interpolation(1), new Interpolation(3)), Seed = 5 };
        var (plain, back) = (new InputMixup(options), new InputMixup(options) { Rank = 3 });
        Assert.Equal((0, 3), (plain.State.Rank, back.State.Rank));
        back.Rank = 0;
        for (var i = 0; i < 20; i++)
        {
            var (state, sampled) = (plain.State, MixSampler.Sample(options, [x], new MixupState(5, i)));
            using var step = plain.Begin(x, y);
            using var other = back.Begin(x, y);
            Assert.Equal(step.Draw.Mix, other.Draw.Mix);
            Assert.Equal(step.Draw.Mix, sampled);
            Assert.Equal(step.Draw.Mix, MixSampler.Sample(options, [x], state with { Rank = 0 }));
        }
    }

    [Fact]
    public void ARankDrawsWhatItDrewInEveryVersion()
    {
        // Written down once more, since processes of two versions may train together, and a resumed run must go on.
        const ulong golden = 0x9e3779b97f4a7c15;
        const ulong gamma = 0xbb67ae8584caa73b;
        static ulong Finalize(ulong z)
        {
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            return z ^ (z >> 31);
        }

        foreach (var (seed, batch, rank) in new[] { (0UL, 0L, 1), (7UL, 3L, 2), (ulong.MaxValue, 123_456_789L, int.MaxValue) })
        {
            var ofRank = Finalize(unchecked(Finalize(unchecked(seed + gamma)) + (gamma * (ulong)rank)));
            var root = Finalize(unchecked(ofRank + (golden * (ulong)(batch + 1))));
            var state = Finalize(unchecked(Finalize(unchecked(root + golden)) + golden));
            long[] expected = [0, 1, 2, 3, 4, 5, 6];
            for (var i = expected.Length - 1; i > 0; i--)
            {
                var j = (int)Math.BigMul(Finalize(state = unchecked(state + golden)), (ulong)i, out _);
                (expected[i], expected[j]) = (expected[j], expected[i]);
            }

            Assert.Equal(expected, Sample(new MixupOptions(), 7, seed, batch, rank).Partners);
        }
    }

    [Fact]
    public void RanksAgreeOnThePlace()
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(Linear(4, 4), Linear(4, 4), Linear(4, 4)).to(Some.Device);
        var places = ManifoldPlaces.Named("0", "1", "2").WithInput();
        var options = new MixupOptions { Method = new OneOf(new Interpolation(1), new Interpolation(3)), Probability = 0.7, Seed = 5 };
        var strategies = Ranks.Select(rank => new ManifoldMixup(model, options, places) { Rank = rank }).ToArray();
        HashSet<MixupPlace> seen = [];
        for (var i = 0; i < 200; i++)
        {
            var drawn = strategies.Select((strategy, rank) =>
            {
                var size = B + (rank % 2); // ranks may have batches of different sizes
                using var step = strategy.Begin(zeros([size, 4], device: Some.Device), zeros([size], ScalarType.Int64, Some.Device));
                return step.Draw;
            }).ToArray();
            seen.Add(Assert.Single(drawn.Select(draw => draw.Place).Distinct()));
            Assert.Equal(Ranks.Length, drawn.Select(draw => draw.Mix).Distinct().Count());
        }

        Assert.Equal(4, seen.Count);
    }

    public static TheoryData<CoefficientPer, double, bool> Choices =>
        new MatrixTheoryData<CoefficientPer, double, bool>(Enum.GetValues<CoefficientPer>(), [1, 0.6], [false, true]);

    [Theory]
    [MemberData(nameof(Choices))]
    public void RanksAgreeOnTheMethod(CoefficientPer per, double probability, bool looksAtSamples)
    {
        // Each method draws another number of random numbers, and tells itself by its field.
        Method Marked(int mark) => new CustomMethod($"marked {mark}", drawing =>
        {
            drawing.Random.NextBytes(new byte[40 * mark]);
            return new NumberField(mark / 8.0);
        })
        { LooksAtSamples = looksAtSamples && mark == 2 };
        var options = new MixupOptions
        {
            Method = new OneOf((Marked(1), 1), (new OneOf(Marked(2), Marked(3)), 1), (Marked(4), 2)),
            CoefficientPer = per,
            Probability = probability,
        };
        var counts = new int[5];
        for (var batch = 0; batch < 200; batch++)
        {
            var methods = Ranks.Select(rank => Groups(Sample(options, B, 3, batch, rank), per)).ToArray();
            var expected = per switch { CoefficientPer.Sample => B, CoefficientPer.Pair => B / 2, _ => 1 };
            Assert.All(methods, groups => Assert.Equal(expected, groups.Length));
            for (var group = 0; group < methods[0].Length; group++)
            {
                // A group that one rank does not mix says nothing about the method.
                var marks = methods.Select(groups => groups[group]).Where(lambda => lambda < 1).Distinct().ToArray();
                Assert.InRange(marks.Length, probability < 1 ? 0 : 1, 1);
                counts[marks.Length == 0 ? 0 : (int)(8 * marks[0])]++;
            }
        }

        // A quarter, an eighth, an eighth, a half.
        var mixed = counts.Skip(1).Sum();
        Assert.All(new[] { 0.25, 0.125, 0.125, 0.5 }, (share, i) =>
            Assert.InRange(counts[i + 1] / (double)mixed, share - (4 * Math.Sqrt(0.25 / mixed)), share + (4 * Math.Sqrt(0.25 / mixed))));
    }

    [Fact]
    public void PartnersAndCoefficientsAreTheRanksOwn()
    {
        const int count = 4_000;
        var options = new MixupOptions { Method = new Interpolation(1) { Fold = false }, CoefficientPer = CoefficientPer.Batch };

        // The first five are ranks of a seed, the others rank 0 and 1 of other seeds.
        (ulong Seed, int Rank)[] streams = [.. Ranks.Select(rank => (9UL, rank)), (10, 0), (10, 1), (0, 0), (0, 1)];
        var drawn = streams.Select(stream =>
            Enumerable.Range(0, count).Select(batch => Sample(options, B, stream.Seed, batch, stream.Rank)).ToArray()).ToArray();
        var lambdas = drawn.Select(mixes => mixes.Select(mix => mix.Coefficients[0]).ToArray()).ToArray();
        for (var i = 0; i < streams.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                // Also against the next and the previous batch.
                foreach (var shift in new[] { -1, 0, 1 })
                {
                    var pairs = Enumerable.Range(1, count - 2).Select(at => (lambdas[i][at], lambdas[j][at + shift])).ToArray();
                    Assert.InRange(Correlation(pairs), -4 / Math.Sqrt(count), 4 / Math.Sqrt(count));
                }

                // Two draws of a partner among seven agree in one of seven.
                var agree = drawn[i].Zip(drawn[j], (a, b) => a.Partners[0] == b.Partners[0] ? 1.0 : 0).Average();
                Assert.InRange(agree, (1 / 7.0) - (4 * 0.35 / Math.Sqrt(count)), (1 / 7.0) + (4 * 0.35 / Math.Sqrt(count)));
            }
        }

        Assert.Equal(streams.Length * count, lambdas.SelectMany(values => values).Distinct().Count());
    }

    [Theory]
    [InlineData(CoefficientPer.Sample)]
    [InlineData(CoefficientPer.Batch)]
    public void WhetherAGroupIsMixedIsTheRanksOwn(CoefficientPer per)
    {
        var options = new MixupOptions { Method = new Interpolation(1), Probability = 0.5, CoefficientPer = per };
        double IsMixed(int batch, int rank) => Sample(options, B, 1, batch, rank).Coefficients[0] < 1 ? 1 : 0;
        var pairs = Enumerable.Range(0, 2_000).Select(batch => (IsMixed(batch, 1), IsMixed(batch, 0))).ToArray();
        Assert.InRange(Correlation(pairs), -0.09, 0.09);
        Assert.InRange(pairs.Average(pair => pair.Item1), 0.45, 0.55);
    }

    [Theory]
    [MemberData(nameof(BetaCases))]
    public void CoefficientsOfARankFollowTheBetaDistribution(string name)
    {
        foreach (var rank in new[] { 0, 3 })
        {
            SamplerTests.AssertFollowsBeta(name, options => Sample(options, 20_000, options.Seed!.Value, 0, rank));
        }
    }

    [Fact]
    public void TheStateHasTheRank()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, B, 2), Some.Classes(1, 3, B));
        var strategy = new InputMixup(new MixupOptions { Seed = 9 }) { Rank = 4, Epoch = 2 };
        strategy.Begin(x, y).Dispose();
        Assert.Equal(new MixupState(9, 1, 2, 4), strategy.State);
        var restored = new OutputMixup { State = strategy.State };
        Assert.Equal((4, strategy.State), (restored.Rank, restored.State));
        using var step = strategy.Begin(x, y);
        using var same = restored.Begin(x, y);
        Assert.Equal(step.Draw.Mix, same.Draw.Mix);

        // A draw of a rank is replayed on any.
        using var again = new InputMixup().Begin(x, y, step.Draw);
        Some.AssertEqual(step.Input, again.Input);
    }

    [Fact]
    public void ANegativeRankIsRefused()
    {
        using var scope = NewDisposeScope();
        var strategy = new InputMixup();
        Assert.Throws<ArgumentOutOfRangeException>("value", () => strategy.Rank = -1);
        Assert.Throws<ArgumentOutOfRangeException>("value", () => strategy.State = new MixupState(1, 2, 3, -1));
        Assert.Equal((0, 0, (int?)null), (strategy.Rank, strategy.State.Batch, strategy.Epoch));
        Assert.Throws<ArgumentOutOfRangeException>(
            "state", () => MixSampler.Sample(new MixupOptions(), [Some.Normal(1, B, 2)], new MixupState(1, 0, Rank: -1)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void APrefetchedSourceIsMixedByTheRank(int ahead)
    {
        using var scope = NewDisposeScope();
        var batches = Enumerable.Range(0, 6).Select(i => (Some.Normal(i, B, 2), Some.Classes(i, 3, B))).ToArray();
        InputMixup Strategy() => new(new MixupOptions { Seed = 6 }) { Rank = 2 };
        Mix[] Drawn(IEnumerable<MixupStep> steps) => [.. steps.Select(step =>
        {
            using (step)
            {
                return step.Draw.Mix;
            }
        })];
        var (plain, prefetched) = (Strategy(), Strategy());
        var expected = batches.Select((batch, i) => MixSampler.Sample(plain.Options, [batch.Item1], new MixupState(6, i, Rank: 2)));
        Assert.Equal(expected, Drawn(plain.Mix(batches)));
        Assert.Equal(expected, Drawn(prefetched.Mix(batches).Prefetch(ahead)));
        Assert.Equal(plain.State, prefetched.State);
        Assert.Equal(new MixupState(6, 6, Rank: 2), prefetched.State);
    }

    [Fact]
    public void ARankThatIsSetWhileBatchesArePrefetchedIsAnError()
    {
        using var scope = NewDisposeScope();
        var batches = Enumerable.Range(0, 6).Select(i => (Some.Normal(i, B, 2), Some.Classes(i, 3, B))).ToArray();
        var strategy = new InputMixup(new MixupOptions { Seed = 6 });
        using var steps = strategy.Mix(batches).Prefetch(2).GetEnumerator();
        Assert.True(steps.MoveNext());
        steps.Current.Dispose();
        strategy.Rank = 1;
        var error = Assert.Throws<InvalidOperationException>(() => steps.MoveNext());
        Assert.Contains("epoch or rank was set", error.Message, StringComparison.Ordinal);
    }

    private static Mix Sample(MixupOptions options, int batchSize, ulong seed, long batch, int rank)
    {
        using var x = zeros(batchSize, 1);
        return MixSampler.Sample(options, [x], new MixupState(seed, batch, Rank: rank));
    }

    /// <summary>The lambda of each group that shares one, in the order of their first samples.</summary>
    private static double[] Groups(Mix mix, CoefficientPer per) => per switch
    {
        CoefficientPer.Batch => [.. mix.Coefficients.Distinct()],
        CoefficientPer.Pair => [.. mix.Coefficients.Where((_, sample) => mix.Partners[sample] > sample)],
        _ => [.. mix.Coefficients],
    };

    private static double Correlation((double X, double Y)[] pairs)
    {
        var (x, y) = (pairs.Average(pair => pair.X), pairs.Average(pair => pair.Y));
        var (xx, yy) = (pairs.Sum(pair => Math.Pow(pair.X - x, 2)), pairs.Sum(pair => Math.Pow(pair.Y - y, 2)));
        return pairs.Sum(pair => (pair.X - x) * (pair.Y - y)) / Math.Sqrt(xx * yy);
    }
}
