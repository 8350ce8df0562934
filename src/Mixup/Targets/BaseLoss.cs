using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>Describes a loss for mixing: how to call it, its unreduced values, its reduction, and the kind of its targets.</summary>
internal abstract class BaseLoss(string name, Reduction reduction)
{
    /// <summary>Gets the name of the loss, for errors.</summary>
    public string Name => name;

    public Reduction Reduction => reduction;

    /// <summary>Gets whether the loss takes logits, so that predictions may be mixed.</summary>
    public bool TakesLogits { get; init; } = true;

    /// <summary>Gets the reason why the targets of this loss cannot be blended; null if they can.</summary>
    public string? WhyTargetsCannotBlend { get; init; }

    /// <summary>Gets whether the loss treats each class independently, so that class ids are converted to rows of probabilities.</summary>
    public bool TakesRows { get; init; }

    /// <summary>Gets how class ids are converted before they are compared.</summary>
    protected MixupLossOptions Options { get; private set; } = new();

    /// <summary>Computes the loss of an unmixed batch.</summary>
    public Tensor Plain(Tensor prediction, Tensor target)
    {
        if (!MeansRows(prediction, target) && Options.TargetThreshold is null)
        {
            CheckTypes(prediction, target, asLosses: true);
            return PlainUnchecked(prediction, target);
        }

        using var scope = NewDisposeScope();
        target = MeansRows(prediction, target)
            ? ClassRows.Of(target, prediction.size(1), Check.AccumulationType(prediction), Options.LabelSmoothing)
            : target;
        CheckTypes(prediction, target, asLosses: true);
        return AgainstOne(prediction, Threshold(target)).MoveToOuterDisposeScope();
    }

    /// <summary>Computes the loss of a mixed batch.</summary>
    public Tensor Mixed(Tensor prediction, MixedTarget target)
    {
        target = MeansRows(prediction, target.Unmixed) ? target.AsRows(prediction, Options.LabelSmoothing) : target;
        var asLosses = MixesLosses(target);
        CheckTypes(prediction, target.Unmixed, asLosses);
        if (!asLosses)
        {
            return AgainstOne(prediction, Threshold(target.Blend(prediction)));
        }

        if (Options.TargetThreshold is not null)
        {
            throw Check.Error(
                "target",
                "TargetThreshold applies to the labels of a mixed target, but here the losses of two targets are mixed. " +
                "Choose TargetMixing.Targets, or give floating-point targets or class ids with TargetMixing.ByLoss.");
        }

        return target.Paste() is { } pasted ? AgainstOne(prediction, pasted) : MixedLosses(prediction, target);
    }

    /// <summary>Computes the weight of an unmixed batch: see <see cref="MixupLoss.WeightOf(Tensor, Tensor)"/>.</summary>
    public Tensor WeightOf(Tensor prediction, Tensor target) =>
        (WeighsClasses(target) ? WeightOfClasses(prediction, target) : null)
        ?? Number(prediction, target.dim() > 0 ? target.size(0) : 1);

    /// <summary>Computes the weight of a mixed batch: see <see cref="MixupLoss.WeightOf(Tensor, MixedTarget)"/>.</summary>
    public Tensor WeightOf(Tensor prediction, MixedTarget target) =>
        (WeighsClasses(target.Unmixed) ? WeightOfClasses(prediction, target) : null) ?? Number(prediction, target.Mix.Rows);

    /// <summary>Returns whether the mean divides by the weights of the classes of a target, which only its device knows.</summary>
    public virtual bool WeighsClasses(Tensor target) => false;

    /// <summary>
    /// Returns whether the losses of two targets are mixed. Otherwise the targets are mixed, and the loss is computed once.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// <see cref="TargetMixing.Targets"/> was chosen, but the targets of this loss cannot be blended.
    /// </exception>
    public virtual bool MixesLosses(MixedTarget target) => (target.Mixing, WhyTargetsCannotBlend) switch
    {
        (TargetMixing.Targets, { } why) => throw Check.Error(
            "target",
            $"The targets of {Name} cannot be mixed: {why}. Leave TargetMixing at ByLoss, or choose Losses."),
        (TargetMixing.Targets, null) => false,
        (TargetMixing.Losses, _) or (_, not null) => true,
        _ => Check.IsInteger(target.Unmixed),
    };

