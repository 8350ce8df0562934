using MathNet.Numerics.Distributions;

namespace TorchSharp.Mixup;

/// <summary>Draws from Beta(alpha, alpha), for alpha from 0 to the largest finite number.</summary>
internal static class BetaSampler
{
    // From far below on, every draw is 0.5 to the last bit; the sum of two gamma variates of a much larger one is infinite.
    private const double LargestAlpha = 1e300;

    /// <summary>A draw; with alpha 0, which is no distribution, 1.</summary>
    public static double Draw(double alpha, Random random) => alpha switch
    {
        0 => 1,
        < 1 => DrawConcentrated(alpha, random),
        _ => Beta.Sample(random, Math.Min(alpha, LargestAlpha), Math.Min(alpha, LargestAlpha)),
    };

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
