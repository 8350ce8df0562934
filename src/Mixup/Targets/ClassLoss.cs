using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// Cross-entropy, and negative log-likelihood, against two class ids a row at the cost of one: one log-softmax, one gather of two columns.
/// The mean divides by the weight of what counts, as torch's own.
/// </summary>
internal sealed class ClassLoss(
    Loss<Tensor, Tensor, Tensor> loss, Tensor? classWeight, long? ignoreIndex, double labelSmoothing, bool logits)
    : BaseLoss(loss.GetType().Name, loss.reduction)
{
    // One loop on one core; beyond this, as for the pixels of a segmentation, torch's threads win.
    private const int MostOnHost = 1 << 16;

    // torch's own default, in force even where nobody set it.
    private readonly long ignored = ignoreIndex ?? -100;

    protected override Tensor AgainstOne(Tensor prediction, Tensor target)
    {
        if (Check.IsInteger(target))
        {
            CheckShapes(prediction, target);
        }

        return loss.call(prediction, target);
    }

    protected override Tensor PlainUnchecked(Tensor prediction, Tensor target) => loss.call(prediction, target);

    public static ClassLoss OfLogits(CrossEntropyLoss loss, double smoothing)
    {
        if (smoothing == 0)
        {
            return new ClassLoss(loss, loss.weight, loss.ignore_index, loss.label_smoothing, logits: true);
        }

        if (loss.label_smoothing > 0)
        {
            throw Check.Error(
                "options",
                $"The labels would be smoothed twice: by CrossEntropyLoss, {loss.label_smoothing}, and by LabelSmoothing, {smoothing}. " +
                "Leave one of them off; they mean the same.");
        }

        var smoothed = new CrossEntropyLoss(loss.weight, loss.ignore_index, loss.reduction, smoothing);
        return new ClassLoss(smoothed, loss.weight, loss.ignore_index, smoothing, logits: true);
    }

    public static ClassLoss OfLogProbabilities(NLLLoss loss, double smoothing) => smoothing == 0
        ? new ClassLoss(loss, loss.weight, null, 0, logits: false) { TakesLogits = false }
        : throw Check.Error(
            "options",
            "NLLLoss cannot smooth labels. Give CrossEntropyLoss with LabelSmoothing: of log-probabilities it is the same loss.");

    // Linear in the target: mixing the rows of probabilities that stand for class ids gives the same number as mixing their losses.
    public override bool MixesLosses(MixedTarget target) => base.MixesLosses(target) || Check.IsInteger(target.Unmixed);

    protected override Tensor MixedLosses(Tensor prediction, MixedTarget target) =>
        Check.IsInteger(target.Unmixed) ? OfClassIds(prediction, target) : OfProbabilities(prediction, target);

    // It takes class ids as they are.
    protected override bool MeansRows(Tensor prediction, Tensor target) =>
        Options.LabelSmoothing == 0 || Check.IsInteger(target) ? false : throw NoIdsToSmooth(prediction, target);

    protected override void CheckOptions(MixupLossOptions options)
    {
        if (options.TargetThreshold is not null)
        {
            throw Check.Error(
                "options",
                $"TargetThreshold makes several labels 1, but the probabilities of {Name} sum to one. " +
                "Use BCEWithLogitsLoss, or leave the threshold off.");
        }
    }

    protected override void CheckTypes(Tensor prediction, Tensor target, bool asLosses)
    {
        // No more than the plain loss takes, which judges in validation.
        var isIds = target.dtype == ScalarType.Int64 || (target.dtype == ScalarType.Byte && target.dim() == 1);
        var isProbabilities = logits && target.is_floating_point() && target.shape.AsSpan(1).SequenceEqual(prediction.shape.AsSpan(1));
        if (!isIds && !isProbabilities)
        {
            throw new ArgumentException(
                $"The target of {Name} is {target.dtype} {Check.Shape(target)} for a prediction {Check.Shape(prediction)}; " +
                "expected class ids " +
                $"of type Int64{(logits ? ", or probabilities of the prediction's shape" : string.Empty)}. " +
                "Convert class ids by target.to(ScalarType.Int64).",
                nameof(target));
        }
    }

    private Tensor OfClassIds(Tensor prediction, MixedTarget target)
    {
        CheckShapes(prediction, target.Unmixed);
        var wide = Check.AccumulationType(prediction);
        var logProbabilities = logits ? functional.log_softmax(prediction.to(wide), 1) : prediction.to(wide);
        var onHost = target.IsWeighedByLambda && target.Unmixed.device_type == DeviceType.CPU
            && target.Unmixed.numel() is > 0 and <= MostOnHost;
        if (onHost && Reduction == Reduction.Mean && labelSmoothing == 0)
        {
            return PairedClasses.MeanOnHost(logProbabilities, target, classWeight, ignored);
        }

        var pairs = onHost
            ? PairedClasses.OnHost(target, classWeight, ignored, prediction.size(1), wide)
            : PairedClasses.OnDevice(target, classWeight, ignored, wide);
        var picked = logProbabilities.gather(1, pairs.Columns);
        if (pairs.MayBeInfinite)
        {
            // Where a weight is zero the value must not count, even if it is infinite.
            picked = picked.masked_fill(pairs.Weights.eq(Scalars.Zero), Scalars.Zero);
        }

        var values = picked.mul(pairs.Weights).neg();
        if (labelSmoothing > 0)
        {
            var weighted = classWeight is null
                ? logProbabilities
                : logProbabilities.mul(classWeight.to(wide).view(Check.Broadcast(prediction.size(1), 1, prediction.dim())));

            // What is ignored must not count here either, though its row may hold a logit of minus infinity.
            var uniform = weighted.sum(1, keepdim: true).neg().expand(pairs.Shares.shape)
                .masked_fill(pairs.Shares.eq(Scalars.Zero), Scalars.Zero)
                .mul(pairs.Shares);
            values = values.Times(1 - labelSmoothing).add(uniform.Times(labelSmoothing / prediction.size(1)));
        }

        return Reduction switch
        {
            Reduction.Mean => Quotient(values.sum(), pairs.Weights.sum()),
            Reduction.Sum => values.sum(),
            _ => values.sum(1),
        };
    }

    private Tensor OfProbabilities(Tensor prediction, MixedTarget target)
    {
        var values = target.Weigh(
            (p, t) => functional.cross_entropy(p, t, classWeight, ignored, Reduction.None, labelSmoothing), prediction, $"The {Name}");
        return Reduce(values, Reduction);
    }

    /// <summary>
    /// The mean. Where nothing counts it is not a number, but its gradient is 0 and not infinite: as torch has it for a batch that is
    /// ignored as a whole.
    /// </summary>
    private static Tensor Quotient(Tensor sum, Tensor total) =>
        sum.div(total.masked_fill(total.eq(Scalars.Zero), Scalars.One)).add(total.mul(Scalars.Zero).div(total));

    private void CheckShapes(Tensor prediction, Tensor target)
    {
        var rank = target.dim();
        var fits = prediction.dim() == rank + 1;
        for (var d = 1; fits && d < rank; d++)
        {
            fits = prediction.size(d + 1) == target.size(d);
        }

        if (!fits)
        {
            throw Check.Error(
                "prediction",
                $"The prediction has shape {Check.Shape(prediction)} but the class ids {Check.Shape(target)}; " +
                $"logits [B, K, ...] go with class ids [B, ...]. {Cure(prediction, target)}");
        }

        if (classWeight is not null && classWeight.numel() != prediction.size(1))
        {
            throw Check.Error("prediction", $"The loss has {classWeight.numel()} class weights, but the prediction {prediction.size(1)} " +
                "classes; give one weight for each class.");
        }
    }

    private static string Cure(Tensor prediction, Tensor target) =>
        target.dim() == prediction.dim() && target.dim() > 1
            && target.size(1) == 1 ? "Take the channel out of the class ids by target.squeeze(1)."
        : target.shape.AsSpan().SequenceEqual(prediction.shape) && target.dim() > 1
            ? "If the target is one-hot, convert it to floating point, or to class ids by argmax(1)."
        : prediction.dim() == 1 ? "For one logit a sample use BCEWithLogitsLoss and floating targets, or let the model give K logits."
        : "Move the classes to dimension 1.";
}
