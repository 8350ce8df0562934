using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// Computes cross-entropy or negative log-likelihood for two class ids per row with one log-softmax and one gather of two columns. The mean
/// divides by the weight of all classes that are not ignored, as torch's own.
/// </summary>
internal sealed class ClassLoss(
    Loss<Tensor, Tensor, Tensor> loss, Tensor? classWeight, long? ignoreIndex, double labelSmoothing, bool logits)
    : BaseLoss(loss.GetType().Name, loss.reduction)
{
    // The largest number of class ids for the loop on one core. With more, as for the pixels of a segmentation, torch's threads are faster.
    private const int MostOnHost = 1 << 16;

    // torch's own default, which applies even if it was not set.
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
                $"The labels would be smoothed twice: by CrossEntropyLoss ({loss.label_smoothing}) and by LabelSmoothing " +
                $"({smoothing}). Leave one of them off; they have the same effect.");
        }

        var smoothed = new CrossEntropyLoss(loss.weight, loss.ignore_index, loss.reduction, smoothing);
        return new ClassLoss(smoothed, loss.weight, loss.ignore_index, smoothing, logits: true);
    }

    public static ClassLoss OfLogProbabilities(NLLLoss loss, double smoothing) => smoothing == 0
        ? new ClassLoss(loss, loss.weight, null, 0, logits: false) { TakesLogits = false }
        : throw Check.Error(
            "options",
            "NLLLoss cannot smooth labels. Use CrossEntropyLoss with LabelSmoothing; on log-probabilities it is the same loss.");

    // The loss is linear in the target, so mixing rows of probabilities gives the same number as mixing the losses of class ids.
    public override bool MixesLosses(MixedTarget target) => base.MixesLosses(target) || Check.IsInteger(target.Unmixed);

    protected override Tensor MixedLosses(Tensor prediction, MixedTarget target) =>
        Check.IsInteger(target.Unmixed) ? OfClassIds(prediction, target) : OfProbabilities(prediction, target);

    public override bool WeighsClasses(Tensor target) => Reduction == Reduction.Mean && Check.IsInteger(target);

    // Of probabilities, one value for all classes of a cell.
    protected override long ValuesOf(long[] shape) =>
        shape.Where((_, dimension) => dimension != 1).Aggregate((product, size) => product * size);

    protected override Tensor WeightOfClasses(Tensor prediction, Tensor target)
    {
        CheckTypes(prediction, target, asLosses: true);
        CheckShapes(prediction, target);
        return WeightOfIds(target).to(prediction.device);
    }

    protected override Tensor WeightOfClasses(Tensor prediction, MixedTarget target)
    {
        CheckTypes(prediction, target.Unmixed, asLosses: true);
        CheckShapes(prediction, target.Unmixed);
        var wide = Check.AccumulationType(prediction);
        var weight = target.Paste() is { } pasted ? WeightOfIds(pasted)
            : IsForHost(target) ? PairedClasses.TotalOnHost(target, classWeight, ignored, prediction.size(1), wide)
            : PairedClasses.OnDevice(target, classWeight, ignored, wide).Weights.sum(ScalarType.Float64);
        return weight.to(prediction.device);
    }

    // This loss takes class ids unchanged.
    protected override bool MeansRows(Tensor prediction, Tensor target) =>
        Options.LabelSmoothing == 0 || Check.IsInteger(target) ? false : throw NoIdsToSmooth(prediction, target);

    protected override void CheckOptions(MixupLossOptions options)
    {
        if (options.TargetThreshold is not null)
        {
            throw Check.Error(
                "options",
                $"TargetThreshold sets several labels to 1, but the probabilities of {Name} must sum to one. " +
                "Use BCEWithLogitsLoss, or leave the threshold off.");
        }
    }

    protected override void CheckTypes(Tensor prediction, Tensor target, bool asLosses)
    {
        // Accepts only the types that the plain loss accepts, since validation uses that one.
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
        var onHost = IsForHost(target);
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
            // A value of weight zero must not change the sum, even if it is infinite.
            picked = picked.masked_fill(pairs.Weights.eq(Scalars.Zero), Scalars.Zero);
        }

        var values = picked.mul(pairs.Weights).neg();
        if (labelSmoothing > 0)
        {
            var weighted = classWeight is null
                ? logProbabilities
                : logProbabilities.mul(classWeight.to(wide).view(Check.Broadcast(prediction.size(1), 1, prediction.dim())));

            // Ignored class ids must not change the sum, even if their row has a logit of minus infinity.
            var uniform = weighted.sum(1, keepdim: true).neg().expand(pairs.Lambdas.shape)
                .masked_fill(pairs.Lambdas.eq(Scalars.Zero), Scalars.Zero)
                .mul(pairs.Lambdas);
            values = values.Times(1 - labelSmoothing).add(uniform.Times(labelSmoothing / prediction.size(1)));
        }

        return Reduction switch
        {
            Reduction.Mean => Quotient(values.sum(), pairs.Weights.sum()),
            Reduction.Sum => values.sum(),
            _ => values.sum(1),
        };
    }

    private static bool IsForHost(MixedTarget target) =>
        target.IsWeightedByLambda && target.Unmixed.device_type == DeviceType.CPU && target.Unmixed.numel() is > 0 and <= MostOnHost;

    private Tensor WeightOfIds(Tensor target)
    {
        var ids = target.to(ScalarType.Int64);
        var isIgnored = ids.Is(ignored);
        if (classWeight is null)
        {
            return isIgnored.bitwise_not().sum(ScalarType.Float64);
        }

        var weights = classWeight.to(ScalarType.Float64).index(TensorIndex.Tensor(ids.masked_fill(isIgnored, Scalars.Zero)));
        return weights.masked_fill(isIgnored, Scalars.Zero).sum();
    }

    private Tensor OfProbabilities(Tensor prediction, MixedTarget target)
    {
        var values = target.Weigh(
            (p, t) => functional.cross_entropy(p, t, classWeight, ignored, Reduction.None, labelSmoothing), prediction, $"The {Name}");
        return Reduce(values, Reduction);
    }

    /// <summary>
    /// Divides a sum by the total weight. If the whole batch is ignored, the result is NaN and its gradient is 0, as in torch.
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
        : prediction.dim() == 1 ? "For one logit a sample use BCEWithLogitsLoss and floating-point targets, or let the model return K " +
            "logits."
        : "Move the classes to dimension 1.";
}
