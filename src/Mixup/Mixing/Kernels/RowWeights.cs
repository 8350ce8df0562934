using System.Numerics;

namespace TorchSharp.Mixup;

/// <summary>A range of cells with one weight for the row itself, and one for the other row.</summary>
internal readonly record struct Run(int From, int To, double Own, double Other);

/// <summary>The weights of one row of a combination at a resolution, as runs if these are long, otherwise cell by cell.</summary>
internal sealed class RowWeights
{
    private readonly Run[] runs;
    private Run[]? changes;
    private readonly (double[] Values, bool IsRest) own;
    private readonly (double[] Values, bool IsRest) other;

    private RowWeights(Run[] runs, bool isByCell) => (this.runs, IsByCell) = (runs, isByCell);

    private RowWeights((double[] Values, bool IsRest) own, (double[] Values, bool IsRest) other) =>
        (runs, this.own, this.other, IsByCell) = ([], own, other, true);

    /// <summary>Gets whether the row is combined cell by cell.</summary>
    public bool IsByCell { get; }

    /// <summary>Gets the number of runs; 0 if the weights are stored for each cell.</summary>
    public int RunCount => runs.Length;

    /// <summary>Finds the weights of a row.</summary>
    /// <param name="own">The field of the row itself, and whether 1 minus the field is used.</param>
    /// <param name="other">The same for the other row.</param>
    /// <param name="extent">The resolution.</param>
    /// <param name="leastMean">The number of cells that runs must have on average; 0 for runs of any length.</param>
    public static RowWeights Of((Field Field, bool IsRest) own, (Field Field, bool IsRest) other, Extent extent, int leastMean)
    {
        var ownLevels = FieldLevels.Of(own.Field, extent, leastMean);
        var otherLevels = ReferenceEquals(own.Field, other.Field) ? ownLevels : FieldLevels.Of(other.Field, extent, leastMean);
        if (ownLevels is null || otherLevels is null)
        {
            return new RowWeights(
                (Values(own.Field, ownLevels, extent), own.IsRest), (Values(other.Field, otherLevels, extent), other.IsRest));
        }

        var runs = Merge((ownLevels, own.IsRest), (otherLevels, other.IsRest));
        return new RowWeights(runs, runs.Length > 1 && runs.Length * (long)leastMean > extent.Cells);
    }

    /// <summary>Returns the run of a cell and all runs after it.</summary>
    public ReadOnlySpan<Run> RunsFrom(int cell) => From(runs, cell);

    /// <summary>Returns the same without runs that only copy the row itself, for results that already hold the row.</summary>
    public ReadOnlySpan<Run> ChangesFrom(int cell) => From(changes ??= Array.FindAll(runs, run => run is not { Own: 1, Other: 0 }), cell);

    private static ReadOnlySpan<Run> From(Run[] runs, int cell)
    {
        var (low, high) = (0, runs.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = runs[middle].To > cell ? (low, middle) : (middle + 1, high);
        }

        return runs.AsSpan(low);
    }

    /// <summary>Writes the weights of some cells, once for each element of a cell.</summary>
    public void Fill<TWeight>(int from, int to, int elements, Span<TWeight> ofOwn, Span<TWeight> ofOther)
        where TWeight : unmanaged, INumber<TWeight>
    {
        if (runs.Length == 0)
        {
            Fill(own.Values.AsSpan(from, to - from), own.IsRest, elements, ofOwn);
            Fill(other.Values.AsSpan(from, to - from), other.IsRest, elements, ofOther);
            return;
        }

        foreach (var run in RunsFrom(from))
        {
            if (run.From >= to)
            {
                break;
            }

            var (start, end) = ((Math.Max(run.From, from) - from) * elements, (Math.Min(run.To, to) - from) * elements);
            ofOwn[start..end].Fill(TWeight.CreateTruncating(run.Own));
            ofOther[start..end].Fill(TWeight.CreateTruncating(run.Other));
        }
    }

    private static void Fill<TWeight>(ReadOnlySpan<double> values, bool isRest, int elements, Span<TWeight> weights)
        where TWeight : unmanaged, INumber<TWeight>
    {
        var i = 0;
        if (typeof(TWeight) == typeof(float) && elements == 1)
        {
            var (sign, start) = isRest ? (-Vector<double>.One, Vector<double>.One) : (Vector<double>.One, Vector<double>.Zero);
            for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count)
            {
                Vector<double> Widened(ReadOnlySpan<double> part) => start + (sign * new Vector<double>(part));
                var narrow = Vector.Narrow(Widened(values[i..]), Widened(values[(i + Vector<double>.Count)..]));
                Vector.As<float, TWeight>(narrow).CopyTo(weights[i..]);
            }
        }

        for (; i < values.Length; i++)
        {
            weights.Slice(i * elements, elements).Fill(TWeight.CreateTruncating(isRest ? 1 - values[i] : values[i]));
        }
    }

    private static Run[] Merge((Level[] Levels, bool IsRest) own, (Level[] Levels, bool IsRest) other)
    {
        var isOne = ReferenceEquals(own.Levels, other.Levels);
        var runs = new Run[isOne ? own.Levels.Length : own.Levels.Length + other.Levels.Length - 1];
        var count = 0;
        for (var (i, j, from) = (0, 0, 0); i < own.Levels.Length;)
        {
            var (a, b) = (own.Levels[i], other.Levels[j]);
            var to = Math.Min(a.To, b.To);
            runs[count++] = new Run(from, to, own.IsRest ? a.Rest : a.Weight, other.IsRest ? b.Rest : b.Weight);
            from = to;
            i += a.To == to ? 1 : 0;
            j += b.To == to ? 1 : 0;
        }

        return count == runs.Length ? runs : runs[..count];
    }

    private static double[] Values(Field field, Level[]? levels, Extent extent)
    {
        if (levels is null)
        {
            return field.ValuesAt(extent);
        }

        var values = new double[extent.Cells];
        var from = 0;
        foreach (var level in levels)
        {
            values.AsSpan(from..level.To).Fill(level.Weight);
            from = level.To;
        }

        return values;
    }
}
