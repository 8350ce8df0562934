using System.Globalization;

namespace TorchSharp.Mixup;

/// <summary>
/// What comes out of a batch of B samples: the mixed samples, both combinations of each pair, or the clean samples beside the mixed ones.
/// The default value is <see cref="Mixed"/>.
/// </summary>
public readonly record struct MixupOutputs
{
    private readonly bool isBoth;
    private readonly double? mixedWeight;

    private MixupOutputs(bool isBoth, double? mixedWeight) => (this.isBoth, this.mixedWeight) = (isBoth, mixedWeight);

    /// <summary>Gets the mixed samples alone: B rows (Zhang et al. 2018).</summary>
    public static MixupOutputs Mixed => default;

    /// <summary>
    /// Gets both combinations of each pair: B rows that weigh the samples by their fields, and behind them B rows that weigh them by the
    /// rest, in a number <c>lambda</c> and <c>1 - lambda</c>.
    /// </summary>
    public static MixupOutputs Both => new(isBoth: true, null);

    /// <summary>
    /// The clean samples beside the mixed ones: B rows as they are, and behind them B mixed ones. The loss is that of the clean rows plus
    /// the weighted loss of the mixed ones, <c>L(clean) + weight * L(mixed)</c>, each reduced on its own (Pinto et al. 2022, "RegMixup",
    /// equation 4, where the weight is called eta and the alpha of the interpolation is 10 to 20, not folded).
    /// </summary>
    /// <param name="mixedWeight">The weight of the loss of the mixed rows, 0 or more. Default 1.</param>
    /// <returns>The choice.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="mixedWeight"/> is negative, infinite or not a number.</exception>
    public static MixupOutputs CleanAndMixed(double mixedWeight = 1) => mixedWeight >= 0 && double.IsFinite(mixedWeight)
        ? new(isBoth: false, mixedWeight)
        : throw new ArgumentOutOfRangeException(
            nameof(mixedWeight), mixedWeight, "The weight of the mixed rows must be 0 or more, and finite.");

    /// <summary>Gets how many rows come out for each sample: 1 or 2.</summary>
    public int RowsPerSample => isBoth || mixedWeight is not null ? 2 : 1;

    /// <summary>Gets the weight of the loss of the mixed rows beside that of the clean ones. Null where there are no clean ones.</summary>
    public double? MixedWeight => mixedWeight;

    /// <summary>Writes the name of the choice.</summary>
    /// <returns><c>Mixed</c>, <c>Both</c>, or such as <c>CleanAndMixed(1)</c>.</returns>
    public override string ToString() => mixedWeight is { } weight
        ? string.Create(CultureInfo.InvariantCulture, $"CleanAndMixed({weight:R})")
        : isBoth ? nameof(Both) : nameof(Mixed);
}
