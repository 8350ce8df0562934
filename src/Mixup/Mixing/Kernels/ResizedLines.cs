namespace TorchSharp.Mixup;

/// <summary>
/// The source cells of a partner that is resized by nearest interpolation, for lines along the last dimension of the extent.
/// </summary>
/// <param name="StartOf">For each line, the first cell of its source line; -1 outside of the box.</param>
/// <param name="First">The first cell of a line inside the box.</param>
/// <param name="Along">For each cell of a line inside the box, its source cell within the source line.</param>
internal sealed record ResizedLines(int[] StartOf, int First, int[] Along)
{
    /// <summary>Finds the source cells of a field at a resolution.</summary>
    public static ResizedLines Of(ResizedBoxField field, Extent extent)
    {
        var last = extent.Count - 1;
        int[] starts = [0];
        for (var d = 0; d < last; d++)
        {
            var (before, sources, size) = (starts, SourcesAlong(field, d, extent[d]), (int)extent[d]);
            starts = [.. before.SelectMany(_ => sources, (outer, source) => outer < 0 || source < 0 ? -1 : (outer * size) + source)];
        }

        var along = SourcesAlong(field, last, extent[last]);
        var first = Math.Max(0, Array.FindIndex(along, source => source >= 0));
        return new ResizedLines(
            Array.ConvertAll(starts, start => start < 0 ? -1 : start * (int)extent[last]), first, [.. along.Where(source => source >= 0)]);
    }

    /// <summary>Resizes a plane of the partner into the box.</summary>
    /// <param name="partner">The plane of the partner.</param>
    /// <param name="inner">The number of elements of a cell.</param>
    /// <param name="seen">The resized plane. Cells outside of the box are not written.</param>
    public void Resize<T>(ReadOnlySpan<T> partner, int inner, Span<T> seen)
    {
        var length = seen.Length / StartOf.Length;
        for (var line = 0; line < StartOf.Length; line++)
        {
            if (StartOf[line] < 0)
            {
                continue;
            }

            var from = partner.Slice(StartOf[line] * inner, length);
            var to = seen.Slice((line * length) + (First * inner), Along.Length * inner);
            for (var i = 0; i < Along.Length; i++)
            {
                if (inner == 1)
                {
                    to[i] = from[Along[i]];
                }
                else
                {
                    from.Slice(Along[i] * inner, inner).CopyTo(to[(i * inner)..]);
                }
            }
        }
    }

    private static int[] SourcesAlong(ResizedBoxField field, int dimension, long size)
    {
        var sources = new int[size];
        for (var cell = 0; cell < size; cell++)
        {
            sources[cell] = field.TapsAt(dimension, size, cell) is [var (source, _)] ? (int)source : -1;
        }

        return sources;
    }
}
