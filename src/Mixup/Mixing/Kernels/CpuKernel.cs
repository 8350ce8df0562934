using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The combination on the CPU: each element is read from memory once and written once, whatever the permutation, in place too. This part chooses by layout and type.
/// </summary>
internal static class CpuKernel
{
    // A great many rows of a few bytes: what is done for each of them would cost more than torch's passes over all.
    private const long ManyRows = 4_096;
    private const long ShortRow = 64;

    /// <summary>Applies a combination; null where this kernel does not serve: another device, or a layout in which a row is not one block.</summary>
    public static Tensor? TryApply(Combination combination, Tensor x, Tensor? into)
    {
        if (x.device_type != DeviceType.CPU || x.numel() == 0 || x.numel() * x.element_size() > int.MaxValue || MemoryOrder(x) is not { } order)
        {
            return null;
        }

        var inPlace = ReferenceEquals(x, into);
        if (!inPlace && x.size(0) > ManyRows && x.numel() * x.element_size() < x.size(0) * ShortRow)
        {
            return null;
        }

        var source = order.Length == 0 ? x : x.permute(order);
        if (into is not null && !inPlace && (order.Length > 0 || !into.is_contiguous()))
        {
            return null; // laid otherwise than the source
        }

        var fresh = into is null;
        var target = inPlace ? source : into ?? empty(source.shape, x.dtype, x.device);
        switch (x.dtype)
        {
            case ScalarType.Float32: CycleWalk<float, VectorRows<float>>.Run(combination, source, target, fresh); break;
            case ScalarType.Float64: CycleWalk<double, VectorRows<double>>.Run(combination, source, target, fresh); break;
            case ScalarType.Float16: CycleWalk<ushort, SixteenBitRows<Float16Bits>>.Run(combination, source, target, fresh); break;
            case ScalarType.BFloat16: CycleWalk<ushort, SixteenBitRows<BFloat16Bits>>.Run(combination, source, target, fresh); break;
            default: return null;
        }

        if (inPlace || ReferenceEquals(target, into))
        {
            // Written behind torch's back: this tells autograd, which then refuses a backward pass that would need the old values.
            target.transpose_(0, 0);
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
}
