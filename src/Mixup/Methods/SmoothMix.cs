using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Blends the partner into a Gaussian spot without edges (Lee et al. 2020, "SmoothMix: a Simple Yet Effective Data Augmentation to Train
/// Robust Classifiers", section 3). Lambda follows from the size of the spot.
/// </summary>
public sealed record SmoothMix : Method
{
    /// <summary>
    /// Gets the smallest and the largest standard deviation of the spot, as a fraction of the size of each dimension. Default 0.25 to 0.5,
    /// as in the paper's code.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A fraction is not above 0 or not finite, or the first is the larger one.</exception>
    public (double Least, double Largest) Spread
    {
        get;
        init => field = Check.Ratios(value);
    } = (0.25, 0.5);

    /// <summary>
    /// Makes the mask of a spot: <c>1 - exp(-r^2 / 2)</c>, where r is the distance from the centre in standard deviations.
    /// </summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="centre">
    /// The centre along each dimension, in cells. 0 is the middle of the first cell; fractions lie between cells.
    /// </param>
    /// <param name="spread">The standard deviation as a fraction of the size of each dimension, above 0.</param>
    /// <returns>The mask.</returns>
    /// <exception cref="ArgumentException">The number of dimensions of the centre differs from that of the extent.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="spread"/> is not above 0, or not finite.</exception>
    public static MaskField MaskOf(Extent extent, ReadOnlySpan<double> centre, double spread)
    {
        ArgumentNullException.ThrowIfNull(extent);
        Check.Ratios((spread, spread), nameof(spread));
        if (centre.Length != extent.Count)
        {
            throw new ArgumentException(
                $"The extent {extent} has {extent.Count} dimensions, but the centre has {centre.Length}; " +
                "expected one number for each. Give the centre along each dimension.", nameof(centre));
        }

        using var scope = NewDisposeScope();
        var squares = zeros(extent.ToArray(), ScalarType.Float64);
        for (var d = 0; d < extent.Count; d++)
        {
            var distance = Scalars.Range(extent[d], CPU).to(ScalarType.Float64).Plus(-centre[d]).Times(1 / (spread * extent[d]));
            squares = squares.add(distance.square().view(Check.Broadcast(extent[d], d, extent.Count)));
        }

        return new MaskField(squares.Times(-0.5).expm1().neg());
    }

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing)
    {
        ArgumentNullException.ThrowIfNull(drawing);
        double[] centre = [.. drawing.Extent.Select(size => (drawing.Random.NextDouble() * size) - 0.5)];
        return MaskOf(drawing.Extent, centre, Spread.Least + ((Spread.Largest - Spread.Least) * drawing.Random.NextDouble()));
    }
}
