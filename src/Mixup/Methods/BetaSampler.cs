using MathNet.Numerics.Distributions;

namespace TorchSharp.Mixup;

/// <summary>Draws from Beta(alpha, alpha), for alpha from 0 to the largest finite number.</summary>
internal static class BetaSampler
{
    // Every draw of a far smaller alpha is already 0.5 to the last bit. For a much larger one the sum of two gamma variates overflows.
    private const double LargestAlpha = 1e300;

    /// <summary>Returns a draw. For alpha 0, which defines no distribution, it returns 1.</summary>
    public static double Draw(double alpha, Random random) => alpha switch
    {
        0 => 1,
        < 1 => DrawConcentrated(alpha, random),
        _ => Beta.Sample(random, Math.Min(alpha, LargestAlpha), Math.Min(alpha, LargestAlpha)),
    };

    /// <summary>
    /// Draws for alpha below 1, by the logarithms of two gamma variates, which themselves would underflow. Gamma(a) equals Gamma(a + 1) *
    /// U^(1/a) (Marsaglia and Tsang 2000, section 6).
    /// </summary>
    private static double DrawConcentrated(double alpha, Random random)
    {
        // A smaller alpha gives the same draws of 0 or 1, but its logarithms overflow.
        alpha = Math.Max(alpha, 1e-300);
        double LogGamma() => Math.Log(Gamma.Sample(random, alpha + 1, 1)) + (Math.Log(1 - random.NextDouble()) / alpha);
        return 1 / (1 + Math.Exp(-LogGamma() + LogGamma()));
    }
}
