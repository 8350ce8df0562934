using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Mixes a dense target cell by cell, by the fields at the resolution of the target.</summary>
internal sealed class DenseMix
{
    private readonly Mix mix;
    private readonly ExtentWithin at;

    private DenseMix(Mix mix, ExtentWithin at) => (this.mix, this.at, IsHard) = (mix, at, mix.RowFields.IsHardAt(at.Extent));

    /// <summary>
    /// Returns how the cells of a target are mixed; null if lambda weights the target, since it belongs to each whole sample or all fields
    /// are numbers.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The shape is ambiguous, or the target holds class ids and a partner is resized by interpolation.
    /// </exception>
    public static DenseMix? Of(Mix mix, Tensor target, TargetKind kind)
    {
        Check.Defined(kind);
        if (mix.Finder?.InTarget(target, kind) is not { } within || !mix.HasCells)
        {
            return null;
        }

        CheckResized(target, mix.RowFields.AnyInterpolates);
        return new DenseMix(mix, within);
    }

    /// <summary>Returns whether a target belongs to the cells of the extent, for any fields.</summary>
    public static bool IsDense(Mix mix, Tensor target, TargetKind kind) => mix.Finder?.InTarget(target, kind) is not null;

    /// <summary>Throws for class ids if partners are resized by interpolation.</summary>
    public static void CheckResized(Tensor target, bool interpolates)
    {
        if (interpolates && Check.IsInteger(target))
        {
            throw new ArgumentException(
                $"A dense target {target.dtype} {Check.Shape(target)} holds class ids, which cannot be interpolated when a partner is " +
                "resized. Choose Resizing.Nearest, floating-point targets, or another method.",
                nameof(target));
        }
    }

    /// <summary>Gets whether every cell comes from the sample or the partner alone, so that a target is pasted.</summary>
    public bool IsHard { get; }

    /// <summary>Gets whether any field only pastes at this resolution.</summary>
    public bool AnyPastes => mix.RowFields.AnyPastesAt(at.Extent);

    /// <summary>Returns the same for rows of probabilities, whose classes are dimension 1.</summary>
    public DenseMix BehindClasses() => new(mix, BesideClasses);

    /// <summary>Returns the same for the mixed rows alone, for outputs in which clean rows precede them.</summary>
    public DenseMix WithoutClean() => new(mix.WithoutClean, at);

    /// <summary>Blends a tensor with the shape of the target, of any type if <see cref="IsHard"/>.</summary>
    public Tensor BlendTarget(Tensor target) => mix.BlendAt(target, at.First);

    /// <summary>Blends a prediction with the cells of the target.</summary>
    /// <exception cref="ArgumentException">The prediction does not have these cells.</exception>
    public Tensor BlendPrediction(Tensor prediction) => mix.BlendAt(prediction, Find(prediction)
        ?? throw new ArgumentException(
            $"The prediction has shape {Check.Shape(prediction)}, but the dense target has the extent {at.Extent}; expected the same " +
            "extent, since output mixup mixes both. Resize one, or choose TargetKind.Whole if the target belongs to each sample as a " +
            "whole.",
            nameof(prediction)));

    /// <summary>
    /// Returns the targets of the samples and of the partners, for each row of a blended tensor. A target of weight 0 is replaced by the
    /// other one, since its loss may be infinite.
    /// </summary>
    public (Tensor Own, Tensor Partner) PairUp(Tensor target)
    {
        var (sample, partner) = Pair(target);
        var (ofSample, ofPartner) = mix.RowFields.Planes(at, ScalarType.Float32, target.device);

        // META has no `where`.
        static Tensor Choose(Tensor first, Tensor second, Tensor weights) =>
            first.masked_fill(weights.eq(Scalars.Zero), Scalars.Zero).add(second.masked_fill(weights.ne(Scalars.Zero), Scalars.Zero));
        return (Choose(sample, partner, ofSample), Choose(partner, sample, ofPartner));
    }

    /// <summary>Returns the targets of the samples and of the partners; those of resized partners are resized.</summary>
    public (Tensor Own, Tensor Partner) Pair(Tensor target) =>
        (mix.SelectSamples(target), mix.RowFields.Resized(mix.SelectPartners(target), at));

    /// <summary>Returns the weights of pairs [R, 2, ...]. The second dimension holds the sample and the partner.</summary>
    public Tensor WeightsOfPairs(Tensor pairs)
    {
        var (ofSample, ofPartner) = mix.RowFields.Planes(BesideClasses, Check.AccumulationType(pairs), pairs.device);
        return cat([ofSample, ofPartner], 1);
    }

    /// <summary>
    /// Weights the values of both targets cell by cell. A value of weight 0 does not change the sum, even if it is infinite.
    /// </summary>
    /// <exception cref="ArgumentException">The values do not have one value or more for each cell.</exception>
    public Tensor Weigh(Tensor ofOwn, Tensor ofPartner, string what)
    {
        if (Find(ofOwn) is not { } first)
        {
            throw Check.Error(
                "prediction",
                $"{what} returned shape {Check.Shape(ofOwn)}, but a dense target with weights between 0 and 1 needs a value for each " +
                $"cell of {at.Extent}. Use a loss that returns [B, ...] with this extent, such as one with Reduction.None. Or use " +
                "floating-point targets with TargetMixing.Targets, or a method that only copies, such as CutMix.");
        }

        var within = new ExtentWithin(first, at.Extent, (int)ofOwn.dim());
        var (sample, partner) = mix.RowFields.Planes(within, Check.AccumulationType(ofOwn), ofOwn.device);
        static Tensor Part(Tensor values, Tensor weights) => values.mul(weights).masked_fill(weights.eq(Scalars.Zero), Scalars.Zero);
        return Part(ofOwn, sample).add(Part(ofPartner, partner));
    }

    private ExtentWithin BesideClasses => at with { First = at.First + 1, Rank = at.Rank + 1 };

    /// <summary>
    /// Finds the first dimension of the target's extent in a prediction or in values; null if there is none. Classes are dimension 1.
    /// </summary>
    private int? Find(Tensor tensor)
    {
        var channels = tensor.dim() - at.Extent.Count - 1;
        var expected = at.Rank == tensor.dim() ? at.First : 2;
        int[] positions = channels switch
        {
            0 => [1],
            1 => [expected, 3 - expected],
            _ => [],
        };
        bool Has(int first) => tensor.shape.AsSpan(first, at.Extent.Count).SequenceEqual(at.Extent.ToArray());
        return positions.Where(Has).Cast<int?>().FirstOrDefault();
    }
}
