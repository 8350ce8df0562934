using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The combination on the CPU: each element is read from memory once and written once, whatever the permutation, in place too. This part
/// chooses by layout and type.
/// </summary>
internal static class CpuKernel
{
    // A great many rows of a few bytes: what is done for each of them would cost more than torch's passes over all.
    private const long ManyRows = 4_096;
    private const long ShortRow = 64;

    /// <summary>
    /// Applies one combination or two, whose rows stand behind each other; null where this kernel does not serve: another device, or a
    /// layout in which a row is not one block.
    /// </summary>
    public static Tensor? TryApply(ReadOnlySpan<WeightedRows> combinations, Tensor x)
    {
        var bytes = x.numel() * x.element_size();
        if (MemoryOrder(x) is not { } order || HasManyShortRows(x) || (RoundsOften(x) && combinations[0].Sources.HasMore))
        {
            return null;
        }

        var source = order.Length == 0 ? x : x.permute(order);
        var rows = source.shape[0];
        long[] shape = [combinations.Length * rows, .. source.shape[1..]];
        var target = ResultMemory.Empty(shape, x.dtype, combinations.Length * bytes, out var fresh);
        for (var i = 0; i < combinations.Length; i++)
        {
            Run(combinations[i], source, combinations.Length == 1 ? target : target.narrow(0, i * rows, rows), fresh);
        }

        // Detached, since autograd forbids to change a view in place that came out of a function.
        return order.Length == 0 ? target : target.permute(Inverse(order)).detach();
    }

    /// <summary>Applies a combination in place, whose sources are a permutation; false where this kernel does not serve.</summary>
    public static bool TryOverwrite(WeightedRows combination, Tensor x)
    {
        if (MemoryOrder(x) is not { } order)
        {
            return false;
        }

        // What follows is written behind torch's back. This tells autograd, which then refuses a backward pass that would need the old
        // values.
        x.transpose_(0, 0);
        var source = order.Length == 0 ? x : x.permute(order);
        Run(combination, source, source, fresh: false);
        return true;
    }

    /// <summary>Whether there are so many rows, and these so short, that torch is faster.</summary>
    public static bool HasManyShortRows(Tensor x) => x.size(0) > ManyRows && x.numel() * x.element_size() < x.size(0) * ShortRow;

    /// <summary>Whether each term that is added to a row would be rounded, where the sum is to be rounded once.</summary>
    public static bool RoundsOften(Tensor x) => Check.AccumulationType(x) != x.dtype;

    private static void Run(WeightedRows combination, Tensor source, Tensor target, bool fresh)
    {
        switch (source.dtype)
        {
            case ScalarType.Float32: CycleWalk<float, VectorRows<float>>.Run(combination, source, target, fresh); break;
            case ScalarType.Float64: CycleWalk<double, VectorRows<double>>.Run(combination, source, target, fresh); break;
            case ScalarType.Float16: CycleWalk<ushort, SixteenBitRows<Float16Bits>>.Run(combination, source, target, fresh); break;
            case ScalarType.BFloat16: CycleWalk<ushort, SixteenBitRows<BFloat16Bits>>.Run(combination, source, target, fresh); break;
            case ScalarType.Byte: CycleWalk<byte, ByteRows>.Run(combination, source, target, fresh); break;
            default:
                throw new ArgumentException(
                    $"The kernel does not know the type {source.dtype}; expected a floating one, or Byte.", nameof(source));
        }

        // Their memory was read through pointers, which keep nothing alive.
        GC.KeepAlive(source);
        GC.KeepAlive(target);
    }

    /// <summary>
    /// The dimensions by falling stride, if that makes the tensor dense with the batch outermost; empty if it is already contiguous; null
    /// if it is neither, or not for this kernel at all.
    /// </summary>
    public static long[]? MemoryOrder(Tensor x)
    {
        if (x.device_type != DeviceType.CPU || x.numel() == 0 || x.numel() * x.element_size() > int.MaxValue)
        {
            return null;
        }

        if (x.is_contiguous())
        {
            return [];
        }

        var (shape, strides) = (x.shape, x.stride());
        var byStride = Enumerable.Range(1, shape.Length - 1).OrderByDescending(d => strides[d]).ThenByDescending(d => shape[d]);
        long[] order = [0, .. byStride.Select(d => (long)d)];
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

    public static long[] Inverse(long[] order)
    {
        var inverse = new long[order.Length];
        for (var i = 0; i < order.Length; i++)
        {
            inverse[order[i]] = i;
        }

        return inverse;
    }
}
