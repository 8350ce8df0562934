using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The target of a mixed batch. It carries the draw, so that whatever judges a prediction, <see cref="MixupLoss"/> or a metric, weighs the
/// two targets of every sample as the batch was mixed.
/// </summary>
public sealed class MixedTarget
{
    private readonly PendingMix? pending;
    private readonly StepState? step;

    /// <summary>Puts a target and a draw together, where no strategy does.</summary>
    /// <param name="mix">The draw of the batch.</param>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else. Not disposed with this.</param>
    /// <param name="mixing">Whether losses or targets are mixed. Default: as suits the loss, then the target's type.</param>
    /// <param name="isWhole">Whether the target belongs to each sample as a whole, whatever its shape. Default false.</param>
    /// <exception cref="ArgumentException">The target does not have B rows, or may belong to parts of the samples while fields vary over them.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="mixing"/> is not one of the enumeration.</exception>
    public MixedTarget(Mix mix, Tensor target, TargetMixing mixing = TargetMixing.ByLoss, bool isWhole = false)
        : this(mix, target, mixing, isWhole, null, null)
    {
    }

    internal MixedTarget(Mix mix, Tensor target, TargetMixing mixing, bool isWhole, PendingMix? pending, StepState? step)
    {
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(target);
        Check.HasBatch(target, mix.BatchSize, "the target");
        mix.CheckWhole(target, isWhole);
        (Mix, Target, Mixing, this.pending, this.step) = (mix, target, Check.Defined(mixing), pending, step);
    }

    /// <summary>Gets the coefficients and the pairing of the batch.</summary>
    public Mix Mix { get; }

    /// <summary>Gets the targets of the samples themselves, as given.</summary>
    public Tensor Target { get; }

    /// <summary>Gets whether losses or targets are mixed, as given.</summary>
    public TargetMixing Mixing { get; }

    /// <summary>Whether the prediction itself is mixed.</summary>
    internal bool IsMixedAtOutput => pending is OutputMix;

    /// <summary>The target of the mixed rows, where clean ones stand before them.</summary>
    internal MixedTarget WithoutClean() => new(Mix.WithoutClean, Target, Mixing, isWhole: true);

    /// <summary>Finishes the mixing of a prediction where that is left to be done, and checks that it was mixed.</summary>
    internal Tensor Finish(Tensor prediction)
    {
        step?.ThrowUnlessMixing();
        prediction = pending?.Finish(prediction) ?? prediction;
        Check.HasBatch(prediction, Mix.Rows, "the prediction");
        return prediction;
    }

    /// <summary>The weighted values against both targets, of a prediction that is finished.</summary>
    internal Tensor Weigh(Func<Tensor, Tensor, Tensor> unreduced, Tensor prediction, string what)
    {
        Tensor Values(Tensor target) => CheckUnreduced(unreduced(prediction, target), prediction, target, what);

        if (!Mix.IsMixed)
        {
            var values = Values(Target);
            return values.to(Check.AccumulationType(values));
        }

        var (targets, partners) = Mix.PairUp(Target);
        var (own, partner) = (Values(targets), Values(partners));
        return Mix.Weigh(own, partner);
    }

    /// <summary>The values against the mixed target, of a prediction that is finished.</summary>
    internal Tensor WeighBlended(Func<Tensor, Tensor, Tensor> unreduced, Tensor prediction, string what)
    {
        var blended = Blend(prediction);
        var values = CheckUnreduced(unreduced(prediction, blended), prediction, blended, what);
        return values.to(Check.AccumulationType(values));
    }

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

    /// <summary>The mixed target itself, [B, ...]; integer targets as rows of probabilities over the prediction's classes.</summary>
    internal Tensor Blend(Tensor prediction)
    {
        if (!Check.IsInteger(Target))
        {
            return Mix.BlendWhole(Target);
        }

        var wide = Check.AccumulationType(prediction);
        if (Target.shape.AsSpan(1).SequenceEqual(prediction.shape.AsSpan(1)))
        {
            return Mix.BlendWhole(Target.to(wide));
        }

        if (prediction.dim() != Target.dim() + 1)
        {
            throw new ArgumentException(
                $"integer targets of shape {Check.Shape(Target)} cannot be mixed as targets for a prediction of shape {Check.Shape(prediction)}: class ids [B, ...] go with logits [B, K, ...]. Use TargetMixing.Losses, or floating targets.");
        }

        // one_hot would read the largest id back from the device when it is not told the number of classes, and checks the ids by a read in any case.
        long[] shape = [Mix.BatchSize, .. prediction.shape[1..]];
        var oneHot = zeros(shape, wide, prediction.device);
        return Mix.BlendWhole(oneHot.scatter_(1, Target.to(ScalarType.Int64).unsqueeze(1), ones(1, wide, prediction.device).expand(Target.unsqueeze(1).shape)));
    }
}
