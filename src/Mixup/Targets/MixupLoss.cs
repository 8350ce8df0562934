using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// Computes the loss of a mixed batch: the base loss of both targets, weighted by lambda and reduced as the base loss reduces. With lambda
/// 1 it equals the base loss, with class weights and <c>ignore_index</c>. A weighted mean divides by the mixed class weights, <c>sum of
/// lambda * w(a) + (1 - lambda) * w(b)</c>, without ignored targets. With <see cref="MixupOutputs.CleanAndMixed"/> it is the base loss of
/// the clean samples plus the weighted loss of the mixed ones.
/// </summary>
/// <remarks>
/// For integer targets the losses are mixed; for floating-point targets the targets are mixed (Zhang et al. 2018, section 2; fastai's
/// <c>MixUpLoss</c>). <see cref="TargetMixing.ByLoss"/> lists the exceptions. A plain tensor as target is passed to the base loss, so the
/// same object serves for validation. Mixed cross-entropy computes one log-softmax for both targets.
/// </remarks>
public sealed class MixupLoss : Loss<Tensor, MixedTarget, Tensor>
{
    private readonly BaseLoss baseLoss;

    /// <summary>Initializes a loss for mixed batches from a base loss, and reduces as that one does.</summary>
    /// <param name="loss">
    /// The base loss: any loss of torch with two arguments, including its weights, <c>ignore_index</c>, label smoothing and reduction. A
    /// loss of another type mixes losses only if built with <c>Reduction.None</c>; it mixes targets with any reduction. Not disposed with
    /// this object. Build it on the model's device, since torch's losses do not move their weights.
    /// </param>
    /// <param name="options">The label smoothing of class ids and the threshold of mixed labels. Default null: neither.</param>
    /// <exception cref="ArgumentException">The loss does not support the options, or smooths labels itself.</exception>
    public MixupLoss(Loss<Tensor, Tensor, Tensor> loss, MixupLossOptions? options = null)
        : this(BaseLosses.Of(loss, options))
    {
    }

    private MixupLoss(BaseLoss baseLoss)
        : base(baseLoss.Reduction) => this.baseLoss = baseLoss;

    /// <summary>Makes a loss from a function that does not reduce.</summary>
    /// <param name="unreduced">
    /// The function. It takes the prediction and a target, and returns one value or more for each sample, [B, ...].
    /// </param>
    /// <param name="reduction">The reduction of the weighted values. Default: their mean.</param>
    /// <param name="options">The label smoothing of class ids and the threshold of mixed labels. Default null: neither.</param>
    /// <returns>The loss.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="reduction"/> is not a member of the enumeration.</exception>
    public static MixupLoss FromUnreduced(
        Func<Tensor, Tensor, Tensor> unreduced, Reduction reduction = Reduction.Mean, MixupLossOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(unreduced);
        return new MixupLoss(BaseLosses.Of(unreduced, reduction, options));
    }

    /// <summary>Makes a loss from a module that does not reduce.</summary>
    /// <param name="unreduced">
    /// The module, such as a loss built with <c>Reduction.None</c>. It takes the prediction and a target, and returns [B, ...]. Not
    /// disposed with the loss.
    /// </param>
    /// <param name="reduction">The reduction of the weighted values.</param>
    /// <returns>The loss.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="reduction"/> is not a member of the enumeration.</exception>
    public static MixupLoss FromUnreduced(Module<Tensor, Tensor, Tensor> unreduced, Reduction reduction)
    {
        ArgumentNullException.ThrowIfNull(unreduced);
        return FromUnreduced(unreduced.call, reduction);
    }

    /// <summary>Computes the loss of a mixed batch. Use <c>call</c>, as for any module.</summary>
    /// <param name="prediction">
    /// The prediction of the model, [B, ...], or [2B, ...] for outputs with two rows per sample. Output mixup mixes it here.
    /// </param>
    /// <param name="target">The mixed target, for instance <see cref="MixupStep.Target"/>.</param>
    /// <returns>A scalar, or unreduced values for <c>Reduction.None</c>, in the type of the prediction.</returns>
    /// <exception cref="ArgumentException">
    /// The shapes or types of the prediction and the target do not match. Or the base loss is of an unknown type and reduces. Or output
    /// mixup is used with a loss that does not take logits. Or targets are mixed that the loss cannot blend.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The prediction was not mixed: the module of manifold mixup did not run, or the step is disposed or suspended.
    /// </exception>
    public override Tensor forward(Tensor prediction, MixedTarget target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        return Compute(prediction, target, scales: null);
    }

