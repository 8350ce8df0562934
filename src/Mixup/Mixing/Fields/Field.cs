using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The weights of a sample itself over its own extent; the partner has the rest up to 1. A field can be seen at any resolution, and its
/// mean is the same at each.
/// There are four kinds: <see cref="NumberField"/> as in mixup, <see cref="BoxField"/> as in CutMix, <see cref="MaskField"/> as in FMix,
/// and <see cref="ResizedBoxField"/> as in ResizeMix.
/// </summary>
public abstract record Field
{
    private protected Field(double lambda)
    {
        Lambda = lambda is >= 0 and <= 1
            ? lambda
            : throw new ArgumentOutOfRangeException(
                nameof(lambda), lambda, "Lambda must lie between 0 (the partner alone) and 1 (the sample alone).");
    }

    /// <summary>
    /// Gets the weight of the sample in whatever belongs to it as a whole, such as its class: the mean of the field, unless a box was given
    /// another by <see cref="BoxField.WithLambda"/>.
    /// </summary>
    public double Lambda { get; private protected init; }

    /// <summary>Gets the extent that the field was drawn on. Null for a number, which has none.</summary>
    public abstract Extent? Extent { get; }

    /// <summary>Tells whether every weight is exactly 0 or 1 at a resolution: there the field copies, and does not blend.</summary>
    /// <param name="extent">The resolution, of as many dimensions as <see cref="Extent"/>.</param>
    /// <returns>Whether the field copies at this resolution.</returns>
    /// <exception cref="ArgumentException">The number of dimensions is another one.</exception>
    public abstract bool IsHardAt(Extent extent);

    /// <summary>Computes the weights at a resolution: a cell that is covered in part has the mean of what it covers.</summary>
    /// <param name="extent">The resolution, of as many dimensions as <see cref="Extent"/>.</param>
    /// <returns>A new float64 tensor of this extent, on the CPU.</returns>
    /// <exception cref="ArgumentException">The number of dimensions is another one.</exception>
    public Tensor WeightsAt(Extent extent)
    {
        ArgumentNullException.ThrowIfNull(extent);
        using var flat = tensor(ValuesAt(extent));
        return flat.view(extent.ToArray()).clone();
    }

    /// <summary>The weights at a resolution, the last dimension fastest. Not to be changed: a mask hands out its own.</summary>
    internal abstract double[] ValuesAt(Extent extent);
}
