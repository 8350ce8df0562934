namespace TorchSharp.Mixup;

/// <summary>
/// A box that shows the whole partner, resized (Qin et al. 2020, ResizeMix). It has the weights of its box. It is the only field that moves
/// cells of the partner.
/// </summary>
/// <remarks>A pair has one output only, since the field does not keep the rest of the partner for a second combination.</remarks>
public sealed record ResizedBoxField : Field
{
    /// <summary>Initializes a box that shows the whole partner.</summary>
    /// <param name="box">The box.</param>
    /// <param name="resizing">The interpolation that resizes the partner.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="resizing"/> is not a member of the enumeration.</exception>
    public ResizedBoxField(BoxField box, Resizing resizing)
        : base((box ?? throw new ArgumentNullException(nameof(box))).Lambda) => (Box, Resizing) = (box, Check.Defined(resizing));

    /// <summary>Gets the box.</summary>
    public BoxField Box { get; }

    /// <summary>Gets the interpolation that resizes the partner.</summary>
    public Resizing Resizing { get; }

    /// <inheritdoc/>
    public override Extent Extent => Box.Extent;

    /// <inheritdoc/>
    /// <remarks>Bilinear values blend cells of the partner, so such a field copies only if its box is empty.</remarks>
    public override bool IsHardAt(Extent extent) => Box.IsHardAt(extent) && (Resizing == Resizing.Nearest || Box.IsEmpty);

    /// <inheritdoc/>
    public override string ToString() => $"ResizedBoxField {{ Box = {Box}, Resizing = {Resizing} }}";

    internal override double[] ValuesAt(Extent extent) => Box.ValuesAt(extent);

    /// <summary>
    /// Returns the cells of the partner, with weights, that make up one cell along one dimension at a resolution. It equals torch's
    /// <c>interpolate</c> with <c>align_corners</c> false and an output of the length of the box. Outside of the box it returns none.
    /// </summary>
    internal (long Source, double Weight)[] TapsAt(int dimension, long size, long cell)
    {
        // In units of 1 / (drawn size), the borders are integers.
        var (drawn, from, to) = (Extent[dimension], Box.From[dimension] * size, Box.To[dimension] * size);
        if ((cell + 1) * drawn <= from || cell * drawn >= to)
        {
            return [];
        }

        if (Resizing == Resizing.Nearest)
        {
            // The product of three lengths exceeds 64 bits for signals of a few million steps.
            var source = (long)((Int128)((cell * drawn) - from) * size / (to - from));
            return [(Math.Clamp(source, 0, size - 1), 1)];
        }

        var position = Math.Clamp(((((cell + 0.5) * drawn) - from) * size / (to - from)) - 0.5, 0, size - 1);
        var (first, rest) = ((long)position, position - Math.Floor(position));
        return rest == 0 ? [(first, 1)] : [(first, 1 - rest), (first + 1, rest)];
    }
}

/// <summary>The interpolation that resizes a partner into a box.</summary>
public enum Resizing
{
    /// <summary>Each cell is a copy of one cell of the partner, so tensors of any type are resized.</summary>
    Nearest,

    /// <summary>Each cell is the linear interpolation between two cells of the partner along each dimension.</summary>
    Bilinear,
}
