using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>A mix as a dense target sees it: cell by cell, by the fields at the target's own resolution.</summary>
internal sealed class DenseMix
{
    private readonly Mix mix;
    private readonly ExtentWithin at;

    private DenseMix(Mix mix, ExtentWithin at) => (this.mix, this.at, IsHard) = (mix, at, mix.RowFields.IsHardAt(at.Extent));

    /// <summary>
    /// How the cells of a target are mixed. Null for a target that lambda weighs: it belongs to each sample as a whole, or all weights are
    /// numbers.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The shape does not tell which of the two it is, or ids meet a box that is interpolated.
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

    /// <summary>Whether a target belongs to the cells of the extent, whatever the fields are.</summary>
    public static bool IsDense(Mix mix, Tensor target, TargetKind kind) => mix.Finder?.InTarget(target, kind) is not null;

    /// <summary>Refuses class ids beside partners that are resized by interpolation.</summary>
    public static void CheckResized(Tensor target, bool interpolates)
    {
        if (interpolates && Check.IsInteger(target))
        {
            throw new ArgumentException(
                $"A dense target {target.dtype} {Check.Shape(target)} cannot be interpolated where a partner is resized. " +
                "Choose Resizing.Nearest, floating targets, or another method.",
                nameof(target));
        }
    }

    /// <summary>Whether every cell belongs to the sample or to the partner alone, so that a target is pasted.</summary>
    public bool IsHard { get; }

    /// <summary>Whether any field only pastes here.</summary>
    public bool AnyPastes => mix.RowFields.AnyPastesAt(at.Extent);

    /// <summary>The same for rows of probabilities, which stand for class ids: the classes come directly behind the batch.</summary>
    public DenseMix BehindClasses() => new(mix, BesideClasses);

    /// <summary>The same for the mixed rows, where clean ones stand before them.</summary>
    public DenseMix WithoutClean() => new(mix.WithoutClean, at);

    /// <summary>Blends a tensor that has the shape of the target, of any type where the mix is hard.</summary>
    public Tensor BlendTarget(Tensor target) => mix.BlendAt(target, at.First);

    /// <summary>Blends a prediction that has the cells of the target.</summary>
    /// <exception cref="ArgumentException">It does not have them.</exception>
    public Tensor BlendPrediction(Tensor prediction) => mix.BlendAt(prediction, Find(prediction)
        ?? throw new ArgumentException(
            $"The prediction has shape {Check.Shape(prediction)} beside a dense target over {at.Extent}; " +
            "expected the same extent, so that output mixup can mix both alike. " +
            "Resize one, or choose TargetKind.Whole if the target belongs to each sample as a whole.",
            nameof(prediction)));

    /// <summary>
    /// The targets of the samples and of the partners, for each row of a blended tensor; but where a weight is 0 the other one stands in,
    /// since a loss of what does not count may be infinite.
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

    /// <summary>The targets of the samples and of the partners, these as they are seen in the samples.</summary>
    public (Tensor Own, Tensor Partner) Pair(Tensor target) =>
        (mix.SelectSamples(target), mix.RowFields.Resized(mix.SelectPartners(target), at));

    /// <summary>The weights of pairs [R, 2, ...]: targets of the samples and of the partners, side by side behind the batch.</summary>
    public Tensor WeightsOfPairs(Tensor pairs)
    {
        var (ofSample, ofPartner) = mix.RowFields.Planes(BesideClasses, Check.AccumulationType(pairs), pairs.device);
        return cat([ofSample, ofPartner], 1);
    }

    /// <summary>Weighs values against both targets, cell by cell. What has the weight 0 does not count, even if it is infinite.</summary>
    /// <exception cref="ArgumentException">The values are not one or more for each cell.</exception>
    public Tensor Weigh(Tensor ofOwn, Tensor ofPartner, string what)
    {
        if (Find(ofOwn) is not { } first)
        {
            throw Check.Error(
                "prediction",
                $"{what} returned shape {Check.Shape(ofOwn)}, but a dense target under weights between 0 and 1 needs a value for each " +
                "cell of " +
                $"{at.Extent}. Give a loss that returns [B, ...] with this extent, such as one with Reduction.None; " +
                "floating targets with TargetMixing.Targets, which take one loss; or a method that only copies, such as CutMix.");
        }

        var within = new ExtentWithin(first, at.Extent, (int)ofOwn.dim());
        var (sample, partner) = mix.RowFields.Planes(within, Check.AccumulationType(ofOwn), ofOwn.device);
        static Tensor Part(Tensor values, Tensor weights) => values.mul(weights).masked_fill(weights.eq(Scalars.Zero), Scalars.Zero);
        return Part(ofOwn, sample).add(Part(ofPartner, partner));
    }

    private ExtentWithin BesideClasses => at with { First = at.First + 1, Rank = at.Rank + 1 };

    /// <summary>
    /// The first dimension of the target's extent within a prediction or its values; null where they do not have it. Classes come directly
    /// behind the batch.
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
