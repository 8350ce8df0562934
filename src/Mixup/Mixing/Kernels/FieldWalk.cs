using System.Numerics;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A tensor as fields see it: rows of planes, planes of cells, cells of elements. Channels are planes if they stand before the extent, else
/// elements.
/// </summary>
internal readonly record struct FieldGrid(int Rows, int Planes, int Cells, int Inner)
{
    public int RowLength => Planes * Cells * Inner;
}

/// <summary>
/// Combines rows by weights that vary over their cells. Where these are 0 and 1 in long runs, a row is copied from two others run by run;
/// else it goes cell by cell.
/// What is kept is shared out among the threads by rows. In place, it goes by cycles of the permutation, a part of their rows at a time,
/// since a part needs no other one: what the last row of a cycle reads
/// of the first is put aside.
/// </summary>
/// <typeparam name="T">The type of an element.</typeparam>
/// <typeparam name="TWeight">The type in which the elements are weighed.</typeparam>
/// <typeparam name="TRows">The arithmetic.</typeparam>
internal static unsafe class FieldWalk<T, TWeight, TRows>
    where T : unmanaged
    where TWeight : unmanaged, INumber<TWeight>
    where TRows : IRows<T>, ICellRows<T, TWeight>
{
    // What is put aside, and a part of two rows, stay in the first or second cache.
    private const int PartBytesInPlace = 32 * 1024;

    // A small plane is faster copied as a whole, and then in part again, than by its runs.
    private const int SmallPlaneBytes = 16 * 1024;

    // Below this one thread is done before the others have begun.
    private const long ParallelBytes = 128L << 10;

    // The weights of so many elements are at hand at a time.
    private const int WeightsAtHand = 2048;

    /// <summary>Applies a combination to a contiguous tensor, or in place.</summary>
    public static void Run(WeightedCells combination, CellWeights weights, FieldGrid grid, Tensor source, Tensor target)
    {
        var threads = (long)grid.Rows * grid.RowLength * sizeof(T) >= ParallelBytes ? TorchThreads.Count : 1;
        fixed (byte* from = source.bytes)
        fixed (byte* to = target.bytes)
        {
            var (x, y) = ((nint)from, (nint)to);
            if (from == to)
            {
                var cycles = CyclesOf(combination.Sources.Walk);
                var parts = PartsInPlace(grid);
                TorchThreads.For(threads, share =>
                {
                    using var buffers = new Buffers(grid);
                    for (long item = share, items = (long)cycles.Length * parts.Length; item < items; item += threads)
                    {
                        var (cycle, part) = (cycles[item / parts.Length], parts[item % parts.Length]);
                        Overwrite(combination.Sources.Walk, weights.OfTwo, grid, cycle, part, (T*)x, buffers);
                    }
                });
            }
            else
            {
                // Few rows are cut into parts.
                var parts = grid.Rows >= 2 * threads ? [new Part(0, grid.Planes, 0, grid.Cells)] : PartsOfFewRows(grid, threads);
                var items = (long)grid.Rows * parts.Length;
                var sources = combination.Sources;
                TorchThreads.For(threads, share =>
                {
                    using var buffers = new Buffers(grid);
                    for (var item = items * share / threads; item < items * (share + 1) / threads; item++)
                    {
                        var (row, part) = ((int)(item / parts.Length), parts[item % parts.Length]);
                        T* Row(nint data, long number) => (T*)data + (number * grid.RowLength);

                        var result = Row(y, row);
                        if (weights.Resized?[row] is { } lines)
                        {
                            CombineResized(weights.OfTwo[row], lines, grid, part, Row(x, row), Row(x, sources.First[row]), result, buffers);
                            continue;
                        }

                        Combine(weights.OfTwo[row], grid, part, Row(x, row), Row(x, sources.First[row]), result, buffers);
                        for (var (more, end) = sources.RangeOfMore(row); more < end; more++)
                        {
                            Combine(weights.OfMore[more], grid, part, result, Row(x, sources.More[more]), result, buffers);
                        }
                    }
                });
            }
        }
    }

    private static Part[] PartsOfFewRows(FieldGrid grid, int count)
    {
        var byPlanes = grid.Planes >= count;
        int Boundary(int i) => (int)((long)(byPlanes ? grid.Planes : grid.Cells) * i / count);
        Part Share(int from, int to) => byPlanes ? new Part(from, to, 0, grid.Cells) : new Part(0, grid.Planes, from, to);
        return [.. Enumerable.Range(0, count).Select(i => Share(Boundary(i), Boundary(i + 1)))];
    }

    /// <summary>Each part is one stretch of memory: whole planes, or cells of one plane.</summary>
    private static Part[] PartsInPlace(FieldGrid grid)
    {
        var length = PartBytesInPlace / sizeof(T) / grid.Inner;
        List<Part> parts = [];
        if (grid.Cells <= length)
        {
            var planes = length / grid.Cells;
            for (var plane = 0; plane < grid.Planes; plane += planes)
            {
                parts.Add(new Part(plane, Math.Min(plane + planes, grid.Planes), 0, grid.Cells));
            }
        }
        else
        {
            length = Math.Max(1, length);
            for (var plane = 0; plane < grid.Planes; plane++)
            {
                for (var cell = 0; cell < grid.Cells; cell += length)
                {
                    parts.Add(new Part(plane, plane + 1, cell, Math.Min(cell + length, grid.Cells)));
                }
            }
        }

        return [.. parts];
    }

    private static (int From, int To)[] CyclesOf(Step[] walk)
    {
        List<(int From, int To)> cycles = [];
        for (var (from, i) = (0, 0); i < walk.Length; i++)
        {
            if (walk[i].EndsCycle)
            {
                cycles.Add((from, i + 1));
                from = i + 1;
            }
        }

        return [.. cycles];
    }

    private static void Overwrite(
        Step[] walk, RowWeights[] weights, FieldGrid grid, (int From, int To) cycle, Part part, T* x, Buffers buffers)
    {
        T* Row(int step) => x + ((long)walk[step].Row * grid.RowLength);

        // As if it were a whole row, of which only this part is there.
        var first = Row(cycle.From);
        var saved = buffers.Saved(part.Length(grid)) - part.Start(grid);
        Save(weights[walk[cycle.To - 1].Row], grid, part, first, saved);
        for (var step = cycle.From; step < cycle.To; step++)
        {
            Combine(weights[walk[step].Row], grid, part, Row(step), step + 1 == cycle.To ? saved : Row(step + 1), Row(step), buffers);
        }
    }

    /// <summary>Puts aside what a row will read of the other one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Save(RowWeights weights, FieldGrid grid, Part part, T* other, T* saved)
    {
        if (weights.IsByCell)
        {
            var (start, length) = (part.Start(grid), part.Length(grid));
            new ReadOnlySpan<T>(other + start, length).CopyTo(new Span<T>(saved + start, length));
            return;
        }

        for (var plane = part.FirstPlane; plane < part.EndPlane; plane++)
        {
            foreach (ref readonly var run in weights.RunsFrom(part.FirstCell))
            {
                if (run.From >= part.EndCell)
                {
                    break;
                }

                if (run.Other != 0)
                {
                    var (at, length) = Stretch(run, part, plane, grid);
                    new ReadOnlySpan<T>(other + at, length).CopyTo(new Span<T>(saved + at, length));
                }
            }
        }
    }

    /// <summary>Plane by plane, each as it is seen in the row.</summary>
    private static void CombineResized(
        RowWeights weights, ResizedLines lines, FieldGrid grid, Part part, T* sample, T* partner, T* result, Buffers buffers)
    {
        var length = grid.Cells * grid.Inner;
        var seen = buffers.Saved(length);
        for (var plane = part.FirstPlane; plane < part.EndPlane; plane++)
        {
            lines.Resize(new ReadOnlySpan<T>(partner + (plane * length), length), grid.Inner, new Span<T>(seen, length));
            var ofPlane = part with { FirstPlane = plane, EndPlane = plane + 1 };
            Combine(weights, grid, ofPlane, sample, seen - (plane * length), result, buffers); // as if it were a whole row
        }
    }

    private static void Combine(RowWeights weights, FieldGrid grid, Part part, T* sample, T* partner, T* result, Buffers buffers)
    {
        if (weights.IsByCell)
        {
            CombineCells(weights, grid, part, sample, partner, result, buffers);
        }
        else
        {
            CombineRuns(weights, grid, part, sample, partner, result);
        }
    }

    // Optimised at once: the first batches would else take five times as long.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CombineRuns(RowWeights weights, FieldGrid grid, Part part, T* sample, T* partner, T* result)
    {
        var planeLength = (part.EndCell - part.FirstCell) * grid.Inner;
        var isThere = result == sample;
        var copiesFirst = !isThere && weights.RunCount > 2 && planeLength * sizeof(T) <= SmallPlaneBytes;
        for (var plane = part.FirstPlane; plane < part.EndPlane; plane++)
        {
            if (copiesFirst)
            {
                var at = ((plane * grid.Cells) + part.FirstCell) * grid.Inner;
                new ReadOnlySpan<T>(sample + at, planeLength).CopyTo(new Span<T>(result + at, planeLength));
            }

            foreach (ref readonly var run in weights.RunsFrom(part.FirstCell))
            {
                if (run.From >= part.EndCell)
                {
                    break;
                }

                var pair = Weights(run);
                if (pair is (1, 0) && (isThere || copiesFirst))
                {
                    continue;
                }

                var (at, length) = Stretch(run, part, plane, grid);
                var ofSample = new ReadOnlySpan<T>(sample + at, length);
                var ofPartner = new ReadOnlySpan<T>(partner + at, length);
                RowTerms<T, TRows>.Combine(ofSample, ofPartner, pair, new Span<T>(result + at, length), stream: false);
            }
        }
    }

    private static void CombineCells(RowWeights weights, FieldGrid grid, Part part, T* sample, T* partner, T* result, Buffers buffers)
    {
        var cellsAtHand = Math.Max(1, WeightsAtHand / grid.Inner);
        for (var cell = part.FirstCell; cell < part.EndCell; cell += cellsAtHand)
        {
            var end = Math.Min(cell + cellsAtHand, part.EndCell);
            var length = (end - cell) * grid.Inner;
            var own = buffers.Own.AsSpan(0, length);
            var other = buffers.Other.AsSpan(0, length);
            weights.Fill(cell, end, grid.Inner, own, other);
            for (var plane = part.FirstPlane; plane < part.EndPlane; plane++)
            {
                var at = ((plane * grid.Cells) + cell) * grid.Inner;
                var ofSample = new ReadOnlySpan<T>(sample + at, length);
                var ofPartner = new ReadOnlySpan<T>(partner + at, length);
                TRows.CombineCells(ofSample, ofPartner, own, other, new Span<T>(result + at, length));
            }
        }
    }

    /// <summary>Where a run lies within a plane of a row, as far as it belongs to the part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (int At, int Length) Stretch(in Run run, in Part part, int plane, in FieldGrid grid)
    {
        var (from, to) = (Math.Max(run.From, part.FirstCell), Math.Min(run.To, part.EndCell));
        return (((plane * grid.Cells) + from) * grid.Inner, (to - from) * grid.Inner);
    }

    /// <summary>The weights as they are in the type that is weighed in: what is too small for float32 is 0 there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (double Own, double Other) Weights(in Run run) =>
        typeof(TWeight) == typeof(double) ? (run.Own, run.Other) : ((float)run.Own, (float)run.Other);

    /// <summary>Some cells of some planes of a row.</summary>
    private readonly record struct Part(int FirstPlane, int EndPlane, int FirstCell, int EndCell)
    {
        public int Start(in FieldGrid grid) => ((FirstPlane * grid.Cells) + FirstCell) * grid.Inner;

        /// <summary>How long the one stretch of memory is, if it is one.</summary>
        public int Length(in FieldGrid grid) => (EndPlane - FirstPlane) * (EndCell - FirstCell) * grid.Inner;
    }

    /// <summary>What a thread needs besides.</summary>
    private sealed class Buffers(FieldGrid grid) : IDisposable
    {
        private TWeight[]? own;
        private TWeight[]? other;
        private void* saved;
        private int savedLength;

        private int Length => Math.Max(WeightsAtHand, grid.Inner);

        public TWeight[] Own => own ??= new TWeight[Length];

        public TWeight[] Other => other ??= new TWeight[Length];

        public T* Saved(int length)
        {
            if (length > savedLength)
            {
                saved = System.Runtime.InteropServices.NativeMemory.Realloc(saved, (nuint)length * (nuint)sizeof(T));
                savedLength = length;
            }

            return (T*)saved;
        }

        public void Dispose() => System.Runtime.InteropServices.NativeMemory.Free(saved);
    }
}
