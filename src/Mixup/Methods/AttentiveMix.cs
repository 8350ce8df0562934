using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Keeps the grid cells of the sample with the highest attention and takes the others from the partner (Walawalkar et al. 2020, "Attentive
/// CutMix: An Enhanced Data Augmentation Approach for Deep Learning Based Image Classification", section 3). Lambda is the fraction of
/// cells that are kept, so nothing is random.
/// </summary>
/// <remarks>
/// The attention maps of a batch are copied to the host once, which waits for the device. Inputs on the META device throw. Samples that
/// share a coefficient still keep cells of their own.
/// </remarks>
public sealed record AttentiveMix : Method
{
    /// <summary>Initializes Attentive CutMix with an attention function.</summary>
    /// <param name="attention">
    /// The attention function. It takes the first input as [B, C, ...], with one channel if the input has none. It returns the attention of
    /// each cell of a grid, [B, ...], with as many dimensions as the extent. An example is the mean over channels of the last feature map
    /// of a trained network. It runs without gradients.
    /// </param>
    /// <param name="cells">
    /// The number of cells that the sample keeps, 1 or more. Default 6, as in the paper, which uses a grid of 7 x 7.
    /// </param>
    /// <exception cref="ArgumentNullException">The function is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of cells is below 1.</exception>
    public AttentiveMix(Func<Tensor, Tensor> attention, int cells = 6)
    {
        ArgumentNullException.ThrowIfNull(attention);
        ArgumentOutOfRangeException.ThrowIfLessThan(cells, 1);
        (Attention, Cells) = (attention, cells);
    }

    /// <summary>Gets the attention function.</summary>
    public Func<Tensor, Tensor> Attention { get; }

    /// <summary>Gets the number of cells of the grid that the sample keeps.</summary>
    public int Cells { get; }

    /// <inheritdoc/>
    public override bool Copies => true;

    /// <inheritdoc/>
    public override bool DependsOnSamples => true;

    /// <summary>Makes the mask of an attention map.</summary>
    /// <param name="attention">The attention of each cell of the grid in one sample, real numbers.</param>
    /// <param name="cells">
    /// The number of cells that the sample keeps, from 1 to the number of cells of the grid. Of cells with equal attention, the first are
    /// kept.
    /// </param>
    /// <param name="extent">The extent of the sample. The map is resized to it by torch's nearest interpolation.</param>
    /// <returns>The mask over the extent: 1 in the kept cells.</returns>
    /// <exception cref="ArgumentException">
    /// The map is empty, holds NaN or has fewer cells than <paramref name="cells"/>. Or its number of dimensions differs from that of the
    /// extent.
    /// </exception>
    public static MaskField MaskOf(Tensor attention, int cells, Extent extent)
    {
        var (grid, values) = SampleMaps.Of(attention);
        grid.CheckDimensionsOf(extent);
        return MaskOf(grid, values, cells, extent);
    }

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing)
    {
        ArgumentNullException.ThrowIfNull(drawing);
        var (grid, values) = SampleMaps.Of(drawing, Attention, drawing.Sample);
        return MaskOf(grid, values, Cells, drawing.Extent);
    }

    /// <inheritdoc/>
    public override string ToString() => $"AttentiveMix {{ Attention = {Attention.Method.Name}, Cells = {Cells} }}";

    private static MaskField MaskOf(Extent grid, double[] values, int cells, Extent extent)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(cells, 1);
        if (cells > values.Length)
        {
            throw new ArgumentException(
                $"{cells} cells are to be kept, but the grid {grid} has {values.Length}; " +
                "expected as many or fewer. Keep fewer cells, or return a finer map.", nameof(cells));
        }

        using var scope = NewDisposeScope();
        var kept = new bool[values.Length];
        foreach (var cell in Enumerable.Range(0, values.Length).OrderByDescending(cell => values[cell]).Take(cells))
        {
            kept[cell] = true;
        }

        var mask = tensor(kept).view(grid.ToArray());
        for (var d = 0; d < extent.Count; d++)
        {
            long[] nearest = [.. Enumerable.Range(0, (int)extent[d]).Select(cell => cell * grid[d] / extent[d])];
            mask = mask.index_select(d, tensor(nearest));
        }

        return new MaskField(mask);
    }
}
