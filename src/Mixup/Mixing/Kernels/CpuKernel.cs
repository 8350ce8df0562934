using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Applies a combination on the CPU. Each element is read from memory once and written once for any permutation, also in place. This class
/// selects the code for a layout and type.
/// </summary>
internal static class CpuKernel
{
    // For very many short rows, the cost per row exceeds that of torch's operations.
    private const long ManyRows = 4_096;
    private const long ShortRow = 64;

    /// <summary>
    /// Applies one combination or two, and concatenates their rows. Returns null if the kernel does not support the device, or a layout in
    /// which a row is not one block.
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
        var target = ResultMemory.Empty(shape, x.dtype, combinations.Length * bytes, out var isFresh);
        for (var i = 0; i < combinations.Length; i++)
        {
            Run(combinations[i], source, combinations.Length == 1 ? target : target.narrow(0, i * rows, rows), isFresh);
        }

        // Detached, since autograd forbids in-place changes of a view that a function returned.
        return order.Length == 0 ? target : target.permute(Inverse(order)).detach();
    }

    /// <summary>
    /// Applies a combination in place. Its sources must be a permutation. Returns false if the kernel does not support the tensor.
    /// </summary>
    public static bool TryOverwrite(WeightedRows combination, Tensor x)
    {
        if (MemoryOrder(x) is not { } order)
        {
            return false;
        }

        // The kernel writes without torch's knowledge. This no-op marks the tensor as modified, so that autograd rejects a backward pass
        // that needs the old values.
        x.transpose_(0, 0);
        var source = order.Length == 0 ? x : x.permute(order);
        Run(combination, source, source, isFresh: false);
        return true;
    }

    /// <summary>Returns whether the rows are so many and so short that torch is faster.</summary>
    public static bool HasManyShortRows(Tensor x) => x.size(0) > ManyRows && x.numel() * x.element_size() < x.size(0) * ShortRow;

    /// <summary>Returns whether adding terms one by one would round each of them, so that the sum would not be rounded once.</summary>
    public static bool RoundsOften(Tensor x) => Check.AccumulationType(x) != x.dtype;

    private static void Run(WeightedRows combination, Tensor source, Tensor target, bool isFresh)
    {
        switch (source.dtype)
        {
            case ScalarType.Float32: CycleWalk<float, VectorRows<float>>.Run(combination, source, target, isFresh); break;
            case ScalarType.Float64: CycleWalk<double, VectorRows<double>>.Run(combination, source, target, isFresh); break;
            case ScalarType.Float16: CycleWalk<ushort, SixteenBitRows<Float16Bits>>.Run(combination, source, target, isFresh); break;
            case ScalarType.BFloat16: CycleWalk<ushort, SixteenBitRows<BFloat16Bits>>.Run(combination, source, target, isFresh); break;
            case ScalarType.Byte: CycleWalk<byte, ByteRows>.Run(combination, source, target, isFresh); break;
            default:
                throw new ArgumentException(
                    $"The kernel does not support the type {source.dtype}; expected a floating-point type, or Byte.", nameof(source));
        }

        // Pointers do not keep the tensors alive.
        GC.KeepAlive(source);
        GC.KeepAlive(target);
    }

    /// <summary>
    /// Returns the dimensions by descending stride if the tensor is dense in this order with the batch first. Returns an empty array if the
    /// tensor is contiguous, and null if the kernel does not support it.
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
