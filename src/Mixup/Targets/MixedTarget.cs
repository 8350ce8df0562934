using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The target of a mixed batch. It carries the draw, so that whatever judges a prediction, <see cref="MixupLoss"/> or a metric, weighs the
/// two targets of every sample as the batch was mixed: a target of the whole sample by lambda, a dense one by the field, cell by cell. Where
/// all cells of a dense target are those of the sample or of the partner, it is pasted, and is one target.
/// </summary>
public sealed class MixedTarget
{
    private readonly DenseMix? dense;
    private readonly PendingMix? pending;
    private readonly StepState? step;

    /// <summary>Puts a target and a draw together, where no strategy does.</summary>
    /// <param name="mix">The draw of the batch.</param>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else. Not disposed with this.</param>
    /// <param name="mixing">Whether losses or targets are mixed. Default: as suits the loss, then the target's type.</param>
    /// <param name="kind">Whether the target belongs to each sample as a whole, or to the cells of its extent. Default: as its shape says.</param>
    /// <exception cref="ArgumentException">The target does not have B rows, or its shape does not tell what it belongs to.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="mixing"/> or <paramref name="kind"/> is none of its enumeration.</exception>
    public MixedTarget(Mix mix, Tensor target, TargetMixing mixing = TargetMixing.ByLoss, TargetKind kind = TargetKind.ByShape)
        : this(mix, target, mixing, kind, null, null)
    {
    }

    internal MixedTarget(Mix mix, Tensor target, TargetMixing mixing, TargetKind kind, PendingMix? pending, StepState? step)
    {
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(target);
        Check.HasBatch(target, mix.BatchSize, "the target");
        dense = mix.DenseFor(target, kind);
        (Mix, Target, Mixing, this.pending, this.step) = (mix, target, Check.Defined(mixing), pending, step);
        if (IsMixedAtOutput && dense is { AnyPastes: true })
        {
            throw new ArgumentException(
                $"Output mixup with a field that only copies pastes cells of predictions and the same cells of the target {Check.Shape(target)}: " +
                "the losses of the cells stand in another order, and nothing is mixed. " +
                "Use InputMixup or ManifoldMixup, a method that blends, or TargetKind.Whole if the target belongs to each sample as a whole.");
        }
    }

    private MixedTarget(MixedTarget ids, Tensor rows) =>
        (Mix, Target, Mixing, dense) = (ids.Mix, rows, ids.Mixing, ids.dense?.BehindClasses());

    /// <summary>Gets the fields and the pairing of the batch.</summary>
    public Mix Mix { get; }

    /// <summary>Gets the targets of the samples themselves, as given.</summary>
    public Tensor Target { get; }

    /// <summary>Gets whether losses or targets are mixed, as given.</summary>
    public TargetMixing Mixing { get; }

    /// <summary>Whether the prediction itself is mixed.</summary>
    internal bool IsMixedAtOutput => pending is OutputMix;

    /// <summary>The target of the mixed rows, where clean ones stand before them.</summary>
    internal MixedTarget WithoutClean() => new(Mix.WithoutClean, Target, Mixing, IsWeighedByLambda ? TargetKind.Whole : TargetKind.Dense);

    /// <summary>Whether lambda weighs each sample as a whole; otherwise its cells have weights of their own.</summary>
    internal bool IsWeighedByLambda => dense is null;

    /// <summary>Finishes the mixing of a prediction where that is left to be done, and checks that it was mixed.</summary>
    internal Tensor Finish(Tensor prediction)
    {
        step?.ThrowUnlessMixing();
        prediction = IsMixedAtOutput && dense is not null
            ? dense.BlendPrediction(prediction)
            : pending?.Finish(prediction) ?? prediction;
        Check.HasBatch(prediction, Mix.Rows, "the prediction");
        return prediction;
    }

    /// <summary>The one target of which each cell is that of the sample or of the partner; null where any cell is mixed.</summary>
    internal Tensor? Paste() => dense is { IsHard: true } ? dense.BlendTarget(Target) : null;

    /// <summary>The weights of pairs [R, 2, ...]: targets of the samples and of the partners, side by side behind the batch.</summary>
    internal Tensor WeightsOfPairs(Tensor pairs) => dense?.WeightsOfPairs(pairs) ?? cat(Mix.WeightsOf(pairs), 1);

    /// <summary>The weighted values against both targets, of a prediction that is finished. Against a target that is pasted they are taken once.</summary>
    internal Tensor Weigh(Func<Tensor, Tensor, Tensor> unreduced, Tensor prediction, string what)
    {
        Tensor Values(Tensor target) => CheckUnreduced(unreduced(prediction, target), prediction, target, what);

        if ((dense is null && !Mix.IsMixed ? Target : Paste()) is { } single)
        {
            var values = Values(single);
            return values.to(Check.AccumulationType(values));
        }

        var (targets, partners) = dense?.PairUp(Target) ?? Mix.PairUp(Target);
        var (own, partner) = (Values(targets), Values(partners));
        return dense?.Weigh(own, partner, what) ?? Mix.Weigh(own, partner);
    }

    /// <summary>The values against the mixed target, of a prediction that is finished.</summary>
    internal Tensor WeighBlended(Func<Tensor, Tensor, Tensor> unreduced, Tensor prediction, string what)
    {
        var blended = Blend(prediction);
        var values = CheckUnreduced(unreduced(prediction, blended), prediction, blended, what);
        return values.to(Check.AccumulationType(values));
    }

    /// <summary>The same with rows of probabilities over the prediction's classes instead of class ids.</summary>
    internal MixedTarget AsRows(Tensor prediction, double labelSmoothing) => new(this, ClassRows.Of(Target, prediction, labelSmoothing));

    /// <summary>The mixed target itself, [B, ...]; integer targets as rows of probabilities over the prediction's classes.</summary>
    internal Tensor Blend(Tensor prediction)
    {
        if (!Check.IsInteger(Target))
        {
            return BlendTarget(Target);
        }

        if (Target.shape.AsSpan(1).SequenceEqual(prediction.shape.AsSpan(1)))
        {
            return BlendTarget(Target.to(Check.AccumulationType(prediction)));
        }

        if (prediction.dim() != Target.dim() + 1)
        {
            throw new ArgumentException(
                $"integer targets of shape {Check.Shape(Target)} cannot be mixed as targets for a prediction of shape {Check.Shape(prediction)}: class ids [B, ...] go with logits [B, K, ...]. Use TargetMixing.Losses, or floating targets.");
        }

        return AsRows(prediction, 0).Blend(prediction);
    }

    private Tensor BlendTarget(Tensor target) => dense?.BlendTarget(target) ?? Mix.BlendWhole(target);

    /// <summary>Checks what a function returned of which each sample's values are to be weighted.</summary>
    private Tensor CheckUnreduced(Tensor values, Tensor prediction, Tensor target, string what)
    {
        if (values.dim() == 0 || values.size(0) != Mix.Rows)
        {
            throw new ArgumentException(
                $"{what} returned shape {Check.Shape(values)}, but mixing needs one value or more for each of the {Mix.Rows} samples. Give one with Reduction.None, or a function that does not reduce.");
        }

        return Check.NotBroadcast(values, prediction, target, what);
    }
}
