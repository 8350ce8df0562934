using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>A mix as a dense target sees it: cell by cell, by the fields at the target's own resolution.</summary>
internal sealed class DenseMix(Mix mix, IReadOnlyList<Field> fields, ExtentWithin at)
{
    private readonly FieldPlanes own = new(fields, ofPartner: false);
    private readonly FieldPlanes other = new(fields, ofPartner: true);
    private bool? isHard;

    /// <summary>Whether every cell belongs to the sample or to the partner alone, so that a target is pasted.</summary>
    public bool IsHard => isHard ??= fields.All(drawn => drawn.IsHardAt(at.Extent));

    /// <summary>Whether any field only pastes here.</summary>
    public bool AnyPastes => fields.Any(drawn => drawn.Extent is not null && drawn.IsHardAt(at.Extent));

    /// <summary>The same for rows of probabilities, which stand for class ids: the classes come directly behind the batch.</summary>
    public DenseMix BehindClasses() => new(mix, fields, at with { First = at.First + 1, Rank = at.Rank + 1 });

    /// <summary>Blends a tensor that has the shape of the target, of any type where the mix is hard.</summary>
    public Tensor BlendTarget(Tensor target) => mix.BlendAt(target, at.First);

    /// <summary>Blends a prediction that has the cells of the target.</summary>
    /// <exception cref="ArgumentException">It does not have them.</exception>
    public Tensor BlendPrediction(Tensor prediction) => mix.BlendAt(prediction, Find(prediction)
        ?? throw new ArgumentException(
            $"The prediction has shape {Check.Shape(prediction)} beside a dense target over {at.Extent}; " +
            "expected the same extent, so that output mixup can mix both alike. " +
            "Resize one, or choose TargetKind.Whole if the target belongs to each sample as a whole."));

    /// <summary>
    /// The targets of the samples and of the partners, for each row of a blended tensor; but where a weight is 0 the other one stands in,
    /// since a loss of what does not count may be infinite.
    /// </summary>
    public (Tensor Own, Tensor Partner) PairUp(Tensor target)
    {
        var (sample, partner) = (mix.Own(target), mix.Partner(target));
        var (ofSample, ofPartner) = Planes(at, ScalarType.Float32, target.device);

        // META has no `where`.
        static Tensor Choose(Tensor first, Tensor second, Tensor weights) =>
            first.masked_fill(weights.eq(0), 0).add(second.masked_fill(weights.ne(0), 0));
        return (Choose(sample, partner, ofSample), Choose(partner, sample, ofPartner));
    }

    /// <summary>The weights of pairs [R, 2, ...]: targets of the samples and of the partners, side by side behind the batch.</summary>
    public Tensor WeightsOfPairs(Tensor pairs)
    {
        var besideClasses = at with { First = at.First + 1, Rank = at.Rank + 1 };
        var (ofSample, ofPartner) = Planes(besideClasses, Check.AccumulationType(pairs), pairs.device);
        return cat([ofSample, ofPartner], 1);
    }

    /// <summary>Weighs values against both targets, cell by cell. What has the weight 0 does not count, even if it is infinite.</summary>
    /// <exception cref="ArgumentException">The values are not one or more for each cell.</exception>
    public Tensor Weigh(Tensor ofOwn, Tensor ofPartner, string what)
    {
        if (Find(ofOwn) is not { } first)
        {
            throw new ArgumentException(
                $"{what} returned shape {Check.Shape(ofOwn)}, but a dense target under weights between 0 and 1 needs a value for each cell of {at.Extent}. " +
                "Give a loss that returns [B, ...] with this extent, such as one with Reduction.None; floating targets with TargetMixing.Targets, " +
                "which take one loss; or a method that only copies, such as CutMix.");
        }

        var (sample, partner) = Planes(new ExtentWithin(first, at.Extent, (int)ofOwn.dim()), Check.AccumulationType(ofOwn), ofOwn.device);
        static Tensor Part(Tensor values, Tensor weights) => values.mul(weights).masked_fill(weights.eq(0), 0);
        return Part(ofOwn, sample).add(Part(ofPartner, partner));
    }

    /// <summary>The weights of the samples and of the partners in each row, which broadcast against a tensor.</summary>
    private (Tensor Own, Tensor Partner) Planes(ExtentWithin within, ScalarType type, Device device)
    {
        Tensor Of(FieldPlanes planes) => planes.Of(0, mix.BatchSize, within, type, device);
        var (sample, partner) = (Of(own), Of(other));
        return mix.Rows == mix.BatchSize ? (sample, partner) : (cat([sample, partner]), cat([partner, sample]));
    }

    /// <summary>The first dimension of the target's extent within a prediction or its values; null where they do not have it. Classes come directly behind the batch.</summary>
    private int? Find(Tensor tensor)
    {
        var channels = tensor.dim() - at.Extent.Count - 1;
        var expected = at.Rank == tensor.dim() ? at.First : 2;
        int[] places = channels switch
        {
            0 => [1],
            1 => [expected, 3 - expected],
            _ => [],
        };
        bool Has(int first) => tensor.shape.AsSpan(first, at.Extent.Count).SequenceEqual(at.Extent.ToArray());
        return places.Where(Has).Cast<int?>().FirstOrDefault();
    }
}
