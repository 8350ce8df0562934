using MathNet.Numerics.Distributions;

namespace TorchSharp.Mixup;

/// <summary>Draws coefficients and pairings. Pure: the same options and generator give the same mix.</summary>
internal static class Sampler
{
    // From far below on, every draw is 0.5 to the last bit; the sum of two gamma variates of a much larger one is infinite.
    private const double LargestAlpha = 1e300;

    public static Mix Draw(MixupOptions options, double alpha, int batchSize, Random random)
    {
        var permutation = DrawPartners(options, batchSize, random);
        return new Mix(DrawCoefficients(options, alpha, permutation, random), permutation, options.TwoOutputs);
    }

    private static long[] DrawPartners(MixupOptions options, int batchSize, Random random)
    {
        var partners = new long[batchSize];
        for (var i = 0; i < batchSize; i++)
        {
            partners[i] = i;
        }

        if (batchSize == 1)
        {
            return partners;
        }

        switch (options.Pairing)
        {
            case Pairing.Roll:
                for (var i = 0; i < batchSize; i++)
                {
                    partners[i] = (i + batchSize - 1) % batchSize;
                }

                break;
            case Pairing.Halves:
                JoinPairs(partners, Enumerable.Range(0, batchSize / 2).Select(i => (i, i + (batchSize / 2))), batchSize);
                break;
            case Pairing.Permutation when options.CoefficientPer == CoefficientPer.Pair:
                var order = Enumerable.Range(0, batchSize).ToArray();
                random.Shuffle(order);
                JoinPairs(partners, Enumerable.Range(0, batchSize / 2).Select(i => (order[2 * i], order[(2 * i) + 1])), batchSize, order[^1]);
                break;
            default:
                // Sattolo 1986: one random cycle through all samples, so that none is its own partner.
                for (var i = batchSize - 1; i > 0; i--)
                {
                    var j = random.Next(i);
                    (partners[i], partners[j]) = (partners[j], partners[i]);
                }

                break;
        }

        return partners;
    }

    /// <summary>Makes partners mutual; the odd sample, the last one unless told, closes a ring of three with the last pair.</summary>
    private static void JoinPairs(long[] partners, IEnumerable<(int First, int Second)> pairs, int batchSize, int? odd = null)
    {
        var last = (First: 0, Second: 0);
        foreach (var pair in pairs)
        {
            (partners[pair.First], partners[pair.Second]) = (pair.Second, pair.First);
            last = pair;
        }

        if (batchSize % 2 == 1)
        {
            var single = odd ?? batchSize - 1;
            (partners[last.Second], partners[single]) = (single, last.First);
        }
    }

    private static double[] DrawCoefficients(MixupOptions options, double alpha, long[] partners, Random random)
    {
        var coefficients = new double[partners.Length];
        if (options.CoefficientPer == CoefficientPer.Batch)
        {
            Array.Fill(coefficients, DrawCoefficient(options, alpha, random));
            return coefficients;
        }

        var drawn = new bool[partners.Length];
        for (var i = 0; i < coefficients.Length; i++)
        {
            if (drawn[i])
            {
                continue;
            }

            var lambda = DrawCoefficient(options, alpha, random);
            var j = (long)i;
            do
            {
                (coefficients[j], drawn[j]) = (lambda, true);
                j = partners[j];
            }
            while (options.CoefficientPer == CoefficientPer.Pair && j != i);
        }

        return coefficients;
    }

    private static double DrawCoefficient(MixupOptions options, double alpha, Random random)
    {
        if (alpha == 0 || (options.Probability < 1 && random.NextDouble() >= options.Probability))
        {
            return 1;
        }

        var lambda = alpha < 1 ? DrawConcentrated(alpha, random) : Beta.Sample(random, Math.Min(alpha, LargestAlpha), Math.Min(alpha, LargestAlpha));
        return options.Fold ? Math.Max(lambda, 1 - lambda) : lambda;
    }

    /// <summary>
    /// Below alpha 1 the two gamma variates behind a draw underflow, ever more often, so their ratio is taken in logarithms: Gamma(a) is
    /// Gamma(a + 1) * U^(1/a) (Marsaglia and Tsang 2000, section 6).
    /// </summary>
    private static double DrawConcentrated(double alpha, Random random)
    {
        // Smaller ones give the same coins, but their logarithms overflow.
        alpha = Math.Max(alpha, 1e-300);
        double LogGamma() => Math.Log(Gamma.Sample(random, alpha + 1, 1)) + (Math.Log(1 - random.NextDouble()) / alpha);
        return 1 / (1 + Math.Exp(-LogGamma() + LogGamma()));
    }
}
