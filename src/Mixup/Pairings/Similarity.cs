namespace TorchSharp.Mixup;

/// <summary>Draws partners by a Gaussian kernel over distances.</summary>
internal static class Similarity
{
    public static double Checked(double bandwidth) => double.IsFinite(bandwidth) && bandwidth > 0
        ? bandwidth
        : throw new ArgumentOutOfRangeException(
            nameof(bandwidth), bandwidth, "The bandwidth is the standard deviation of a kernel. Give a finite number above 0.");

    /// <summary>Draws the partner of each sample. A sample is its own partner only if all others are at an infinite distance.</summary>
    /// <param name="drawing">The batch and the random generator.</param>
    /// <param name="bandwidth">The standard deviation of the kernel.</param>
    /// <param name="distance">The distance of two samples, from 0 to infinity.</param>
    public static IReadOnlyList<long> Draw(PairingDrawing drawing, double bandwidth, Func<int, int, double> distance)
    {
        var weights = new double[drawing.BatchSize];
        var partners = new long[weights.Length];
        for (var sample = 0; sample < weights.Length; sample++)
        {
            for (var other = 0; other < weights.Length; other++)
            {
                weights[other] = other == sample ? double.PositiveInfinity : distance(sample, other);
            }

            // Relative to the nearest sample, since a narrow kernel would otherwise underflow to 0 for all.
            var nearest = weights.Min();
            for (var other = 0; other < weights.Length; other++)
            {
                weights[other] = Weight(weights[other], nearest, bandwidth);
            }

            partners[sample] = double.IsFinite(nearest) ? drawing.Choose(weights) : sample;
        }

        return partners;
    }

    private static double Weight(double distance, double nearest, double bandwidth) => distance == nearest
        ? 1
        : Math.Exp((nearest - distance) / bandwidth * ((nearest / bandwidth) + (distance / bandwidth)) / 2);
}
