using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// A loss against a mixed target: the base loss of both targets weighted by lambda, reduced exactly as the base loss reduces. With lambda 1
/// it equals the base loss, class weights and <c>ignore_index</c> included: a weighted mean divides by the mixed weight of what counts,
/// <c>sum of lambda * w(a) + (1 - lambda) * w(b)</c>. Beside clean samples, <see cref="MixupOutputs.CleanAndMixed"/>, it is the base loss
/// of those plus the weighted loss of the mixed ones.
/// </summary>
/// <remarks>
/// Integer targets mix losses, floating targets mix targets (Zhang et al. 2018, section 2; fastai's <c>MixUpLoss</c>), unless a blend of
/// targets means nothing to the loss: see <see cref="TargetMixing.ByLoss"/>. A plain tensor as target is given to the base loss unchanged,
/// so the same object serves for validation. Mixed cross-entropy takes one log-softmax for both targets.
/// </remarks>
public sealed class MixupLoss : Loss<Tensor, MixedTarget, Tensor>
{
    private readonly BaseLoss baseLoss;

    /// <summary>Wraps a loss, and reduces as it does.</summary>
    /// <param name="loss">
    /// Any built-in loss of two arguments, with its weights, <c>ignore_index</c>, label smoothing and reduction. Another type must be built
    /// with <c>Reduction.None</c> to mix losses; with any reduction it can mix targets. Not disposed with this, and not moved: torch's
    /// losses keep their weights where they were made.
    /// </param>
    /// <param name="options">Label smoothing of class ids, and a threshold for mixed labels. Default null: neither.</param>
    /// <exception cref="ArgumentException">The options mean nothing to the loss, or it smooths labels itself.</exception>
    public MixupLoss(Loss<Tensor, Tensor, Tensor> loss, MixupLossOptions? options = null)
        : this(BaseLosses.Of(loss, options))
    {
    }

    private MixupLoss(BaseLoss baseLoss)
        : base(baseLoss.Reduction) => this.baseLoss = baseLoss;

    /// <summary>Makes a loss of a function that does not reduce.</summary>
    /// <param name="unreduced">Takes the prediction and a target, and returns [B, ...].</param>
    /// <param name="reduction">How the weighted values are reduced. Default: their mean.</param>
    /// <param name="options">Label smoothing of class ids, and a threshold for mixed labels. Default null: neither.</param>
    /// <returns>The loss.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="reduction"/> is not one of the enumeration.</exception>
    public static MixupLoss FromUnreduced(
        Func<Tensor, Tensor, Tensor> unreduced, Reduction reduction = Reduction.Mean, MixupLossOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(unreduced);
        return new MixupLoss(BaseLosses.Of(unreduced, reduction, options));
    }

    /// <summary>Makes a loss of a module that does not reduce.</summary>
    /// <param name="unreduced">
    /// A module of prediction and target that returns [B, ...], such as a loss built with <c>Reduction.None</c>. Not disposed with this.
    /// </param>
    /// <param name="reduction">How the weighted values are reduced.</param>
    /// <returns>The loss.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="reduction"/> is not one of the enumeration.</exception>
    public static MixupLoss FromUnreduced(Module<Tensor, Tensor, Tensor> unreduced, Reduction reduction)
    {
        ArgumentNullException.ThrowIfNull(unreduced);
        return FromUnreduced(unreduced.call, reduction);
    }

    /// <summary>The loss of a mixed batch. Call it by <c>call</c>, as any module.</summary>
    /// <param name="prediction">
    /// [B, ...], or [2B, ...] if two rows come out for each sample: what the model gave, as the base loss expects it. Output mixup mixes it
    /// here.
    /// </param>
    /// <param name="target">The target of the step.</param>
    /// <returns>As the base loss: a scalar, or unreduced values for <c>Reduction.None</c>; in the type of the prediction.</returns>
    /// <exception cref="ArgumentException">
    /// Prediction and target do not go together, or the base loss reduces and so cannot be weighted per sample, or output mixup meets a
    /// loss without a softmax, or targets were to be mixed that mean nothing to the loss when they are.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The prediction was not mixed: the module did not run, or the step is disposed or suspended.
    /// </exception>
    public override Tensor forward(Tensor prediction, MixedTarget target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        CheckTakesLogits(target);
        using var scope = NewDisposeScope();
        var finished = target.Finish(prediction);
        var loss = target.Mix.Outputs.MixedWeight is { } weight
            ? CleanAndMixed(finished, target, weight)
            : baseLoss.Mixed(finished, target);
        return loss.to(prediction.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Judges a prediction by a metric, as this loss judges it. Where the loss mixes losses the metric is taken against both targets,
    /// <c>lambda * m(prediction, a) + (1 - lambda) * m(prediction, b)</c>: with a function that tells hits from misses this is the accuracy
    /// under mixing. Where the loss mixes floating targets, the metric is taken against the mixed target.
    /// </summary>
    /// <param name="metric">Takes the prediction and a target, and returns [B, ...]: values that are not reduced over the batch.</param>
    /// <param name="prediction">
    /// [B, ...], or [2B, ...] if two rows come out for each sample: what the model gave. Output mixup mixes it here.
    /// </param>
    /// <param name="target">The target of the step.</param>
    /// <returns>What <paramref name="metric"/> returns, weighted; at least float32.</returns>
    /// <exception cref="ArgumentException">The metric returned a scalar or another number of rows.</exception>
    /// <exception cref="InvalidOperationException">
    /// The prediction was not mixed: the module did not run, or the step is disposed or suspended.
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

    /// <summary>The loss of a batch that was not mixed, such as in validation: the base loss.</summary>
    /// <param name="prediction">What the model gave.</param>
    /// <param name="target">A plain target.</param>
    /// <returns>What the base loss returns.</returns>
    public Tensor call(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        return baseLoss.Plain(prediction, target);
    }

    /// <summary>
    /// The loss of the clean rows, plus the weighted loss of the mixed ones; without a reduction, the one behind the other.
    /// </summary>
    private Tensor CleanAndMixed(Tensor prediction, MixedTarget target, double weight)
    {
        var batchSize = target.Mix.BatchSize;
        var clean = baseLoss.Mixed(prediction.narrow(0, 0, batchSize), target.CleanAlone());
        var mixed = baseLoss.Mixed(prediction.narrow(0, batchSize, batchSize), target.WithoutClean());

        // What has the weight 0 does not count, even if it is infinite.
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
