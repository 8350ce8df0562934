namespace TorchSharp.Mixup;

/// <summary>A range of cells with one weight, up to the cell <c>To</c>, exclusive. <c>Rest</c> is the weight of the partner.</summary>
internal readonly record struct Level(int To, double Weight, double Rest);

/// <summary>
/// Divides a field into ranges of equal weight, in row-major order. A number is one range; a box in two dimensions has a few ranges on each
/// line.
/// </summary>
internal static class FieldLevels
{
    // A mask is not rejected before this many ranges.
    private const int LeastRanges = 64;

    /// <summary>Returns whether the kind of the field is supported.</summary>
    public static bool Knows(Field field) => field is NumberField or BoxField or MaskField;

    /// <summary>Finds the ranges.</summary>
    /// <param name="field">The field.</param>
    /// <param name="extent">The resolution.</param>
    /// <param name="leastMean">The number of cells that the ranges of a mask must have on average.</param>
    /// <returns>The ranges; null for a mask whose weights change more often.</returns>
    public static Level[]? Of(Field field, Extent extent, int leastMean) => field switch
    {
        NumberField number => [new Level((int)extent.Cells, number.Lambda, 1 - number.Lambda)],
        BoxField box => Of(box, extent),
        _ => Of(field.ValuesAt(extent), leastMean),
    };

    private static Level[] Of(BoxField box, Extent extent)
    {
        var along = Enumerable.Range(0, extent.Count).Select(d => Along(box, d, extent[d])).ToArray();
        var inner = new int[extent.Count];
        for (var (d, cells) = (extent.Count - 1, 1); d >= 0; d--)
        {
            (inner[d], cells) = (cells, cells * (int)extent[d]);
        }

        List<Level> levels = [];
        Append(levels, along, inner, 0, 0, 1);
        return [.. levels];
    }

    /// <summary>Appends the ranges of the cells with one index along all dimensions before d.</summary>
    private static void Append(List<Level> levels, List<(int To, double Coverage)>[] along, int[] inner, int d, int start, double outer)
    {
        var index = 0;
        foreach (var (to, coverage) in along[d])
        {
            if (coverage == 0 || d == inner.Length - 1)
            {
                Append(levels, start + (to * inner[d]), outer * coverage);
                index = to;
                continue;
            }

            for (; index < to; index++)
            {
                Append(levels, along, inner, d + 1, start + (index * inner[d]), outer * coverage);
            }
        }
    }

    private static void Append(List<Level> levels, int to, double coverage)
    {
        var level = new Level(to, 1 - coverage, coverage);
        if (levels.Count > 0 && levels[^1].Rest == coverage)
        {
            levels[^1] = level;
        }
        else
        {
            levels.Add(level);
        }
    }

    /// <summary>Returns the coverage of the cells along one dimension, as five ranges at most.</summary>
    private static List<(int To, double Coverage)> Along(BoxField box, int d, long size)
    {
        var drawn = box.Extent[d];
        var (first, last) = (box.From[d] * size, box.To[d] * size);
        var (firstWhole, endOfWhole) = ((first + drawn - 1) / drawn, last / drawn);
        List<(int To, double Coverage)> levels = [];
        void Add(long to, double coverage)
        {
            if (to > (levels.Count == 0 ? 0 : levels[^1].To))
            {
                levels.Add(((int)to, coverage));
            }
        }

        Add(first / drawn, 0);
        Add(firstWhole, firstWhole == 0 ? 0 : box.CoverageOf(d, size, firstWhole - 1));
        Add(endOfWhole, 1);
        Add((last + drawn - 1) / drawn, box.CoverageOf(d, size, endOfWhole));
        Add(size, 0);
        return levels;
    }

    private static Level[]? Of(ReadOnlySpan<double> values, int leastMean)
    {
        List<Level> levels = [];
        for (var from = 0; from < values.Length;)
        {
            var length = values[from..].IndexOfAnyExcept(values[from]);
            var to = length < 0 ? values.Length : from + length;
            levels.Add(new Level(to, values[from], 1 - values[from]));
            from = to;
            if (levels.Count >= LeastRanges && levels.Count * (long)leastMean > to)
            {
                return null;
            }
        }

        return levels.Count * (long)leastMean <= values.Length ? [.. levels] : null;
    }
}
