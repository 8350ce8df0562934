using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// Cross-entropy, and negative log-likelihood, against two class ids a row at the cost of one: one log-softmax, one gather of two columns.
/// The mean divides by the weight of what counts, as torch's own.
/// </summary>
internal sealed class ClassLoss(Loss<Tensor, Tensor, Tensor> loss, Tensor? classWeight, long? ignoreIndex, double labelSmoothing, bool logits)
    : BaseLoss(loss.reduction, logits ? null : loss.GetType().Name)
{
    // torch's own default, in force even where nobody set it.
    private readonly long ignored = ignoreIndex ?? -100;

    public override Tensor Plain(Tensor prediction, Tensor target) => loss.call(prediction, target);

    protected override Tensor MixedLosses(Tensor prediction, MixedTarget target) =>
        Check.IsInteger(target.Target) ? OfClassIds(prediction, target) : OfProbabilities(prediction, target);

    // Linear in the target: mixing the rows of probabilities that stand for class ids gives the same number as mixing their losses.
    protected override Tensor MixedTargets(Tensor prediction, MixedTarget target) =>
        Check.IsInteger(target.Target) ? OfClassIds(prediction, target) : Plain(prediction, target.Blend(prediction));

    private Tensor OfClassIds(Tensor prediction, MixedTarget target)
    {
        CheckShapes(prediction, target.Target);
        var mix = target.Mix;
        var wide = Check.AccumulationType(prediction);
        var classes = target.Target.to(ScalarType.Int64);
        var pairs = stack([mix.Own(classes), mix.Partner(classes)], 1);
        var counted = pairs.ne(ignored);
        var columns = pairs.masked_fill(pairs.eq(ignored), 0);
        var lambdas = cat([mix.CoefficientsFor(columns.to(wide)), mix.PartnerCoefficientsFor(columns.to(wide))], 1);
        var shares = counted.to(wide).mul(lambdas);
        var weights = classWeight is null ? shares : shares.mul(classWeight.to(wide).index(TensorIndex.Tensor(columns)));

        var logProbabilities = logits ? prediction.log_softmax(1, wide) : prediction.to(wide);

        // Where a weight is zero the value must not count, even if it is infinite.
        var picked = logProbabilities.gather(1, columns).masked_fill(weights.eq(0), 0);
        var values = picked.mul(weights).sum(1).neg();
        if (labelSmoothing > 0)
        {
            var weighted = classWeight is null ? logProbabilities : logProbabilities.mul(classWeight.to(wide).view(Check.Broadcast(prediction.shape[1], 1, prediction.dim())));
            var uniform = weighted.sum(1).neg().mul(shares.sum(1));
            values = values.mul(1 - labelSmoothing).add(uniform.mul(labelSmoothing / prediction.shape[1]));
        }

        return Reduction == Reduction.Mean ? values.sum().div(weights.sum()) : Reduce(values, Reduction);
    }

    private Tensor OfProbabilities(Tensor prediction, MixedTarget target)
    {
        var values = target.Weigh(
            (p, t) => functional.cross_entropy(p, t, classWeight, ignored, Reduction.None, labelSmoothing), prediction);
        return Reduce(values, Reduction);
    }

    private static void CheckShapes(Tensor prediction, Tensor target)
    {
        if (prediction.dim() != target.dim() + 1 || !prediction.shape.AsSpan(2).SequenceEqual(target.shape.AsSpan(1)))
        {
            throw new ArgumentException($"the prediction has shape {Check.Shape(prediction)} but the class ids {Check.Shape(target)}; logits [B, K, ...] go with class ids [B, ...]. Move the classes to dimension 1.");
        }
    }
}
