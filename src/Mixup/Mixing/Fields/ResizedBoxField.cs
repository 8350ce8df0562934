namespace TorchSharp.Mixup;

/// <summary>
/// A box of the sample in which the whole partner is seen, resized: the one field whose partner is not seen where it stands (Qin et al.
/// 2020, ResizeMix). It has the weights of its box.
/// </summary>
/// <remarks>A pair under it has one output: the rest of the partner is nowhere, so there is no second combination.</remarks>
public sealed record ResizedBoxField : Field
{
    /// <summary>Makes a box with the whole partner in it.</summary>
    /// <param name="box">The box.</param>
    /// <param name="resizing">How the partner is resized.</param>
    /// <exception cref="ArgumentOutOfRangeException">The way of resizing is not one of the enumeration.</exception>
    public ResizedBoxField(BoxField box, Resizing resizing)
        : base((box ?? throw new ArgumentNullException(nameof(box))).Lambda) => (Box, Resizing) = (box, Check.Defined(resizing));

    /// <summary>Gets the box.</summary>
    public BoxField Box { get; }

    /// <summary>Gets how the partner is resized.</summary>
    public Resizing Resizing { get; }

    /// <inheritdoc/>
    public override Extent Extent => Box.Extent;

    /// <inheritdoc/>
    /// <remarks>Bilinear values are blends of cells of the partner, so a field of those copies nowhere, unless its box is empty.</remarks>
    public override bool IsHardAt(Extent extent) => Box.IsHardAt(extent) && (Resizing == Resizing.Nearest || Box.IsEmpty);

    /// <inheritdoc/>
    public override string ToString() => $"ResizedBoxField {{ Box = {Box}, Resizing = {Resizing} }}";

    internal override double[] ValuesAt(Extent extent) => Box.ValuesAt(extent);

    /// <summary>
    /// The cells of the partner that a cell is made of, along one dimension at a resolution: torch's <c>interpolate</c> with
    /// <c>align_corners</c> false, where the box is as long as its output. None
    /// where the box is not.
    /// </summary>
    internal (long Source, double Weight)[] TapsAt(int dimension, long size, long cell)
    {
        // In units of 1 / (drawn size), in which borders are whole numbers.
        var (drawn, from, to) = (Extent[dimension], Box.From[dimension] * size, Box.To[dimension] * size);
        if ((cell + 1) * drawn <= from || cell * drawn >= to)
        {
            return [];
        }

        if (Resizing == Resizing.Nearest)
        {
            // The product of three lengths exceeds 64 bits for signals of some million steps.
            var source = (long)((Int128)((cell * drawn) - from) * size / (to - from));
            return [(Math.Clamp(source, 0, size - 1), 1)];
        }

        var position = Math.Clamp(((((cell + 0.5) * drawn) - from) * size / (to - from)) - 0.5, 0, size - 1);
        var (first, rest) = ((long)position, position - Math.Floor(position));
        return rest == 0 ? [(first, 1)] : [(first, 1 - rest), (first + 1, rest)];
    }
}

/// <summary>How a partner is resized into a box.</summary>
public enum Resizing
{
    /// <summary>Each cell is a copy of one cell of the partner, so tensors of any type are resized.</summary>
    Nearest,

    /// <summary>Each cell is the linear interpolation between two cells of the partner along each dimension.</summary>
    Bilinear,
}
