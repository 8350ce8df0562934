using CsCheck;
using MathNet.Numerics.Distributions;

namespace TorchSharp.Mixup.Tests;

public sealed class SamplerTests
{
    public static TheoryData<string> BetaCases => VectorCase.Names("beta");

    [Theory]
    [MemberData(nameof(BetaCases))]
    public void CoefficientsFollowTheBetaDistribution(string name) => AssertFollowsBeta(name, options => Draw(options, 20_000));

    /// <summary>Draws once without folding and once with it, by a given function, and checks the distribution.</summary>
    internal static void AssertFollowsBeta(string name, Func<MixupOptions, Mix> draw)
    {
        var vector = VectorCase.Find("beta", name);
        foreach (var fold in new[] { false, true })
        {
            var alpha = vector.Number("alpha")!.Value;
            var drawn = draw(new MixupOptions { Method = new Interpolation(alpha) { Fold = fold }, Seed = 7 }).Coefficients.ToArray();
            var count = drawn.Length;
            Array.Sort(drawn);

            // Kolmogorov-Smirnov at the quantiles that the reference gives, where values tie (0 and 1 at small alpha) both sides count.
            var probabilities = vector.ExpectedNumbers("prob");
            var quantiles = vector.ExpectedNumbers(fold ? "quantile_max" : "quantile");
            var distance = probabilities.Zip(quantiles, (p, q) =>
            {
                var below = drawn.Count(value => value < q) / (double)count;
                var upTo = drawn.Count(value => value <= q) / (double)count;
                return Math.Max(0, Math.Max(below - p, p - upTo));
            }).Max();
            Assert.True(distance < 1.63 / Math.Sqrt(count), $"alpha {alpha}, folded {fold}: distance {distance}"); // 1% level
            Assert.Equal(vector.ExpectedNumbers(fold ? "mean_max" : "mean_beta")[0], drawn.Average(), 0.012);
        }
    }

    [Fact]
    public void VeryConcentratedAlphaIsAFairCoin()
    {
        var drawn = Draw(new MixupOptions { Method = new Interpolation(1e-12) { Fold = false }, Seed = 3 }, 2_000).Coefficients.ToArray();
        Assert.All(drawn, lambda => Assert.True(lambda is 0 or 1));
        Assert.InRange(drawn.Average(), 0.45, 0.55);
    }

    [Theory]
    [InlineData(1e35)]
    [InlineData(1e300)]
    [InlineData(1e308)]
    [InlineData(double.MaxValue)]
    public void AHugeAlphaIsAHalf(double alpha) =>
        Assert.All(
            Draw(new MixupOptions { Method = new Interpolation(alpha), Seed = 3 }, 50).Coefficients.ToArray(),
            lambda => Assert.Equal(0.5, lambda));

    [Fact]
    public void AlphaZeroMixesNothing() =>
        Assert.All(
            Draw(new MixupOptions { Method = new Interpolation(0) { Fold = false }, Seed = 3 }, 50).Coefficients.ToArray(),
            lambda => Assert.Equal(1, lambda));

    [Fact]
    public void TheDefaultsAreFastais()
    {
        var options = new MixupOptions();
        Assert.Equal(
            (CoefficientPer.Sample, 1.0, Pairing.Permutation, TargetMixing.ByLoss),
            (options.CoefficientPer, options.Probability, options.Pairing, options.TargetMixing));
        Assert.Equal(new Interpolation { Alpha = 0.4, Fold = true }, options.Method);
        Assert.All(Draw(options with { Seed = 1 }, 500).Coefficients.ToArray(), lambda => Assert.InRange(lambda, 0.5, 1));
    }

