using System.Globalization;

namespace TorchSharp.Mixup;

/// <summary>
/// The rows that are returned for a batch of B samples: the mixed samples, both combinations of each pair, or the clean samples followed by
/// the mixed ones. The default value is <see cref="Mixed"/>.
/// </summary>
public readonly record struct MixupOutputs
{
    private readonly bool isBoth;
    private readonly double? mixedWeight;

    private MixupOutputs(bool isBoth, double? mixedWeight) => (this.isBoth, this.mixedWeight) = (isBoth, mixedWeight);

    /// <summary>Gets the outputs with the mixed samples alone, B rows (Zhang et al. 2018).</summary>
    public static MixupOutputs Mixed => default;

    /// <summary>
    /// Gets the outputs with both combinations of each pair, 2B rows. The first B rows weight the samples by their fields <c>w</c>, the
    /// last B rows by <c>1 - w</c>.
    /// </summary>
    public static MixupOutputs Both => new(isBoth: true, null);

    /// <summary>
    /// Returns the outputs with the clean samples followed by the mixed ones, 2B rows. The loss is <c>L(clean) + mixedWeight *
    /// L(mixed)</c>, each reduced separately (Pinto et al. 2022, "RegMixup", equation 4, in which the weight is called eta). The paper uses
    /// interpolation with an alpha of 10 to 20, not folded.
    /// </summary>
    /// <param name="mixedWeight">The weight of the loss of the mixed rows, 0 or more. Default 1.</param>
    /// <returns>The outputs.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="mixedWeight"/> is negative, infinite or not a number.</exception>
    public static MixupOutputs CleanAndMixed(double mixedWeight = 1) => mixedWeight >= 0 && double.IsFinite(mixedWeight)
        ? new(isBoth: false, mixedWeight)
        : throw new ArgumentOutOfRangeException(
            nameof(mixedWeight), mixedWeight, "The weight of the mixed rows must be 0 or more, and finite.");

    /// <summary>Gets the number of rows per sample: 1 or 2.</summary>
    public int RowsPerSample => isBoth || mixedWeight is not null ? 2 : 1;

    /// <summary>Gets the weight of the loss of the mixed rows relative to that of the clean ones; null without clean rows.</summary>
    public double? MixedWeight => mixedWeight;

    /// <summary>Returns the name of the outputs.</summary>
    /// <returns><c>Mixed</c>, <c>Both</c>, or for instance <c>CleanAndMixed(1)</c>.</returns>
    public override string ToString() => mixedWeight is { } weight
        ? string.Create(CultureInfo.InvariantCulture, $"CleanAndMixed({weight:R})")
        : isBoth ? nameof(Both) : nameof(Mixed);
}
