namespace TorchSharp.Mixup;

/// <summary>
/// Which cell of a partner is seen in each cell of a row, where it is resized to the nearest one: the extent as lines along its last
/// dimension.
/// </summary>
/// <param name="StartOf">Where the line that a line is taken from begins, as a cell; -1 outside of the box.</param>
/// <param name="First">The first cell of a line that lies in the box.</param>
/// <param name="Along">For each cell of a line that lies in the box, its source within the line.</param>
internal sealed record ResizedLines(int[] StartOf, int First, int[] Along)
{
    /// <summary>Finds the sources of a field's cells at a resolution.</summary>
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

    /// <summary>Writes the cells of a plane of the partner that are seen.</summary>
    /// <param name="partner">A plane.</param>
    /// <param name="inner">How many elements a cell has.</param>
    /// <param name="seen">The plane as it is seen in the row. Outside of the box it stays as it is.</param>
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
