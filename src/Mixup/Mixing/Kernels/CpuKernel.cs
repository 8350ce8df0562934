using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The combination on the CPU: each element is read from memory once and written once, whatever the permutation, in place too. Rows are walked cycle by cycle,
/// a chunk of columns at a time, so that a partner is still in cache when its own turn comes.
/// </summary>
internal static class CpuKernel
{
    private const int ChunkBytes = 32 * 1024;

    // Below this libtorch's own threads, which spin for a while after each operation, cost a second managed thread more than it gains.
    private const long ParallelBytes = 12L << 20;

    // From here on the result is written past the caches, which saves reading its memory first; a smaller one is better left in them for whoever is next.
    private const long StreamedBytes = 6L << 20;

    /// <summary>Applies a combination; null where this kernel does not serve: another device, or a layout in which a row is not one block.</summary>
    public static Tensor? TryApply(Combination combination, Tensor x, Tensor? into)
    {
        if (x.device_type != DeviceType.CPU || x.numel() == 0 || x.numel() * x.element_size() > int.MaxValue || MemoryOrder(x) is not { } order)
        {
            return null;
        }

        var source = order.Length == 0 ? x : x.permute(order);
        var inPlace = ReferenceEquals(x, into);
        if (into is not null && !inPlace && (order.Length > 0 || !into.is_contiguous()))
        {
            return null; // laid otherwise than the source
        }

        var target = inPlace ? source : into ?? empty(source.shape, x.dtype, x.device);
        switch (x.dtype)
        {
            case ScalarType.Float32: Run<float, VectorRows<float>>(combination, source, target); break;
            case ScalarType.Float64: Run<double, VectorRows<double>>(combination, source, target); break;
            case ScalarType.Float16: Run<ushort, SixteenBitRows<Float16Bits>>(combination, source, target); break;
            case ScalarType.BFloat16: Run<ushort, SixteenBitRows<BFloat16Bits>>(combination, source, target); break;
            default: return null;
        }

        if (inPlace || ReferenceEquals(target, into))
        {
            // Written behind torch's back: this tells autograd, which then refuses a backward pass that would need the old values.
            target.narrow(0, 0, 0).zero_();
            return into;
        }

        return order.Length == 0 ? target : target.permute(Inverse(order));
    }

    /// <summary>The dimensions by falling stride, if that makes the tensor dense with the batch outermost; empty if it is already contiguous.</summary>
    private static long[]? MemoryOrder(Tensor x)
    {
        if (x.is_contiguous())
        {
            return [];
        }

        var (shape, strides) = (x.shape, x.stride());
        long[] order = [0, .. Enumerable.Range(1, shape.Length - 1).OrderByDescending(d => strides[d]).ThenByDescending(d => shape[d]).Select(d => (long)d)];
        var expected = 1L;
        for (var i = order.Length - 1; i >= 0; i--)
        {
            var d = order[i];
            if (shape[d] > 1 && strides[d] != expected)
            {
                return null;
            }

            expected *= shape[d];
        }

        return order;
    }

    private static long[] Inverse(long[] order)
    {
        var inverse = new long[order.Length];
        for (var i = 0; i < order.Length; i++)
        {
            inverse[order[i]] = i;
        }

        return inverse;
    }

    private static unsafe void Run<T, TRows>(Combination combination, Tensor source, Tensor target)
        where T : unmanaged
        where TRows : IRows<T>
    {
        var rows = (int)source.size(0);
        var rowLength = (int)(source.numel() / rows);
        fixed (byte* from = source.bytes)
        fixed (byte* to = target.bytes)
        {
            var (input, output) = ((nint)from, (nint)to);
            var stream = input != output && source.numel() * sizeof(T) >= StreamedBytes;
            var threads = source.numel() * sizeof(T) >= ParallelBytes && rowLength >= 1024 ? Math.Min(Environment.ProcessorCount, get_num_threads()) : 1;
            if (threads == 1)
            {
                WalkColumns<T, TRows>(combination, (T*)input, (T*)output, rowLength, 0, rowLength, stream);
                return;
            }

            // Boundaries on whole cache lines, so that no two threads write to one.
            var share = ((rowLength / threads) + 63) & ~63;
            _ = combination.Walk; // made before the threads ask for it
            Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, i =>
                WalkColumns<T, TRows>(combination, (T*)input, (T*)output, rowLength, Math.Min(i * share, rowLength), i == threads - 1 ? rowLength : Math.Min((i + 1) * share, rowLength), stream));
        }
    }

    private static unsafe void WalkColumns<T, TRows>(Combination combination, T* source, T* target, int rowLength, int from, int to, bool stream)
        where T : unmanaged
        where TRows : IRows<T>
    {
        var chunk = Math.Min(to - from, ChunkBytes / sizeof(T));
        if (chunk == 0)
        {
            return;
        }

        var inPlace = source == target;
        Span<T> saved = inPlace ? new T[chunk] : [];
        var walk = combination.Walk;
        for (var column = from; column < to; column += chunk)
        {
            var length = Math.Min(chunk, to - column);
            var first = -1;
            Span<T> Columns(int row) => new(source + ((long)row * rowLength) + column, length);
            for (var step = 0; step < walk.Length; step++)
            {
                var (row, last) = walk[step] < 0 ? (~walk[step], true) : (walk[step], false);
                var sample = Columns(row);
                var (own, other) = combination.Weights(row);
                if (inPlace && first < 0 && !last && walk[step + 1] < 0)
                {
                    // A pair: both are read before either is written.
                    step++;
                    var (ownOfSecond, otherOfSecond) = combination.Weights(~walk[step]);
                    TRows.CombinePair(sample, Columns(~walk[step]), own, other, ownOfSecond, otherOfSecond);
                    continue;
                }

                if (first < 0)
                {
                    first = row;
                    if (inPlace)
                    {
                        sample.CopyTo(saved);
                    }
                }

                var next = last ? first : walk[step + 1] < 0 ? ~walk[step + 1] : walk[step + 1];
                var partner = last && inPlace ? saved[..length] : Columns(next);
                TRows.Combine(sample, partner, own, other, new Span<T>(target + ((long)row * rowLength) + column, length), stream);
                first = last ? -1 : first;
            }
        }
    }
}
