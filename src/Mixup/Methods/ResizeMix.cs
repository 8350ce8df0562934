namespace TorchSharp.Mixup;

/// <summary>
/// The whole partner, resized into a box of the sample (Qin et al. 2020, "ResizeMix: Mixing Data with Preserved Object Information and
/// True Labels", section 3.2). Every side of the box is the same share of the
/// extent, whose centre is uniform over the cells; it is clipped at the borders, and lambda is the area that is left of the sample.
/// </summary>
/// <remarks>A pair has one output: <see cref="MixupOutputs.Both"/> is refused.</remarks>
public sealed record ResizeMix : Method
{
    /// <summary>Gets the least and the largest share of each side. The share is uniform between them. Default 0.1 to 0.8, as in the
    /// paper.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The shares are not in order, or outside [0, 1].</exception>
    public (double Least, double Largest) SideShares
    {
        get;
        init => field = Check.Shares(value);
    } = (0.1, 0.8);

    /// <summary>Gets how the partner is resized. Default: nearest, as in OpenMixup, which copies; bilinear only blends floating
    /// tensors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the enumeration.</exception>
    public Resizing Resizing
    {
        get;
        init => field = Check.Defined(value);
    } = Resizing.Nearest;

    /// <inheritdoc/>
    public override bool Copies => Resizing == Resizing.Nearest;

    internal override bool HasSecondOutput => false;

    internal override bool MayInterpolatePartner => Resizing == Resizing.Bilinear;

    /// <summary>Makes the box of a given draw.</summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="share">The share of each side, from 0 to 1. A side is rounded down, and loses one cell if it is odd.</param>
    /// <param name="centre">The cell in the middle of the box.</param>
    /// <returns>The box, clipped at the borders.</returns>
    /// <exception cref="ArgumentException">The share is outside [0, 1], or the number of dimensions differs.</exception>
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