    /// <summary>
    /// Computes a metric of a mixed batch, consistent with this loss. If the loss mixes losses, the metric of both targets is mixed:
    /// <c>lambda * m(prediction, a) + (1 - lambda) * m(prediction, b)</c>. With a metric that returns 1 for a correct class, this is the
    /// accuracy under mixing. If the loss mixes floating-point targets, the metric of the mixed target is computed.
    /// </summary>
    /// <param name="metric">
    /// The metric. It takes the prediction and a target, and returns values that are not reduced over the batch, [B, ...].
    /// </param>
    /// <param name="prediction">
    /// The prediction of the model, [B, ...], or [2B, ...] for outputs with two rows per sample. Output mixup mixes it here.
    /// </param>
    /// <param name="target">The mixed target, for instance <see cref="MixupStep.Target"/>.</param>
    /// <returns>The weighted values of <paramref name="metric"/>, in at least float32.</returns>
    /// <exception cref="ArgumentException">The metric returned a scalar or another number of rows.</exception>
    /// <exception cref="InvalidOperationException">
    /// The prediction was not mixed: the module of manifold mixup did not run, or the step is disposed or suspended.
    /// </exception>
    public Tensor Evaluate(Func<Tensor, Tensor, Tensor> metric, Tensor prediction, MixedTarget target)
    {
        ArgumentNullException.ThrowIfNull(metric);
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        CheckTakesLogits(target);
        using var scope = NewDisposeScope();
        var finished = target.Finish(prediction);
        var againstBoth = baseLoss.MixesLosses(target) || Check.IsInteger(target.Unmixed);
        var values = againstBoth
            ? target.Weigh(metric, finished, "The metric")
            : target.WeighBlended((p, t) => metric(p, baseLoss.Threshold(t)), finished, "The metric");
        return values.MoveToOuterDisposeScope();
    }

    /// <summary>Computes the base loss of a batch that was not mixed, for instance in validation.</summary>
    /// <param name="prediction">The prediction of the model.</param>
    /// <param name="target">The plain target.</param>
    /// <returns>The result of the base loss.</returns>
    public Tensor call(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        return baseLoss.Plain(prediction, target);
    }

