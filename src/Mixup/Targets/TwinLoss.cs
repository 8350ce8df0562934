using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// A loss whose mean gives every value the same weight. It consists of the reducing function and one that returns the unreduced values: of
/// a loss of torch, a twin built with <c>Reduction.None</c>.
/// </summary>
internal sealed class TwinLoss(
    string name,
    Reduction reduction,
    Func<Tensor, Tensor, Tensor> plain,
    Func<Tensor, Tensor, Tensor> unreduced) : BaseLoss(name, reduction)
{
    public TwinLoss(Loss<Tensor, Tensor, Tensor> loss, Loss<Tensor, Tensor, Tensor> twin)
        : this(loss.GetType().Name, loss.reduction, loss.call, twin.call)
    {
    }

    /// <summary>Gets whether the loss compares prediction and target value by value, so that both must have the same shape.</summary>
    public bool ComparesValues { get; init; }

    /// <summary>Gets whether libtorch requires floating-point targets.</summary>
    public bool FloatingTargets { get; init; }

    /// <summary>
    /// Gets the weights of the loss, for classes or values. Weights for samples would not follow the partners, so they throw.
    /// </summary>
    public Tensor?[] Weights { get; init; } = [];

    protected override Tensor PlainUnchecked(Tensor prediction, Tensor target)
    {
        CheckCompared(prediction, target);
        return plain(prediction, target);
    }

    protected override long ValuesOf(long[] shape) => ComparesValues ? shape.Aggregate((product, size) => product * size) : shape[0];

    protected override Tensor MixedLosses(Tensor prediction, MixedTarget target)
    {
        CheckShapes(prediction, target.Unmixed);
        return Reduce(target.Weigh(unreduced, prediction, $"The {Name}"), Reduction);
    }

    protected override Tensor AgainstOne(Tensor prediction, Tensor target)
    {
        CheckShapes(prediction, target);
        return plain(prediction, target);
    }

    protected override void CheckTypes(Tensor prediction, Tensor target, bool asLosses)
    {
        if (FloatingTargets && asLosses && Check.IsInteger(target))
        {
            throw Check.Error(
                "target",
                $"The target of {Name} is of type {target.dtype}; expected floating-point values of the prediction's shape " +
                $"{Check.Shape(prediction)}. Convert the target by target.to(ScalarType.Float32), " +
                "and class ids by functional.one_hot(target, classes).to(ScalarType.Float32).");
        }
    }

    private void CheckShapes(Tensor prediction, Tensor target)
    {
        if (ComparesValues && !prediction.shape.AsSpan(1).SequenceEqual(target.shape.AsSpan(1)))
        {
            throw Compared(prediction, target);
        }

        if (Weights.FirstOrDefault(weight => weight is not null && weight.dim() == prediction.dim() && weight.size(0) > 1) is { } perSample)
        {
            throw Check.Error(
                "target",
                $"{Name} has weights of shape {Check.Shape(perSample)}, one for each sample; they would multiply the partner's loss " +
                "by the sample's own weight. Give weights of classes, or a function that does not reduce and multiplies by " +
                "step.Draw.Mix.Blend(weights).");
        }
    }

    private void CheckCompared(Tensor prediction, Tensor target)
    {
        if (ComparesValues && !prediction.shape.AsSpan().SequenceEqual(target.shape))
        {
            throw Compared(prediction, target);
        }
    }

    // [B, 1] against [B] would broadcast to [B, B], a wrong loss.
    private static ArgumentException Compared(Tensor prediction, Tensor target) => Check.Error(
        "prediction",
        $"The prediction has shape {Check.Shape(prediction)} but the target {Check.Shape(target)}; " +
        "this loss compares them value by value. Reshape one, for instance by squeeze(1) or unsqueeze(1).");
}
