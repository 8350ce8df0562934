using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// What mixing must know of a loss: how to call it, its values before they are reduced, how it reduces them, and what its targets are.
/// </summary>
internal abstract class BaseLoss(string name, Reduction reduction)
{
    /// <summary>The name of the loss, for errors.</summary>
    public string Name => name;

    public Reduction Reduction => reduction;

    /// <summary>Whether the loss takes a prediction before its softmax or sigmoid, so that mixing predictions has a meaning.</summary>
    public bool TakesLogits { get; init; } = true;

    /// <summary>Why a blend of two targets means nothing to this loss; null where it has a meaning.</summary>
    public string? WhyTargetsCannotBlend { get; init; }

    /// <summary>Whether the loss takes each class on its own, so that class ids mean rows of probabilities.</summary>
    public bool TakesRows { get; init; }

    /// <summary>What becomes of class ids before they are compared.</summary>
    protected MixupLossOptions Options { get; private set; } = new();

    /// <summary>The loss as it is.</summary>
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

    /// <summary>The loss of a mixed batch.</summary>
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
                "TargetThreshold says which labels of a mixed target count, but here the losses of two targets are mixed. " +
                "Choose TargetMixing.Targets, or give floating targets or class ids with TargetMixing.ByLoss.");
        }

        return target.Paste() is { } pasted ? AgainstOne(prediction, pasted) : MixedLosses(prediction, target);
    }

    /// <summary>Whether this loss mixes the losses of two targets; otherwise it mixes the targets, and takes one loss.</summary>
    /// <exception cref="ArgumentException">Targets were to be mixed that mean nothing when they are.</exception>
    public virtual bool MixesLosses(MixedTarget target) => (target.Mixing, WhyTargetsCannotBlend) switch
    {
        (TargetMixing.Targets, { } why) => throw Check.Error(
            "target",
            $"The targets of {Name} cannot be mixed: {why}. Leave TargetMixing at ByLoss, or choose Losses."),
        (TargetMixing.Targets, null) => false,
        (TargetMixing.Losses, _) or (_, not null) => true,
        _ => Check.IsInteger(target.Unmixed),
    };

    /// <summary>A mixed target with labels of 0 and 1, if there is a threshold for them.</summary>
    public Tensor Threshold(Tensor target) =>
        Options.TargetThreshold is { } threshold ? target.IsAbove(threshold).to(target.dtype) : target;

    protected abstract Tensor PlainUnchecked(Tensor prediction, Tensor target);

    /// <summary>The loss against one target that was mixed or pasted.</summary>
    protected virtual Tensor AgainstOne(Tensor prediction, Tensor target) => PlainUnchecked(prediction, target);

    protected abstract Tensor MixedLosses(Tensor prediction, MixedTarget target);

    /// <summary>Refuses targets of a type that the loss cannot take, where libtorch would do it at length.</summary>
    protected abstract void CheckTypes(Tensor prediction, Tensor target, bool asLosses);

    /// <summary>Refuses options that mean nothing to the loss.</summary>
    protected virtual void CheckOptions(MixupLossOptions options)
    {
        if (WhyTargetsCannotBlend is { } why)
        {
            throw Check.Error(
                "options",
                $"LabelSmoothing and TargetThreshold mean nothing to {Name}: {why}. Leave them off, or choose another loss.");
        }
    }

    /// <summary>Whether a target is class ids that become rows of probabilities.</summary>
    /// <exception cref="ArgumentException">The labels are to be smoothed, but the target is not class ids.</exception>
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

    /// <summary>Sets the options, if there are any.</summary>
    /// <exception cref="ArgumentException">They mean nothing to the loss.</exception>
    public BaseLoss With(MixupLossOptions? options)
    {
        if (options is not null && options != Options)
        {
            CheckOptions(options);
            Options = options;
        }

        return this;
    }

    /// <summary>Reduces values as the loss reduces its own.</summary>
    public static Tensor Reduce(Tensor values, Reduction reduction) => reduction switch
    {
        Reduction.Mean => values.mean(),
        Reduction.Sum => values.sum(),
        _ => values,
    };
}