    /// <summary>
    /// Computes the weight of a mixed batch: the number by which the mean of this loss divides. The loss of several batches as one is
    /// <c>sum(weight * loss) / sum(weight)</c>. Use it to average losses or gradients over batches or processes.
    /// </summary>
    /// <param name="prediction">
    /// The prediction of the model, [B, ...], or [2B, ...] for outputs with two rows per sample. Only its shape, type and device are used.
    /// </param>
    /// <param name="target">The mixed target, for instance <see cref="MixupStep.Target"/>.</param>
    /// <returns>
    /// A float64 scalar, 0 or more, on the device of the prediction, without a gradient. Under <c>CrossEntropyLoss</c> and <c>NLLLoss</c>,
    /// it is the class weights of class ids that are not ignored, mixed as <c>sum of lambda * w(a) + (1 - lambda) * w(b)</c>, and for
    /// probabilities the number of rows or pixels. For losses that compare values it is their number. For all others, and without a mean,
    /// it is the number of rows. It is 0 if all class ids are ignored; the mean is then not a number.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The shapes or types of the prediction and the target do not match, or a class id is not one of the classes.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The loss is the sum of two means, by <see cref="MixupOutputs.CleanAndMixed"/>, and they divide by different numbers. To compare
    /// them, the weights of class ids are copied from a GPU.
    /// </exception>
    public Tensor WeightOf(Tensor prediction, MixedTarget target)
    {
        using var scope = NewDisposeScope();
        return SingleWeight(WeightsOf(prediction, target), prediction.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Computes the weight of a batch that was not mixed. See <see cref="WeightOf(Tensor, MixedTarget)"/>; every lambda is 1.
    /// </summary>
    /// <param name="prediction">The prediction of the model, [B, ...]. Only its shape, type and device are used.</param>
    /// <param name="target">The plain target, [B, ...].</param>
    /// <returns>A float64 scalar, 0 or more, on the device of the prediction, without a gradient.</returns>
    /// <exception cref="ArgumentException">The shapes or types of the prediction and of class ids do not match.</exception>
    public Tensor WeightOf(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return baseLoss.WeightOf(prediction, target).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Computes the weight of each mean that the loss is the sum of: one; or, for <see cref="MixupOutputs.CleanAndMixed"/>, that of the
    /// clean rows and that of the mixed ones, which differ under class weights or ignored class ids. If these are the same number for any
    /// target, they are one tensor.
    /// </summary>
    /// <param name="prediction">The prediction, as of <see cref="WeightOf(Tensor, MixedTarget)"/>.</param>
    /// <param name="target">The mixed target.</param>
    /// <returns>One float64 scalar or two, each as <see cref="WeightOf(Tensor, MixedTarget)"/> returns it.</returns>
    /// <exception cref="ArgumentException">
    /// The shapes or types of the prediction and the target do not match, or a class id is not one of the classes.
    /// </exception>
    public IReadOnlyList<Tensor> WeightsOf(Tensor prediction, MixedTarget target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        target.CheckRows(prediction);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor Weight(MixedTarget of) => baseLoss.WeightOf(prediction, of).MoveToOuterDisposeScope();
        if (!target.Mix.HasClean || baseLoss.Reduction != Reduction.Mean)
        {
            return [Weight(target)];
        }

        var clean = Weight(target.CleanAlone());
        return [clean, baseLoss.WeighsClasses(target.Unmixed) ? Weight(target.WithoutClean()) : clean];
    }

    /// <summary>Returns the weight of the loss from that of each mean. Two tensors are copied to the host.</summary>
    /// <param name="weights">The weights of <see cref="WeightsOf"/>.</param>
    /// <param name="type">The type of the prediction, which limits how exact the weights are.</param>
    /// <exception cref="InvalidOperationException">The means divide by different numbers.</exception>
    internal static Tensor SingleWeight(IReadOnlyList<Tensor> weights, ScalarType type)
    {
        if (ReferenceEquals(weights[0], weights[^1]))
        {
            return weights[0];
        }

        using var scope = NewDisposeScope();
        var (clean, mixed) = (weights[0].cpu().ToDouble(), weights[^1].cpu().ToDouble());
        var tolerance = type == ScalarType.Float64 ? 1e-12 : 1e-6; // lambda and 1 - lambda are rounded, and may not sum to 1
        return Math.Abs(clean - mixed) <= tolerance * Math.Max(clean, mixed)
            ? weights[0]
            : throw new InvalidOperationException(
                $"The loss is the sum of two means, but that of the clean rows divides by {clean} and that of the mixed rows by {mixed}, " +
                "because of class weights or ignored class ids; expected one number. Choose CoefficientPer.Pair, under which the mixed " +
                "rows of a pair weigh its classes as its clean rows do, or a loss with Reduction.Sum.");
    }

    /// <summary>
    /// Computes the loss of a mixed batch with each of its means multiplied by a scale. With the weights of <see cref="WeightsOf"/> divided
    /// by their sums over several batches, the scaled losses add up to the loss of these batches as one.
    /// </summary>
    /// <param name="prediction">The prediction of the model, as of <c>call</c>.</param>
    /// <param name="target">The mixed target.</param>
    /// <param name="scales">
    /// A scalar for each weight of <see cref="WeightsOf"/>. A mean of scale 0 counts as 0, even if it is not a number.
    /// </param>
    /// <returns>A scalar, in the type of the prediction.</returns>
    /// <exception cref="ArgumentException">There are not as many scales as weights; or as of <c>call</c>.</exception>
    /// <exception cref="InvalidOperationException">As of <c>call</c>.</exception>
    public Tensor Scaled(Tensor prediction, MixedTarget target, IReadOnlyList<Tensor> scales)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(scales);
        var means = target.Mix.HasClean && baseLoss.Reduction == Reduction.Mean ? 2 : 1;
        return scales.Count == means
            ? Compute(prediction, target, scales)
            : throw new ArgumentException(
                $"There are {scales.Count} scales, but the loss is the sum of {means} mean(s). Give one for each weight of WeightsOf.",
                nameof(scales));
    }

    private Tensor Compute(Tensor prediction, MixedTarget target, IReadOnlyList<Tensor>? scales)
    {
        CheckTakesLogits(target);
        using var scope = NewDisposeScope();
        var finished = target.Finish(prediction);
        var loss = target.Mix.Outputs.MixedWeight is { } weight
            ? CleanAndMixed(finished, target, weight, scales)
            : Scale(baseLoss.Mixed(finished, target), scales?[0]);
        return loss.to(prediction.dtype).MoveToOuterDisposeScope();
    }

    // A mean of scale 0 may not be a number.
    private static Tensor Scale(Tensor mean, Tensor? scale)
    {
        if (scale is null)
        {
            return mean;
        }

        var factor = scale.to(mean.dtype);
        return mean.mul(factor).masked_fill(factor.eq(Scalars.Zero), Scalars.Zero);
    }

    /// <summary>
    /// Adds the loss of the clean rows and the weighted loss of the mixed ones. Without a reduction it concatenates them.
    /// </summary>
    private Tensor CleanAndMixed(Tensor prediction, MixedTarget target, double weight, IReadOnlyList<Tensor>? scales)
    {
        var batchSize = target.Mix.BatchSize;
        var clean = Scale(baseLoss.Mixed(prediction.narrow(0, 0, batchSize), target.CleanAlone()), scales?[0]);
        var mixed = Scale(baseLoss.Mixed(prediction.narrow(0, batchSize, batchSize), target.WithoutClean()), scales?[^1]);

        // A loss of weight 0 must not change the sum, even if it is infinite.
        mixed = weight == 0 ? zeros_like(mixed) : mixed.Times(weight);
        return baseLoss.Reduction == Reduction.None ? cat([clean, mixed]) : clean + mixed;
    }

    private void CheckTakesLogits(MixedTarget target)
    {
        if (target.IsMixedAtOutput && !baseLoss.TakesLogits)
        {
            throw Check.Error(
                "target",
                $"Output mixup mixes the prediction before a loss that contains the softmax or sigmoid, but {baseLoss.Name} has none: " +
                "mixing would be meaningless. Use CrossEntropyLoss or BCEWithLogitsLoss on logits, or another strategy.");
        }
    }
}
