namespace TorchSharp.Mixup;

/// <summary>
/// Resamples weights by means over the cells of another resolution. Along each axis, a new cell weights the old cells by their overlap.
/// Overlaps are integers, and the division comes last, so that a new cell over weights of 1 is exactly 1.
/// </summary>
internal static class Resampling
{
    public static double[] Resample(double[] values, Extent from, Extent to)
    {
        var divisor = 1.0;
        for (var d = 0; d < from.Count; d++)
        {
            // The axes before d have their new size, those after it their old one.
            var inner = from.Skip(d + 1).Aggregate(1L, (product, size) => product * size);
            values = Along(values, from[d], to[d], (int)inner);
            divisor *= from[d] == to[d] ? 1 : from[d];
        }

        return Array.ConvertAll(values, value => Math.Min(1, value / divisor));
    }

    /// <summary>
    /// Sums the old cells along one axis, weighted by their overlap in units of 1 / (old size * new size). In these units a new cell is as
    /// long as the old size.
    /// </summary>
    private static double[] Along(double[] values, long oldSize, long newSize, int inner)
    {
        if (oldSize == newSize)
        {
            return values;
        }

        var outer = values.Length / inner / oldSize;
        var result = new double[outer * newSize * inner];
        for (var o = 0L; o < outer; o++)
        {
            for (var cell = 0L; cell < newSize; cell++)
            {
                var (first, last) = (cell * oldSize, (cell + 1) * oldSize);
                var target = result.AsSpan((int)(((o * newSize) + cell) * inner), inner);
                for (var old = first / newSize; old * newSize < last; old++)
                {
                    double overlap = Math.Min(last, (old + 1) * newSize) - Math.Max(first, old * newSize);
                    var source = values.AsSpan((int)(((o * oldSize) + old) * inner), inner);
                    for (var i = 0; i < inner; i++)
                    {
                        target[i] += overlap * source[i];
                    }
                }
            }
        }

        return result;
    }
}
