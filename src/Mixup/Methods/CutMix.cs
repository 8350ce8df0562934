namespace TorchSharp.Mixup;

/// <summary>
/// A box of the partner within the sample (Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
/// Features"). In d dimensions the sides are a share of <c>(1 - lambda)^(1/d)</c> of the extent, rounded down as in timm. Lambda is
/// corrected to the area that is left of the sample.
/// </summary>
/// <param name="Alpha">
/// Concentration of the Beta(alpha, alpha) distribution of lambda, 0 (no mixing) or more. Default 1, as in the paper.
/// </param>
public sealed record CutMix(double Alpha = 1) : Method
{
    /// <summary>Gets the concentration of the Beta(alpha, alpha) distribution of lambda.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Alpha
    {
        get;
        init => field = Check.Alpha(value);
    } = Check.Alpha(Alpha);

    /// <summary>
    /// Gets whether lambda is corrected to the area, since clipping and rounding change it. If not, targets are weighted by the draw
    /// itself. Default true.
    /// </summary>
    public bool CorrectLambda { get; init; } = true;

    /// <summary>Gets where a box may lie. Default: its centre anywhere, clipped at the borders.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the enumeration.</exception>
    public BoxPosition Position
    {
        get;
        init => field = Check.Defined(value);
    } = BoxPosition.Clipped;

    /// <summary>
    /// Gets the least and the largest share of each side, instead of a share that follows from lambda: each side is uniform between them,
    /// the box lies inside, and lambda is its area (timm's <c>cutmix_minmax</c>). Default null.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The shares are not in order, or outside [0, 1].</exception>
    public (double Least, double Largest)? SideShares
    {
        get;
        init => field = value is { } shares ? Check.Shares(shares, nameof(value)) : null;
    }

    /// <inheritdoc/>
    public override bool Copies => true;

    /// <summary>Makes the box of a given draw.</summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="lambda">The share of the extent that the sample is to keep, from 0 to 1.</param>
    /// <param name="centre">The cell in the middle of the box.</param>
    /// <returns>The box, clipped at the borders.</returns>
    /// <exception cref="ArgumentException">Lambda is outside [0, 1], or the number of dimensions differs.</exception>
    public static BoxField BoxAt(Extent extent, double lambda, ReadOnlySpan<long> centre) =>
        BoxField.Around(extent, centre, Sides(extent ?? throw new ArgumentNullException(nameof(extent)), lambda));

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing)
    {
        ArgumentNullException.ThrowIfNull(drawing);
        var (extent, random) = (drawing.Extent, drawing.Random);
        if (SideShares is var (least, largest))
        {
            return BoxField.Inside(
                extent, [.. extent.Select(size => random.NextInt64((long)(size * least), (long)(size * largest) + 1))], random);
        }

        var lambda = drawing.Beta(Alpha);
        var sides = Sides(extent, lambda);
        var box = Position switch
        {
            BoxPosition.Inside => BoxField.Inside(extent, sides, random),
            BoxPosition.UniformOverCells =>
                BoxField.Around(
                    extent, [.. extent.Zip(sides, (size, side) => random.NextInt64(-(side / 2), size + (side / 2) + 1))], sides),
            _ => BoxField.Around(extent, [.. extent.Select(size => random.NextInt64(size))], sides),
        };
        return CorrectLambda ? box : box.WithLambda(lambda);
    }

    private static long[] Sides(Extent extent, double lambda)
    {
        var area = 1 - new NumberField(lambda).Lambda;
        var share = extent.Count switch
        {
            1 => area,
            2 => Math.Sqrt(area),
            _ => Math.Pow(area, 1.0 / extent.Count),
        };
        return [.. extent.Select(size => (long)(size * share))];
    }
}

/// <summary>Where the box of <see cref="CutMix"/> may lie.</summary>
public enum BoxPosition
{
    /// <summary>
    /// The centre is uniform over the cells, and the box is clipped at the borders (the paper; timm; torchvision; fastai).
    /// </summary>
    Clipped,

    /// <summary>The box lies inside, uniform over all places there.</summary>
    Inside,

    /// <summary>
    /// The centre may lie outside by half a side, so that every cell is covered equally often; the box is clipped (Composer's
    /// <c>uniform_sampling</c>).
    /// </summary>
    UniformOverCells,
}
