using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Combines the rows of a matrix cycle by cycle of the permutation, a chunk of columns at a time, so that a partner is still in cache when its own turn comes. Long rows are shared
/// out among the threads by columns, short ones by stretches of the walk.
/// </summary>
internal static unsafe class CycleWalk<T, TRows>
    where T : unmanaged
    where TRows : IRows<T>
{
    private const int ChunkBytes = 32 * 1024;

    // Below this one thread is done before the others have begun.
    private const long ParallelBytes = 128L << 10;

    // From here on the result is written past the caches, which saves reading its memory first; a smaller one is better left in them for whoever is next, and so is memory that was
    // written not long ago.
    private const long StreamedBytes = 6L << 20;
    private const long StreamedAgainBytes = 24L << 20;

    /// <summary>Applies a combination to a contiguous matrix, or other dense tensor of the same memory order for both; fresh memory was never written to.</summary>
    public static void Run(Combination combination, Tensor source, Tensor target, bool fresh)
    {
        var rows = (int)source.size(0);
        var rowLength = (int)(source.numel() / rows);
        var size = source.numel() * sizeof(T);
        fixed (byte* from = source.bytes)
        fixed (byte* to = target.bytes)
        {
            var matrix = new Matrix((T*)from, (T*)to, rowLength, stream: from != to && size >= (fresh ? StreamedBytes : StreamedAgainBytes));
            var walk = combination.Walk;
            var threads = size >= ParallelBytes ? TorchThreads.Count : 1;
            if (rowLength * (long)sizeof(T) > ChunkBytes && threads > 1)
            {
                // Boundaries on whole cache lines, so that no two threads write to one.
                var share = ((rowLength / threads) + 63) & ~63;
                TorchThreads.For(threads, i => Walk(combination, matrix, new Stretch(0, walk.Length), Math.Min(i * share, rowLength), i == threads - 1 ? rowLength : Math.Min((i + 1) * share, rowLength)));
            }
            else if (threads > 1 && rows >= 2 * threads)
            {
                var stretches = Stretches(walk, matrix, threads);
                TorchThreads.For(threads, i => Walk(combination, matrix, stretches[i], 0, rowLength));
            }
            else
            {
                Walk(combination, matrix, new Stretch(0, walk.Length), 0, rowLength);
            }
        }
    }

    /// <summary>Cuts the walk into equal parts. In place, what a part needs of the rows of another is put aside before that one overwrites it.</summary>
    private static Stretch[] Stretches(int[] walk, Matrix matrix, int count)
    {
        // Even ones leave pairs whole.
        int Boundary(int i) => i == count ? walk.Length : (int)((long)walk.Length * i / count) & ~1;

        T[]? Copy(int row) => matrix.InPlace ? matrix.Source(row, 0, matrix.RowLength).ToArray() : null;

        var stretches = new Stretch[count];
        for (var i = 0; i < count; i++)
        {
            var (from, to) = (Boundary(i), Boundary(i + 1));
            var begun = from;
            while (begun > 0 && walk[begun - 1] >= 0)
            {
                begun--;
            }

            var continues = to < walk.Length && walk[to - 1] >= 0;
            stretches[i] = new Stretch(from, to)
            {
                First = begun < from ? Row(walk[begun]) : -1,
                CopyOfFirst = begun < from ? Copy(Row(walk[begun])) : null,
                CopyOfNext = continues ? Copy(Row(walk[to])) : null,
            };
        }

        return stretches;
    }

    private static int Row(int step) => step < 0 ? ~step : step;

    // Optimised at once: the first batches would else take five times as long.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Walk(Combination combination, Matrix matrix, Stretch stretch, int from, int to)
    {
        var walk = combination.Walk;
        var chunk = Math.Min(to - from, combination.IsPairs && matrix.InPlace ? int.MaxValue : ChunkBytes / sizeof(T));
        if (chunk == 0)
        {
            return;
        }

        T[]? memory = null;
        for (var column = from; column < to; column += chunk)
        {
            var length = Math.Min(chunk, to - column);
            var first = stretch.First;
            var saved = new ReadOnlySpan<T>(stretch.CopyOfFirst);
            for (var step = stretch.From; step < stretch.To; step++)
            {
                var (row, last) = (Row(walk[step]), walk[step] < 0);
                var sample = matrix.Source(row, column, length);
                var (own, other) = combination.Weights(row);
                if (matrix.InPlace && first < 0 && !last && step + 1 < stretch.To && walk[step + 1] < 0)
                {
                    // A pair: both are read before either is written.
                    var second = ~walk[++step];
                    var (ownOfSecond, otherOfSecond) = combination.Weights(second);
                    TRows.CombinePair(sample, matrix.Source(second, column, length), own, other, ownOfSecond, otherOfSecond);
                    continue;
                }

                if (first < 0)
                {
                    first = row;
                    if (matrix.InPlace)
                    {
                        memory ??= new T[chunk];
                        sample.CopyTo(memory);
                        saved = memory.AsSpan(0, length);
                    }
                }

                var partner = (last, matrix.InPlace) switch
                {
                    (true, true) => saved,
                    (true, false) => matrix.Source(first, column, length),
                    (false, _) when step + 1 == stretch.To && stretch.CopyOfNext is { } next => next,
                    (false, _) => matrix.Source(Row(walk[step + 1]), column, length),
                };
                TRows.Combine(sample, partner, own, other, matrix.Target(row, column, length), matrix.Stream);
                first = last ? -1 : first;
            }
        }
    }

    /// <summary>Where it is read and where it is written.</summary>
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
        /// <summary>The first row of the cycle that is under way where the part begins; -1 where one begins.</summary>
        public int First { get; init; } = -1;

        /// <summary>What that row was; null if it is not overwritten.</summary>
        public T[]? CopyOfFirst { get; init; }

        /// <summary>What the first row of the next part was, if the cycle goes on there; null if it is not overwritten.</summary>
        public T[]? CopyOfNext { get; init; }
    }
}
