namespace TorchSharp.Mixup;

/// <summary>
/// Pastes a box of the partner into the sample (Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with
/// Localizable Features"). In d dimensions each side is <c>(1 - lambda)^(1/d)</c> times the extent, rounded down as in timm. Lambda is then
/// corrected to the fraction of the sample that remains.
/// </summary>
/// <param name="Alpha">
/// The parameter of the Beta(alpha, alpha) distribution of lambda: 0 (no mixing) or more. Default 1, as in the paper.
/// </param>
public sealed record CutMix(double Alpha = 1) : Method
{
    /// <summary>Gets the parameter of the Beta(alpha, alpha) distribution of lambda.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Alpha
    {
        get;
        init => field = Check.Alpha(value);
    } = Check.Alpha(Alpha);

    /// <summary>
    /// Gets whether lambda is corrected to the area of the box, which clipping and rounding change. If false, targets are weighted by the
    /// lambda that was drawn. Default true.
    /// </summary>
    public bool CorrectLambda { get; init; } = true;

    /// <summary>
    /// Gets the rule that places the box. Default: the centre is uniform over the cells, and the box is clipped at the borders.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a member of the enumeration.</exception>
    public BoxPosition Position
    {
        get;
        init => field = Check.Defined(value);
    } = BoxPosition.Clipped;

    /// <summary>
    /// Gets the smallest and the largest length of a side, as a fraction of the extent from 0 to 1 (timm's <c>cutmix_minmax</c>). Each side
    /// is uniform between them, the box lies inside, and lambda follows from its area. Default null: the sides follow from lambda.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The fractions are outside [0, 1], or the first is the larger one.</exception>
    public (double Least, double Largest)? SideShares
    {
        get;
        init => field = value is { } shares ? Check.Shares(shares, nameof(value)) : null;
    }

    /// <inheritdoc/>
    public override bool Copies => true;

    /// <summary>Makes the box for a lambda and a centre.</summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="lambda">The fraction of the extent that the sample keeps, from 0 to 1.</param>
    /// <param name="centre">The cell at the centre of the box.</param>
    /// <returns>The box, clipped at the borders.</returns>
    /// <exception cref="ArgumentException">
    /// Lambda is outside [0, 1], or the number of dimensions of the centre differs from that of the extent.
    /// </exception>
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

/// <summary>The rule that places the box of <see cref="CutMix"/>.</summary>
public enum BoxPosition
{
    /// <summary>
    /// The centre is uniform over the cells, and the box is clipped at the borders (the paper; timm; torchvision; fastai).
    /// </summary>
    Clipped,

    /// <summary>The box lies inside, uniform over all positions.</summary>
    Inside,

    /// <summary>
    /// The centre may lie outside by half a side, and the box is clipped, so that every cell is covered equally often (Composer's
    /// <c>uniform_sampling</c>).
    /// </summary>
    UniformOverCells,
}