    [Fact]
    public void APairingIsAPermutationWithoutFixedPoints() =>
        Gen.Select(
            Gen.Int[0, Rules.Blind.Count - 1].Select(i => Rules.Blind.Values.ElementAt(i)),
            Gen.Enum<CoefficientPer>(),
            Gen.Int[2, 33],
            Gen.ULong)
            .Where((pairing, per, _, _) => (pairing, per) != (Pairing.Roll, CoefficientPer.Pair))
            .Sample(
                (pairing, per, batch, seed) =>
                {
                    var mix = Draw(new MixupOptions { Pairing = pairing, CoefficientPer = per, Seed = seed }, batch);
                    var partners = mix.Partners.ToArray();
                    Assert.Equal(Enumerable.Range(0, batch).Select(i => (long)i), partners.Order());
                    var middle = pairing == Pairing.Flip && batch % 2 == 1 ? batch / 2 : -1;
                    Assert.All(
                        partners.Select((partner, i) => (partner, i)), pair => Assert.Equal(pair.i == middle, pair.partner == pair.i));
                    var mutual = partners.Where((partner, i) => partners[partner] == i).Count();
                    if (pairing == Pairing.Flip)
                    {
                        Assert.Equal(batch, mutual);
                    }
                    else if (per == CoefficientPer.Pair || pairing == Pairing.Halves)
                    {
                        Assert.Equal(batch % 2 == 0 ? batch : batch - 3, mutual);
                    }

                    var shared = per switch
                    {
                        CoefficientPer.Pair =>
                            partners.Select((partner, i) => mix.Coefficients[i] == mix.Coefficients[(int)partner]).All(same => same),
                        CoefficientPer.Batch => mix.Coefficients.Where((_, i) => i != middle).Distinct().Count() == 1,
                        _ => mix.Coefficients.ToArray().Distinct().Count() > (batch / 2) - 1,
                    };
                    Assert.True(shared);
                    Assert.True(middle < 0 || mix.Coefficients[middle] == 1);
                },
                iter: 400,
                threads: 1,
                seed: "0000000000001");

    [Theory]
    [InlineData("halves", new long[] { 2, 3, 0, 1 })]
    [InlineData("roll", new long[] { 3, 0, 1, 2 })]
    [InlineData("flip", new long[] { 3, 2, 1, 0 })]
    [InlineData("flip", new long[] { 4, 3, 2, 1, 0 })]
    public void CheapPairingsAreFixed(string pairing, long[] expected) =>
        Assert.Equal(expected, Draw(new MixupOptions { Pairing = Rules.Blind[pairing], Seed = 1 }, expected.Length).Partners.ToArray());

    [Fact]
    public void PairsOfAPermutationAreDrawnAnew()
    {
        string Pairs(ulong seed) =>
            string.Join(' ', Draw(new MixupOptions { CoefficientPer = CoefficientPer.Pair, Seed = seed }, 6).Partners.ToArray());
        Assert.Equal(15, Enumerable.Range(0, 400).Select(seed => Pairs((ulong)seed)).Distinct().Count()); // 5 * 3 * 1 ways to pair up six
    }

    [Fact]
    public void ASeedDrawsWhatItDrewInEveryVersion()
    {
        // SplitMix64 (Steele, Lea and Flood 2014) and Sattolo 1986, written down once more. Checkpoints rely on it.
        const ulong golden = 0x9e3779b97f4a7c15;
        static ulong Finalize(ulong z)
        {
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            return z ^ (z >> 31);
        }

        Assert.Equal(0xe220a8397b1dcdaf, Finalize(golden)); // the first of seed 0 in everybody's implementation
        foreach (var (seed, step) in new[] { (0UL, 0L), (7UL, 0L), (7UL, 1L), (ulong.MaxValue, 123_456_789L) })
        {
            // A stream for the partners, one for the place, and one for each who has a field.
            var root = Finalize(unchecked(seed + (golden * (ulong)(step + 1))));
            ulong state = 0;
            void Fork() => state = Finalize(unchecked(Finalize(root = unchecked(root + golden)) + golden));
            ulong Next() => Finalize(state = unchecked(state + golden));
            Fork();
            long[] expected = [0, 1, 2, 3, 4, 5, 6];
            for (var i = expected.Length - 1; i > 0; i--)
            {
                var j = (int)Math.BigMul(Next(), (ulong)i, out _);
                (expected[i], expected[j]) = (expected[j], expected[i]);
            }

            Fork();
            Fork();
            var unmixed = Math.ScaleB(Next() >> 11, -53) >= 0.5;
            var strategy = new InputMixup(
                new MixupOptions { CoefficientPer = CoefficientPer.Batch, Probability = 0.5 })
            { State = new MixupState(seed, step) };
            using var drawn = strategy.Begin(zeros(7, 1), zeros(7, ScalarType.Int64));
            Assert.Equal(expected, drawn.Draw.Mix.Partners.ToArray());
            Assert.Equal(unmixed, drawn.Draw.Mix.Coefficients[0] == 1);
        }
    }

    [Fact]
    public void EveryPartnerIsEquallyLikely()
    {
        var counts = new int[4, 4];
        for (var seed = 0UL; seed < 6_000; seed++)
        {
            var partners = Draw(new MixupOptions { Method = new Interpolation(0), Seed = seed }, 4).Partners;
            for (var i = 0; i < 4; i++)
            {
                counts[i, partners[i]]++;
            }
        }

        var statistic = 0.0;
        foreach (var (i, j) in Enumerable.Range(0, 16).Select(k => (k / 4, k % 4)).Where(k => k.Item1 != k.Item2))
        {
            statistic += Math.Pow(counts[i, j] - 2_000, 2) / 2_000;
        }

        Assert.True(statistic < ChiSquared.InvCDF(8, 0.999), $"chi squared {statistic}");
    }

