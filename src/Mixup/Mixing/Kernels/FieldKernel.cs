using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Applies combinations by fields on the CPU. Cells of weight 0 are not read, and each cell is written once. This class selects the code
/// for a layout and type.
/// </summary>
internal static class FieldKernel
{
    // Rows whose runs are shorter on average, in elements, are combined cell by cell.
    private const int ShortRun = 32;
    private const int ShortRunOfSixteenBits = 4;

    /// <summary>
    /// Applies one combination or two, and concatenates their rows. Returns null if the kernel does not support the device, a kind of
    /// field, or a layout in which the cells of a row are not in order.
    /// </summary>
    public static Tensor? TryApply(ReadOnlySpan<WeightedCells> combinations, Tensor x)
    {
        if ((combinations[0].Resizes && !combinations[0].Resized.Picks)
            || (combinations[0].Sources.HasMore && CpuKernel.RoundsOften(x))
            || MemoryOrder(combinations[0], x) is not { } order)
        {
            return null;
        }

        var source = order.Length == 0 ? x : x.permute(order);
        var rows = source.shape[0];
        long[] shape = [combinations.Length * rows, .. source.shape[1..]];
        var target = ResultMemory.Empty(shape, x.dtype, combinations.Length * x.numel() * x.element_size(), out _);
        for (var i = 0; i < combinations.Length; i++)
        {
            Run(combinations[i], order, source, combinations.Length == 1 ? target : target.narrow(0, i * rows, rows));
        }

        // Detached, since autograd forbids in-place changes of a view that a function returned.
        return order.Length == 0 ? target : target.permute(CpuKernel.Inverse(order)).detach();
    }

    /// <summary>
    /// Applies a combination in place. Its sources must be a permutation. Returns false if the kernel does not support the tensor.
    /// </summary>
    public static bool TryOverwrite(WeightedCells combination, Tensor x)
    {
        if (combination.Resizes || MemoryOrder(combination, x) is not { } order)
        {
            return false;
        }

        // As in CpuKernel, this no-op marks the tensor as modified for autograd.
        x.transpose_(0, 0);
        var source = order.Length == 0 ? x : x.permute(order);
        Run(combination, order, source, source);
        return true;
    }

    /// <summary>
    /// Returns the dimensions by descending stride, as <see cref="CpuKernel"/> does, if the dimensions of the extent stay together and in
    /// order.
    /// </summary>
    private static long[]? MemoryOrder(WeightedCells combination, Tensor x)
    {
        if (!combination.Own.Fields.All(FieldLevels.Knows)
            || CpuKernel.HasManyShortRows(x)
            || CpuKernel.MemoryOrder(x) is not { } order)
        {
            return null;
        }

        var first = FirstOfExtent(combination, order);
        bool IsInPlace(int d) => first + d < order.Length && order[first + d] == combination.First + d;
        return order.Length == 0 || Enumerable.Range(0, combination.Dimensions).All(IsInPlace) ? order : null;
    }

    private static int FirstOfExtent(WeightedCells combination, long[] order) =>
        order.Length == 0 ? combination.First : Array.IndexOf(order, combination.First);

    private static void Run(WeightedCells combination, long[] order, Tensor source, Tensor target)
    {
        var shape = source.shape;
        var first = FirstOfExtent(combination, order);
        var extent = new Extent(shape.AsSpan(first, combination.Dimensions));
        int Product(ReadOnlySpan<long> sizes) => (int)sizes.ToArray().Aggregate(1L, (product, size) => product * size);
        var grid = new FieldGrid(
            (int)shape[0], Product(shape.AsSpan(1, first - 1)), (int)extent.Cells, Product(shape.AsSpan(first + combination.Dimensions)));
        CellWeights Weights(int shortRun) => combination.WeightsAt(extent, shortRun / grid.Inner);
        switch (source.dtype)
        {
            case ScalarType.Float32:
                FieldWalk<float, float, VectorRows<float>>.Run(combination, Weights(ShortRun), grid, source, target);
                break;
            case ScalarType.Float64:
                FieldWalk<double, double, VectorRows<double>>.Run(combination, Weights(ShortRun), grid, source, target);
                break;
            case ScalarType.Float16:
                FieldWalk<ushort, float, SixteenBitRows<Float16Bits>>.Run(
                    combination, Weights(ShortRunOfSixteenBits), grid, source, target);
                break;
            case ScalarType.BFloat16:
                FieldWalk<ushort, float, SixteenBitRows<BFloat16Bits>>.Run(
                    combination, Weights(ShortRunOfSixteenBits), grid, source, target);
                break;
            case ScalarType.Byte:
                FieldWalk<byte, float, ByteRows>.Run(combination, Weights(ShortRun), grid, source, target);
                break;
            default:
                var bytes = grid with { Inner = grid.Inner * (int)source.element_size() };
                FieldWalk<byte, float, CopiedRows>.Run(combination, Weights(0), bytes, source, target);
                break;
        }

        // Pointers do not keep the tensors alive.
        GC.KeepAlive(source);
        GC.KeepAlive(target);
    }
}
