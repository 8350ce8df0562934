namespace TorchSharp.Mixup;

/// <summary>
/// Pastes the whole partner, resized, into a box of the sample (Qin et al. 2020, "ResizeMix: Mixing Data with Preserved Object Information
/// and True Labels", section 3.2). Every side of the box is the same fraction of the extent. Its centre is uniform over the cells, and the
/// box is clipped at the borders. Lambda is the fraction of the sample that remains.
/// </summary>
/// <remarks>A pair has one output only; <see cref="MixupOutputs.Both"/> throws.</remarks>
public sealed record ResizeMix : Method
{
    /// <summary>
    /// Gets the smallest and the largest length of the sides, as a fraction of the extent from 0 to 1. It is uniform between them. Default
    /// 0.1 to 0.8, as in the paper.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A fraction is outside [0, 1], or the first is the larger one.</exception>
    public (double Least, double Largest) SideShares
    {
        get;
        init => field = Check.Shares(value);
    } = (0.1, 0.8);

    /// <summary>
    /// Gets the interpolation that resizes the partner. Default: nearest, as in OpenMixup, which copies values of any type. Bilinear
    /// supports floating-point tensors and bytes only.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a member of the enumeration.</exception>
    public Resizing Resizing
    {
        get;
        init => field = Check.Defined(value);
    } = Resizing.Nearest;

    /// <inheritdoc/>
    public override bool Copies => Resizing == Resizing.Nearest;

    internal override bool HasSecondOutput => false;

    internal override bool MayInterpolatePartner => Resizing == Resizing.Bilinear;

    /// <summary>Makes the box for a length of the sides and a centre.</summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="share">
    /// The length of each side as a fraction of the extent, from 0 to 1. It is rounded down to an even number of cells.
    /// </param>
    /// <param name="centre">The cell at the centre of the box.</param>
    /// <returns>The box, clipped at the borders.</returns>
    /// <exception cref="ArgumentException">
    /// <paramref name="share"/> is outside [0, 1], or the number of dimensions of the centre differs from that of the extent.
    /// </exception>
    public static BoxField BoxAt(Extent extent, double share, ReadOnlySpan<long> centre)
    {
        ArgumentNullException.ThrowIfNull(extent);
        Check.Shares((share, share), nameof(share));
        return BoxField.Around(extent, centre, [.. extent.Select(size => (long)(size * share))]);
    }

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing)
    {
        ArgumentNullException.ThrowIfNull(drawing);
        var (extent, random) = (drawing.Extent, drawing.Random);
        var share = SideShares.Least + ((SideShares.Largest - SideShares.Least) * random.NextDouble());
        return new ResizedBoxField(BoxAt(extent, share, [.. extent.Select(size => random.NextInt64(size))]), Resizing);
    }
}
