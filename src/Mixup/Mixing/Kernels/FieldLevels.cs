namespace TorchSharp.Mixup;

/// <summary>A stretch of cells over which a field has one weight: it ends before a cell, and the partner has the rest.</summary>
internal readonly record struct Level(int To, double Weight, double Rest);

/// <summary>
/// A field as stretches of one weight each, the cells in the order of memory. A number is one stretch; a box in two dimensions has a few on
/// each line that it crosses.
/// </summary>
internal static class FieldLevels
{
    // A mask is judged by this many of its first stretches, and by all that follow.
    private const int LeastJudged = 64;

    /// <summary>Whether the kind of the field is known here.</summary>
    public static bool Knows(Field field) => field is NumberField or BoxField or MaskField;

    /// <summary>Finds the stretches.</summary>
    /// <param name="field">The field.</param>
    /// <param name="extent">The resolution.</param>
    /// <param name="leastMean">How many cells a stretch of a mask must have in the mean.</param>
    /// <returns>The stretches; null for a mask whose weights change more often.</returns>
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

    /// <summary>The cells of one index along all dimensions before d, which the box covers in part.</summary>
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

    /// <summary>How much of the cells along one dimension lies in the box: five stretches at most.</summary>
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
            if (levels.Count >= LeastJudged && levels.Count * (long)leastMean > to)
            {
                return null;
            }
        }

        return levels.Count * (long)leastMean <= values.Length ? [.. levels] : null;
    }
}