    [Theory]
    [InlineData(CoefficientPer.Sample)]
    [InlineData(CoefficientPer.Pair)]
    [InlineData(CoefficientPer.Batch)]
    public void TheProbabilityIsAppliedOnce(CoefficientPer per)
    {
        var mixed = Enumerable.Range(0, 400).Sum(seed =>
            Draw(
                new MixupOptions { Method = new Interpolation(1), Probability = 0.25, CoefficientPer = per, Seed = (ulong)seed },
                20).Coefficients.ToArray().Count(lambda => lambda < 1));
        Assert.InRange(mixed / 8_000.0, 0.25 - 0.065, 0.25 + 0.065); // three standard errors of the coarsest, 400 batches
    }

    [Fact]
    public void TheSameSeedDrawsTheSameAndAnotherDoesNot()
    {
        double[] First(ulong seed) => Draw(new MixupOptions { Method = new Interpolation(1), Seed = seed }, 8).Coefficients.ToArray();
        Assert.Equal(First(5), First(5));
        Assert.NotEqual(First(5), First(6));
    }

    [Fact]
    public void ARestoredStateContinuesWithTheSameDraws()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, 6, 2), Some.Classes(1, 3, 6));
        var strategy = new InputMixup(new MixupOptions { Seed = 9 });
        for (var i = 0; i < 3; i++)
        {
            strategy.Begin(x, y).Dispose();
        }

        strategy.Epoch = 2;
        var state = strategy.State;
        var next = strategy.Begin(x, y);
        var restored = new InputMixup { State = state };
        var again = restored.Begin(x, y);
        Assert.Equal(next.Draw.Mix.Coefficients.ToArray(), again.Draw.Mix.Coefficients.ToArray());
        Assert.Equal(next.Draw.Mix.Partners.ToArray(), again.Draw.Mix.Partners.ToArray());
        Assert.Equal(strategy.State, restored.State);
    }

    [Fact]
    public void AReplayedDrawGivesTheSameBatchAndDoesNotCount()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, 6, 2), Some.Classes(1, 3, 6));
        var strategy = new InputMixup();
        using var step = strategy.Begin(x, y);
        var state = strategy.State;
        using var again = strategy.Begin(x, y, step.Draw);
        Some.AssertEqual(step.Input, again.Input);
        Assert.Equal(state, strategy.State);
    }

    [Fact]
    public void TorchsGeneratorIsNeitherReadNorDisturbed()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var before = get_rng_state();
        double[] Drawn() => Draw(new MixupOptions { Seed = 4 }, 16).Coefficients.ToArray();
        var first = Drawn();
        Some.AssertEqual(before, get_rng_state());
        manual_seed(2);
        Assert.Equal(first, Drawn());
    }

    [Fact]
    public void AMethodShiftsNeitherPartnersNorPlaceAndASampleShiftsNoOther()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)).to(Some.Device);
        var (x, y) = (zeros([6, 3, 8, 8], device: Some.Device), zeros(6, ScalarType.Int64, Some.Device));
        var hungry = new OneOf((new Hungry(), 1));
        for (var seed = 0UL; seed < 40; seed++)
        {
            MixupDraw Of(Method method)
            {
                using var step = new ManifoldMixup(
                    model, new MixupOptions { Method = method, Seed = seed }, ManifoldPlaces.Named("0", "1").WithInput()).Begin(x, y);
                return step.Draw;
            }

            var (usual, cut, other) = (Of(new Interpolation()), Of(new CutMix()), Of(hungry));
            Assert.Equal(usual.Place, cut.Place);
            Assert.Equal(usual.Place, other.Place);
            Assert.Equal(usual.Mix.Partners.ToArray(), cut.Mix.Partners.ToArray());
            Assert.Equal(usual.Mix.Partners.ToArray(), other.Mix.Partners.ToArray());
            Assert.Equal(usual.Mix.Coefficients[5], Of(new Interpolation()).Mix.Coefficients[5]);
        }
    }

    private sealed record Hungry : Method
    {
        public override Field Draw(Drawing drawing)
        {
            drawing.Random.NextBytes(new byte[99 * (drawing.Sample + 1)]);
            return new NumberField(drawing.Random.NextDouble());
        }
    }

    private static Mix Draw(MixupOptions options, int batchSize)
    {
        using var scope = NewDisposeScope();
        using var step = new InputMixup(options).Begin(zeros(batchSize, 1), zeros(batchSize, ScalarType.Int64));
        return step.Draw.Mix;
    }
}
