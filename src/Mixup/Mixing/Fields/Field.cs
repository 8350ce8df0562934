using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The weights of a sample over its extent, from 0 to 1; the weight of the partner is the rest up to 1. A field can be resampled to any
/// resolution without changing its mean. There are four kinds: <see cref="NumberField"/> as in mixup, <see cref="BoxField"/> as in CutMix,
/// <see cref="MaskField"/> as in FMix, and <see cref="ResizedBoxField"/> as in ResizeMix.
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
    /// Gets lambda, the weight of targets of the whole sample, such as its class. It is the mean of the field, unless
    /// <see cref="BoxField.WithLambda"/> set another.
    /// </summary>
    public double Lambda { get; private protected init; }

    /// <summary>Gets the extent for which the field was drawn; null for a number.</summary>
    public abstract Extent? Extent { get; }

    /// <summary>Returns whether every weight is exactly 0 or 1 at a resolution, so that the field copies and does not blend.</summary>
    /// <param name="extent">The resolution, with as many dimensions as <see cref="Extent"/>.</param>
    /// <returns>True if the field copies at this resolution.</returns>
    /// <exception cref="ArgumentException">The number of dimensions differs.</exception>
    public abstract bool IsHardAt(Extent extent);

    /// <summary>Computes the weights at a resolution. Each cell has the mean of the weights that it covers.</summary>
    /// <param name="extent">The resolution, with as many dimensions as <see cref="Extent"/>.</param>
    /// <returns>A new float64 tensor of this extent on the CPU.</returns>
    /// <exception cref="ArgumentException">The number of dimensions differs.</exception>
    public Tensor WeightsAt(Extent extent)
    {
        ArgumentNullException.ThrowIfNull(extent);
        using var flat = tensor(ValuesAt(extent));
        return flat.view(extent.ToArray()).clone();
    }

    /// <summary>Returns the weights at a resolution in row-major order. Do not modify them, since a mask returns its own array.</summary>
    internal abstract double[] ValuesAt(Extent extent);
}
