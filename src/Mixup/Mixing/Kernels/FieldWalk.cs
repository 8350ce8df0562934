using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The shape of a tensor for fields: rows of planes, planes of cells, and cells of elements. Channels before the extent are planes;
/// channels after it are elements.
/// </summary>
internal readonly record struct FieldGrid(int Rows, int Planes, int Cells, int Inner)
{
    public int RowLength => Planes * Cells * Inner;
}

/// <summary>
/// Combines rows by weights that vary over their cells, run by run if the runs of equal weight are long, otherwise cell by cell. Threads
/// divide the rows. In place, they divide the cycles of the permutation and their columns. A piece holds the same columns of all rows of a
/// cycle. Pieces are independent; the cells of the first row that the last row reads are saved.
/// </summary>
/// <typeparam name="T">The type of an element.</typeparam>
/// <typeparam name="TWeight">The type in which the elements are weighted.</typeparam>
/// <typeparam name="TRows">The arithmetic.</typeparam>
internal static unsafe class FieldWalk<T, TWeight, TRows>
    where T : unmanaged
    where TWeight : unmanaged, INumber<TWeight>
    where TRows : IRows<T>, ICellRows<T, TWeight>
{
    // The saved cells and the pieces of two rows fit into the L1 or L2 cache.
    private const int PieceBytesInPlace = 32 * 1024;

    // It is faster to copy a small plane as a whole, and then some runs again, than to copy it run by run.
    private const int SmallPlaneBytes = 16 * 1024;

    // Below this size one thread finishes before the others start.
    private const long ParallelBytes = 128L << 10;

    // The number of elements whose weights are expanded at a time.
    private const int WeightsAtHand = 2048;

    /// <summary>Applies a combination to a contiguous tensor, or in place.</summary>
    public static void Run(WeightedCells combination, CellWeights weights, FieldGrid grid, Tensor source, Tensor target)
    {
        var threads = (long)grid.Rows * grid.RowLength * sizeof(T) >= ParallelBytes ? TorchThreads.Count : 1;
        fixed (byte* from = source.bytes)
        fixed (byte* to = target.bytes)
        {
            var (x, y) = ((nint)from, (nint)to);
            var row = new Part(0, grid.Planes, 0, grid.Cells);
            if (from == to)
            {
                var cycles = CyclesOf(combination.Sources.Walk);
                Part[] pieces = [.. Pieces(row, grid, PieceBytesInPlace)];
                TorchThreads.For(threads, share =>
                {
                    using var buffers = new Buffers(grid);
                    for (long item = share, items = (long)cycles.Length * pieces.Length; item < items; item += threads)
                    {
                        var (cycle, piece) = (cycles[item / pieces.Length], pieces[item % pieces.Length]);
                        Overwrite(combination.Sources.Walk, weights.OfTwo, grid, cycle, piece, (T*)x, buffers);
                    }
                });
            }
            else
            {
                // Few rows are divided into parts.
                var parts = grid.Rows >= 2 * threads ? [row] : PartsOfFewRows(grid, threads);
                var items = (long)grid.Rows * parts.Length;
                TorchThreads.For(threads, share =>
                {
                    using var buffers = new Buffers(grid);
                    var walk = new KeptRows(combination.Sources, weights, grid, (T*)x, (T*)y, buffers);
                    for (var item = items * share / threads; item < items * (share + 1) / threads; item++)
                    {
                        Fill(walk, (int)(item / parts.Length), parts[item % parts.Length]);
                    }
                });
            }
        }
    }

    private static void Fill(in KeptRows rows, int row, Part part)
    {
        var grid = rows.Grid;
        var partner = rows.Source(rows.Sources.First[row]);
        if (rows.Weights.Resized?[row] is not { } lines)
        {
            Fill(rows, row, part, partner);
            return;
        }

        // Each plane of the partner is resized into a buffer, whose pointer is offset as if it were the whole row.
        var length = grid.Cells * grid.Inner;
        var seen = rows.Buffers.Saved(length);
        for (var plane = part.FirstPlane; plane < part.EndPlane; plane++)
        {
            lines.Resize(new ReadOnlySpan<T>(partner + (plane * length), length), grid.Inner, new Span<T>(seen, length));
            Fill(rows, row, part with { FirstPlane = plane, EndPlane = plane + 1 }, seen - (plane * length));
        }
    }

    private static void Fill(in KeptRows rows, int row, Part part, T* partner)
    {
        var result = rows.Target(row);
        Combine(rows.Weights.OfTwo[row], rows.Grid, part, rows.Source(row), partner, result, rows.Buffers);
        for (var (more, end) = rows.Sources.RangeOfMore(row); more < end; more++)
        {
            var reader = rows.Source(rows.Sources.More[more]);
            Combine(rows.Weights.OfMore[more], rows.Grid, part, result, reader, result, rows.Buffers);
        }
    }

    private static Part[] PartsOfFewRows(FieldGrid grid, int count)
    {
        var byPlanes = grid.Planes >= count;
        int Boundary(int i) => (int)((long)(byPlanes ? grid.Planes : grid.Cells) * i / count);
        Part Share(int from, int to) => byPlanes ? new Part(from, to, 0, grid.Cells) : new Part(0, grid.Planes, from, to);
        return [.. Enumerable.Range(0, count).Select(i => Share(Boundary(i), Boundary(i + 1)))];
    }

    /// <summary>Divides a part into pieces of contiguous memory: whole planes, or cells of one plane.</summary>
    private static IEnumerable<Part> Pieces(Part part, FieldGrid grid, int bytes)
    {
        var most = Math.Max(1, bytes / Unsafe.SizeOf<T>() / grid.Inner);
        var isWhole = part.FirstCell == 0 && part.EndCell == grid.Cells && grid.Cells <= most;
        var (planes, cells) = isWhole ? (most / grid.Cells, grid.Cells) : (1, most);
        for (var plane = part.FirstPlane; plane < part.EndPlane; plane += planes)
        {
            for (var cell = part.FirstCell; cell < part.EndCell; cell += cells)
            {
                yield return new Part(plane, Math.Min(plane + planes, part.EndPlane), cell, Math.Min(cell + cells, part.EndCell));
            }
        }
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

        // The pointer is offset as if the buffer were the whole row.
        var first = Row(cycle.From);
        var saved = buffers.Saved(part.Length(grid)) - part.Start(grid);
        Save(weights[walk[cycle.To - 1].Row], grid, part, first, saved);
        for (var step = cycle.From; step < cycle.To; step++)
        {
            var partner = step + 1 == cycle.To ? saved : Row(step + 1);
            Combine(weights[walk[step].Row], grid, part, Row(step), partner, Row(step), buffers);
        }
    }

    /// <summary>Saves the cells that a row will read of the other one.</summary>
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

    // Optimised immediately, since the first batches would otherwise take five times as long.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CombineRuns(RowWeights weights, FieldGrid grid, Part part, T* sample, T* partner, T* result)
    {
        var planeLength = (part.EndCell - part.FirstCell) * grid.Inner;
        var isThere = result == sample;
        var copiesFirst = !isThere && weights.RunCount > 2 && planeLength * sizeof(T) <= SmallPlaneBytes;
        var runs = isThere || copiesFirst ? weights.ChangesFrom(part.FirstCell) : weights.RunsFrom(part.FirstCell);
        for (var plane = part.FirstPlane; plane < part.EndPlane; plane++)
        {
            if (copiesFirst)
            {
                var at = ((plane * grid.Cells) + part.FirstCell) * grid.Inner;
                new ReadOnlySpan<T>(sample + at, planeLength).CopyTo(new Span<T>(result + at, planeLength));
            }

            foreach (ref readonly var run in runs)
            {
                if (run.From >= part.EndCell)
                {
                    break;
                }

                var pair = Weights(run);
                var (at, length) = Stretch(run, part, plane, grid);
                var ofSample = new ReadOnlySpan<T>(sample + at, length);
                var ofPartner = new ReadOnlySpan<T>(partner + at, length);
                if (pair is (0, 1))
                {
                    ofPartner.CopyTo(new Span<T>(result + at, length));
                    continue;
                }

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

    /// <summary>Returns the position and length of a run within a plane, clipped to the part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (int At, int Length) Stretch(in Run run, in Part part, int plane, in FieldGrid grid)
    {
        var (from, to) = (Math.Max(run.From, part.FirstCell), Math.Min(run.To, part.EndCell));
        return (((plane * grid.Cells) + from) * grid.Inner, (to - from) * grid.Inner);
    }

    /// <summary>Returns the weights in the type of the arithmetic. Weights too small for float32 become 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (double Own, double Other) Weights(in Run run) =>
        typeof(TWeight) == typeof(double) ? (run.Own, run.Other) : ((float)run.Own, (float)run.Other);

    /// <summary>A range of cells in a range of planes of a row.</summary>
    private readonly record struct Part(int FirstPlane, int EndPlane, int FirstCell, int EndCell)
    {
        public int Start(in FieldGrid grid) => ((FirstPlane * grid.Cells) + FirstCell) * grid.Inner;

        /// <summary>Returns the number of elements, which are contiguous if the part is a piece.</summary>
        public int Length(in FieldGrid grid) => (EndPlane - FirstPlane) * (EndCell - FirstCell) * grid.Inner;
    }

    /// <summary>The rows to fill and their sources.</summary>
    private readonly struct KeptRows(
        RowSources sources, CellWeights weights, FieldGrid grid, T* source, T* target, Buffers buffers)
    {
        public RowSources Sources => sources;

        public CellWeights Weights => weights;

        public FieldGrid Grid => grid;

        public Buffers Buffers => buffers;

        public T* Source(long row) => source + (row * grid.RowLength);

        public T* Target(long row) => target + (row * grid.RowLength);
    }

    /// <summary>The buffers of a thread.</summary>
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
                NativeMemory.Free(saved);
                saved = NativeMemory.Alloc((nuint)length, (nuint)sizeof(T));
                savedLength = length;
            }

            return (T*)saved;
        }

        public void Dispose() => NativeMemory.Free(saved);
    }
}
