using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The sample keeps the cells of a grid that matter most in it, and the partner has the rest (Walawalkar et al. 2020, "Attentive CutMix:
/// An Enhanced Data Augmentation Approach for Deep Learning Based Image
/// Classification", section 3). Lambda is the share of the cells, so nothing is drawn at random.
/// </summary>
/// <remarks>
/// The maps of a batch are read back from their device once, which waits for the device. A mix on META is refused. Whoever shares a
/// coefficient still has the cells of its own sample.
/// </remarks>
public sealed record AttentiveMix : Method
{
    /// <summary>Takes the function that says what matters.</summary>
    /// <param name="attention">
    /// Takes the first input as [B, C, ...], with one channel if it has none, and returns how much each cell of a grid matters: [B, ...]
    /// with as many dimensions as the extent, such as the mean over channels of the last feature map of a
    /// trained network. It runs without gradients.
    /// </param>
    /// <param name="cells">The number of cells that the sample keeps, 1 or more. Default 6, as in the paper, whose grid is 7 x 7.</param>
    /// <exception cref="ArgumentNullException">The function is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of cells is below 1.</exception>
    public AttentiveMix(Func<Tensor, Tensor> attention, int cells = 6)
    {
        ArgumentNullException.ThrowIfNull(attention);
        ArgumentOutOfRangeException.ThrowIfLessThan(cells, 1);
        (Attention, Cells) = (attention, cells);
    }

    /// <summary>Gets the function that says how much each cell of a grid matters.</summary>
    public Func<Tensor, Tensor> Attention { get; }

    /// <summary>Gets the number of cells of the grid that the sample keeps.</summary>
    public int Cells { get; }

    /// <inheritdoc/>
    public override bool Copies => true;

    /// <inheritdoc/>
    public override bool DependsOnSamples => true;

    /// <summary>Makes the mask of a given map.</summary>
    /// <param name="attention">How much each cell of the grid matters in one sample, real numbers.</param>
    /// <param name="cells">The number of cells that the sample keeps, from 1 to those of the grid. Of equal ones the first are
    /// kept.</param>
    /// <param name="extent">The extent of the sample. A cell of it belongs to the cell of the grid that its first edge lies in, as torch's
    /// nearest interpolation has it.</param>
    /// <returns>The mask over the extent: 1 in the cells that are kept.</returns>
    /// <exception cref="ArgumentException">The map is empty or has what is not a number, the number of dimensions differs, or the grid has
    /// fewer cells.</exception>
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
