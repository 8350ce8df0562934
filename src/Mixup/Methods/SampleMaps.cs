using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Reads the maps of a user's function once per batch. A map holds one value for each cell of a grid, which may be coarser than the extent.
/// </summary>
internal static class SampleMaps
{
    /// <summary>Gets the map of a sample.</summary>
    /// <exception cref="ArgumentException">The function did not return a map for each sample, or a map holds NaN.</exception>
    public static (Extent Grid, double[] Values) Of(Drawing drawing, Func<Tensor, Tensor> function, long sample)
    {
        // Delegates are equal if their methods and targets are equal, so the function is the key.
        var (grid, values) = drawing.Once(function, () => Read(drawing, function));
        return (grid, values[(int)(sample * grid.Cells)..(int)((sample + 1) * grid.Cells)]);
    }

    /// <summary>Gets the grid and the values of one map without a batch dimension.</summary>
    public static (Extent Grid, double[] Values) Of(Tensor map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.dim() == 0 || map.numel() == 0 || map.dtype is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64)
        {
            throw new ArgumentException(
                $"The map is {map.dtype} {Check.Shape(map)}; " +
                "expected real numbers of one dimension or more. Give the map of one sample.", nameof(map));
        }

        return (new Extent(map.shape), ValuesOf(map));
    }

    private static (Extent Grid, double[] Values) Read(Drawing drawing, Func<Tensor, Tensor> function)
    {
        using var scope = NewDisposeScope();
        var (x, dimensions) = (drawing.ChannelsFirst, drawing.Extent.Count);
        if (x.device_type == DeviceType.META)
        {
            throw Check.Error(
                "inputs",
                "The first input is on the META device, " +
                "which holds no values to look at. Give the batch on another device, or choose a method that does not look at the " +
                "samples.");
        }

        var map = function(x) ?? throw Check.Error(
            "inputs",
            "The function of the method returned null; " +
            "expected a map for each sample, [B, ...].");
        if (map.dim() != dimensions + 1 || map.shape[0] != x.shape[0] || map.numel() == 0
            || map.dtype is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64)
        {
            throw Check.Error(
                "inputs",
                $"The function of the method returned {map.dtype} {Check.Shape(map)} for samples {Check.Shape(x)}; " +
                $"expected real numbers [{x.shape[0]}, ...] with {dimensions} dimensions more. " +
                "Take the mean over channels, or squeeze(1).");
        }

        return (new Extent(map.shape.AsSpan(1)), ValuesOf(map));
    }

    private static double[] ValuesOf(Tensor map)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var values = map.detach().to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
        return Array.Exists(values, double.IsNaN)
            ? throw Check.Error(
                "inputs",
                $"A map {Check.Shape(map)} of samples has values that are not a number, so there is no largest one. Correct the " +
                "function of the method.")
            : values;
    }
}
