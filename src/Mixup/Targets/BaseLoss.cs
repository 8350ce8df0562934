using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>What mixing must know of a loss: how to call it, its values before they are reduced, and how it reduces them.</summary>
internal abstract class BaseLoss(Reduction reduction, string? notOfLogits = null)
{
    /// <summary>The name of a loss that is not of logits, for which mixing predictions is meaningless; else null.</summary>
    public string? NotOfLogits { get; } = notOfLogits;

    public Reduction Reduction { get; } = reduction;

    /// <summary>The loss of a built-in type, or of one that is unknown.</summary>
    public static BaseLoss Of(Loss<Tensor, Tensor, Tensor> loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        var elementwise = loss switch
        {
            // reduction is get-only, so the unreduced values come from a twin.
            MSELoss _ => MSELoss(Reduction.None),
            L1Loss _ => L1Loss(Reduction.None),
            SmoothL1Loss l => SmoothL1Loss(Reduction.None, l.beta),
            HuberLoss l => HuberLoss(l.delta, Reduction.None),
            BCELoss l => BCELoss(l.weight, Reduction.None),
            BCEWithLogitsLoss l => BCEWithLogitsLoss(l.weight, Reduction.None, l.pos_weights),
            KLDivLoss l => KLDivLoss(l.log_target, Reduction.None),
            PoissonNLLLoss l => PoissonNLLLoss(l.log_input, l.full, l.eps, Reduction.None),
            SoftMarginLoss _ => SoftMarginLoss(Reduction.None),
            HingeEmbeddingLoss l => HingeEmbeddingLoss(l.margin, Reduction.None),
            _ => default(Loss<Tensor, Tensor, Tensor>),
        };
        var perSample = loss switch
        {
            MultiMarginLoss l => MultiMarginLoss(l.p, l.margin, l.weight, Reduction.None),
            MultiLabelMarginLoss _ => MultiLabelMarginLoss(Reduction.None),
            MultiLabelSoftMarginLoss l => MultiLabelSoftMarginLoss(l.weight, Reduction.None),
            _ => default(Loss<Tensor, Tensor, Tensor>),
        };
        return loss switch
        {
            CrossEntropyLoss l => new ClassLoss(l, l.weight, l.ignore_index, l.label_smoothing, logits: true),
            NLLLoss l => new ClassLoss(l, l.weight, null, 0, logits: false),
            _ when elementwise is not null => new TwinLoss(loss.call, elementwise.call, loss.reduction, sameShape: true, notOfLogits: loss is Modules.BCEWithLogitsLoss or Modules.SoftMarginLoss or Modules.HingeEmbeddingLoss ? null : loss.GetType().Name),
            _ when perSample is not null => new TwinLoss(loss.call, perSample.call, loss.reduction, sameShape: false),
            _ => new TwinLoss(loss.call, loss.reduction == Reduction.None ? loss.call : Refuse(loss), loss.reduction, sameShape: false),
        };
    }

    /// <summary>The loss of something that does not reduce.</summary>
    public static BaseLoss Of(Func<Tensor, Tensor, Tensor> unreduced, Reduction reduction) =>
        new TwinLoss((prediction, target) => Reduce(unreduced(prediction, target), reduction), unreduced, Check.Defined(reduction), sameShape: false);

    /// <summary>The loss as it is.</summary>
    public abstract Tensor Plain(Tensor prediction, Tensor target);

    /// <summary>The loss of a mixed batch.</summary>
    public Tensor Mixed(Tensor prediction, MixedTarget target) =>
        target.MixesLosses ? MixedLosses(prediction, target) : MixedTargets(prediction, target);

    protected abstract Tensor MixedLosses(Tensor prediction, MixedTarget target);

    protected virtual Tensor MixedTargets(Tensor prediction, MixedTarget target) => Plain(prediction, target.Blend(prediction));

    protected static Tensor Reduce(Tensor values, Reduction reduction) => reduction switch
    {
        Reduction.Mean => values.mean(),
        Reduction.Sum => values.sum(),
        _ => values,
    };

    private static Func<Tensor, Tensor, Tensor> Refuse(Loss<Tensor, Tensor, Tensor> loss) => (_, _) =>
        throw new ArgumentException(
            $"{loss.GetType().Name} reduces its values to their {loss.reduction.ToString().ToLowerInvariant()}, so its two losses cannot be weighted per sample. Build it with Reduction.None and call new MixupLoss(loss, Reduction.{loss.reduction}), or give a function that does not reduce.");
}

/// <summary>A loss whose mean counts every value alike: the unreduced values come from a twin.</summary>
internal sealed class TwinLoss(Func<Tensor, Tensor, Tensor> plain, Func<Tensor, Tensor, Tensor> unreduced, Reduction reduction, bool sameShape, string? notOfLogits = null)
    : BaseLoss(reduction, notOfLogits)
{
    public override Tensor Plain(Tensor prediction, Tensor target) => plain(prediction, target);

    protected override Tensor MixedLosses(Tensor prediction, MixedTarget target)
    {
        CheckShapes(prediction, target.Target);
        return Reduce(target.Weigh(unreduced, prediction), Reduction);
    }

    protected override Tensor MixedTargets(Tensor prediction, MixedTarget target)
    {
        var blended = target.Blend(prediction);
        CheckShapes(prediction, blended);
        return Plain(prediction, blended);
    }

    // [B, 1] against [B] would broadcast to [B, B] and train on nonsense.
    private void CheckShapes(Tensor prediction, Tensor target)
    {
        if (sameShape && !prediction.shape.AsSpan(1).SequenceEqual(target.shape.AsSpan(1)))
        {
            throw new ArgumentException($"the prediction has shape {Check.Shape(prediction)} but the target {Check.Shape(target)}; this loss compares them value by value. Reshape one, for instance by squeeze(1) or unsqueeze(1).");
        }
    }
}