    /// <summary>Converts the labels of a mixed target to 0 and 1, if the options have a threshold.</summary>
    public Tensor Threshold(Tensor target) =>
        Options.TargetThreshold is { } threshold ? target.IsAbove(threshold).to(target.dtype) : target;

    protected abstract Tensor PlainUnchecked(Tensor prediction, Tensor target);

    /// <summary>Computes the loss of one target that was mixed or pasted.</summary>
    protected virtual Tensor AgainstOne(Tensor prediction, Tensor target) => PlainUnchecked(prediction, target);

    /// <summary>Returns the number of values whose mean is the loss, for a finished prediction of a shape.</summary>
    protected abstract long ValuesOf(long[] shape);

    /// <summary>Computes the weight of all class ids of a target that are not ignored.</summary>
    protected virtual Tensor? WeightOfClasses(Tensor prediction, Tensor target) => null;

    /// <summary>Computes the weight of all class ids of a mixed target that are not ignored.</summary>
    protected virtual Tensor? WeightOfClasses(Tensor prediction, MixedTarget target) => null;

    protected abstract Tensor MixedLosses(Tensor prediction, MixedTarget target);

    /// <summary>Throws for targets of a type that the loss does not support. The errors of libtorch are less clear.</summary>
    protected abstract void CheckTypes(Tensor prediction, Tensor target, bool asLosses);

    /// <summary>Throws for options that the loss does not support.</summary>
    protected virtual void CheckOptions(MixupLossOptions options)
    {
        if (WhyTargetsCannotBlend is { } why)
        {
            throw Check.Error(
                "options",
                $"{Name} does not support LabelSmoothing and TargetThreshold: {why}. Leave them off, or choose another loss.");
        }
    }

    /// <summary>Returns whether a target holds class ids that are converted to rows of probabilities.</summary>
    /// <exception cref="ArgumentException">Label smoothing is set, but the target does not hold class ids.</exception>
    protected virtual bool MeansRows(Tensor prediction, Tensor target)
    {
        var smooths = Options.LabelSmoothing > 0;
        var fits = (TakesRows || smooths || Options.TargetThreshold is not null) && ClassRows.FitIds(target, prediction);
        return fits || !smooths ? fits : throw NoIdsToSmooth(prediction, target);
    }

    protected ArgumentException NoIdsToSmooth(Tensor prediction, Tensor target) => Check.Error(
        "target",
        $"LabelSmoothing smooths class ids [B, ...] for a prediction [B, K, ...], but the target is {target.dtype} {Check.Shape(target)} " +
        $"for a prediction {Check.Shape(prediction)}. " +
        $"Give {Name} class ids, or smooth the target beforehand and leave LabelSmoothing off.");

    /// <summary>Sets the options, unless they are null.</summary>
    /// <exception cref="ArgumentException">The loss does not support the options.</exception>
    public BaseLoss With(MixupLossOptions? options)
    {
        if (options is not null && options != Options)
        {
            CheckOptions(options);
            Options = options;
        }

        return this;
    }

    private Tensor Number(Tensor prediction, long rows)
    {
        var number = Reduction == Reduction.Mean ? ValuesOf([rows, .. prediction.shape.Skip(1)]) : rows;
        return Scalars.Full([], number, ScalarType.Float64, prediction.device);
    }

    /// <summary>Reduces values by a reduction.</summary>
    public static Tensor Reduce(Tensor values, Reduction reduction) => reduction switch
    {
        Reduction.Mean => values.mean(),
        Reduction.Sum => values.sum(),
        _ => values,
    };
}
