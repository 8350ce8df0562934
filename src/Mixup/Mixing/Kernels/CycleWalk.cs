using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Combines the rows of a matrix in the order of the cycles of the permutation. It handles a chunk of columns at a time, so that a partner
/// is still in cache when it is the sample. Threads divide the rows: by parts of the walk in place and for pairs, otherwise by their order
/// in memory. Few rows, or long rows in place, are divided by columns instead.
/// </summary>
/// <example>
/// The partners 2, 3, 4, 1, 0 are walked as 0, 2, 4 (ends a cycle), 1, 3 (ends a cycle). In place, row 0 is saved first. Then row 0 reads
/// row 2 and row 2 reads row 4, which are both still unchanged. Row 4 reads the saved row 0. If one thread handles rows 0 and 2 and another
/// the rest, the first needs a copy of row 4, the second one of row 0. Both copies are made before any row is written. Rows 1 and 3 are a
/// pair: both are read before either is written, so nothing is saved.
/// </example>
internal static unsafe class CycleWalk<T, TRows>
    where T : unmanaged
    where TRows : IRows<T>
{
    // A chunk of a row and of its result fits into the L2 cache. In place, a chunk of the saved first row of a cycle fits into the L1
    // cache.
    private const int ChunkBytes = 128 * 1024;
    private const int ChunkBytesInPlace = 32 * 1024;

    // Shorter rows are not divided by columns, since the processor prefetches past the end of a part, which another thread writes.
    private const int SharedRowBytes = 512 * 1024;

    // Below this size one thread finishes before the others start.
    private const long ParallelBytes = 128L << 10;

    /// <summary>Applies a combination to dense tensors of the same memory order. Fresh memory was never written to.</summary>
    public static void Run(WeightedRows combination, Tensor source, Tensor target, bool isFresh)
    {
        var rows = (int)source.size(0);
        var rowLength = (int)(source.numel() / rows);
        var size = source.numel() * sizeof(T);
        fixed (byte* from = source.bytes)
        fixed (byte* to = target.bytes)
        {
            var stream = from != to && !combination.Sources.HasMore && ResultMemory.IsStreamed(size, isFresh);
            var matrix = new Matrix((T*)from, (T*)to, rowLength, stream);
            var walk = combination.Sources.Walk;
            var threads = size >= ParallelBytes ? TorchThreads.Count : 1;
            var rowBytes = rowLength * sizeof(T);
            var isByColumns = rows < 2 * threads ? rowBytes > ChunkBytesInPlace : matrix.InPlace && rowBytes > SharedRowBytes;
            if (threads == 1 || (rows < 2 * threads && !isByColumns))
            {
                Walk(combination, matrix, Stretch.All(walk), 0, rowLength);
            }
            else if (isByColumns)
            {
                // Boundaries of whole cache lines, so that two threads never write to the same line.
                var share = ((rowLength / threads) + 63) & ~63;
                int Boundary(int i) => i == threads ? rowLength : Math.Min(i * share, rowLength);
                TorchThreads.For(threads, i => Walk(combination, matrix, Stretch.All(walk), Boundary(i), Boundary(i + 1)));
            }
            else
            {
                var isByWalk = matrix.InPlace || combination.Sources.IsPairs;
                var stretches = isByWalk ? Stretches(walk, matrix, threads) : RowsAlike(walk, rows, threads);
                TorchThreads.For(threads, i => Walk(combination, matrix, stretches[i], 0, rowLength));
            }
        }
    }

    /// <summary>Divides the rows as torch does in its own loops, so that each thread reads the memory that it wrote there.</summary>
    private static Stretch[] RowsAlike(Step[] walk, int rows, int count)
    {
        var share = (rows + count - 1) / count;
        return [.. Enumerable.Range(0, count).Select(i => Stretch.All(walk) with { FirstRow = i * share, EndRow = (i + 1) * share })];
    }

    /// <summary>Divides the walk into equal parts. In place, rows that a part reads but another part overwrites are copied first.</summary>
    private static Stretch[] Stretches(Step[] walk, Matrix matrix, int count)
    {
        // An even boundary keeps pairs together.
        int Boundary(int i) => i == count ? walk.Length : (int)((long)walk.Length * i / count) & ~1;

        T[] Copy(int step) => matrix.Source(walk[step].Row, 0, matrix.RowLength).ToArray();

        var stretches = new Stretch[count];
        for (var i = 0; i < count; i++)
        {
            var (from, to) = (Boundary(i), Boundary(i + 1));
            var begun = from;
            while (begun > 0 && !walk[begun - 1].EndsCycle)
            {
                begun--;
            }

            stretches[i] = new Stretch(from, to)
            {
                CopyOfFirst = matrix.InPlace && begun < from ? Copy(begun) : null,
                CopyOfNext = matrix.InPlace && to < walk.Length && !walk[to - 1].EndsCycle ? Copy(to) : null,
            };
        }

        return stretches;
    }

    private static void Walk(WeightedRows combination, Matrix matrix, Stretch stretch, int from, int to)
    {
        if (matrix.InPlace)
        {
            Overwrite(combination, matrix, stretch, from, to);
        }
        else
        {
            Fill(combination, matrix, stretch, from, to);
        }
    }

    // Optimised immediately, since the first batches would otherwise take five times as long.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Fill(WeightedRows combination, Matrix matrix, Stretch stretch, int from, int to)
    {
        var walk = combination.Sources.Walk;
        var sources = combination.Sources;
        var hasMore = sources.HasMore;
        for (var column = from; column < to; column += ChunkLength)
        {
            var length = Math.Min(ChunkLength, to - column);
            for (var i = stretch.From; i < stretch.To; i++)
            {
                var row = walk[i].Row;
                if (row < stretch.FirstRow || row >= stretch.EndRow)
                {
                    continue;
                }

                var sample = matrix.Source(row, column, length);
                var partner = matrix.Source((int)sources.First[row], column, length);
                var result = matrix.Target(row, column, length);
                RowTerms<T, TRows>.Combine(sample, partner, Weights(combination, row), result, matrix.Stream);
                for (var (more, end) = hasMore ? sources.RangeOfMore(row) : default; more < end; more++)
                {
                    var weight = combination.WeightOfMore(more, single: typeof(T) != typeof(double));
                    var reader = matrix.Source((int)sources.More[more], column, length);
                    RowTerms<T, TRows>.Combine(result, reader, (1, weight), result, stream: false);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Overwrite(WeightedRows combination, Matrix matrix, Stretch stretch, int from, int to)
    {
        // A pair is read once, so it needs no chunks.
        var isReadOnce = combination.Sources.IsPairs && MixesEverywhere(combination);
        var chunk = isReadOnce ? to - from : Math.Min(to - from, ChunkBytesInPlace / sizeof(T));
        var walk = combination.Sources.Walk;
        T[]? memory = null;
        for (var column = from; column < to; column += chunk)
        {
            var length = Math.Min(chunk, to - column);

            // The first row of the current cycle; empty at the start of a cycle.
            var first = stretch.CopyOfFirst is { } copy ? copy.AsSpan(column, length) : default(ReadOnlySpan<T>);
            for (var i = stretch.From; i < stretch.To; i++)
            {
                var row = matrix.Source(walk[i].Row, column, length);
                var weights = Weights(combination, walk[i].Row);
                var isLast = walk[i].EndsCycle;
                if (first.IsEmpty && !isLast && i + 1 < stretch.To && walk[i + 1].EndsCycle && RowTerms<T, TRows>.Mixes(weights)
                    && Weights(combination, walk[i + 1].Row) is var ofSecond && RowTerms<T, TRows>.Mixes(ofSecond))
                {
                    var second = matrix.Source(walk[++i].Row, column, length);
                    TRows.CombinePair(row, second, weights.Own, weights.Other, ofSecond.Own, ofSecond.Other);
                    continue;
                }

                if (first.IsEmpty)
                {
                    memory ??= new T[chunk];
                    row.CopyTo(memory);
                    first = memory.AsSpan(0, length);
                }

                var partner = isLast ? first
                    : i + 1 == stretch.To ? stretch.CopyOfNext.AsSpan(column, length)
                    : matrix.Source(walk[i + 1].Row, column, length);
                RowTerms<T, TRows>.Combine(row, partner, weights, row, stream: false);
                first = isLast ? default : first;
            }
        }
    }

    private static int ChunkLength => ChunkBytes / sizeof(T);

    private static bool MixesEverywhere(WeightedRows combination)
    {
        for (var row = 0; row < combination.Sources.First.Length; row++)
        {
            if (!RowTerms<T, TRows>.Mixes(Weights(combination, row)))
            {
                return false;
            }
        }

        return true;
    }

    private static (double Own, double Other) Weights(WeightedRows combination, int row) =>
        combination.Weights(row, single: typeof(T) != typeof(double));

    /// <summary>The memory to read and to write.</summary>
    private readonly struct Matrix(T* source, T* target, int rowLength, bool stream)
    {
        public int RowLength => rowLength;

        public bool Stream => stream;

        public bool InPlace => source == target;

        public Span<T> Source(int row, int column, int length) => new(source + ((long)row * rowLength) + column, length);

        public Span<T> Target(int row, int column, int length) => new(target + ((long)row * rowLength) + column, length);
    }

    /// <summary>A part of the walk.</summary>
    private sealed record Stretch(int From, int To)
    {
        /// <summary>Gets the first row that this part fills.</summary>
        public int FirstRow { get; init; }

        /// <summary>Gets the end of the rows that this part fills.</summary>
        public int EndRow { get; init; } = int.MaxValue;

        public static Stretch All(Step[] walk) => new(0, walk.Length);

        /// <summary>
        /// Gets a copy of the first row of the cycle in which the part begins; null if the part begins with a cycle, or is not in place.
        /// </summary>
        public T[]? CopyOfFirst { get; init; }

        /// <summary>
        /// Gets a copy of the first row of the next part, if the cycle continues there; null otherwise, or if the part is not in place.
        /// </summary>
        public T[]? CopyOfNext { get; init; }
    }
}
