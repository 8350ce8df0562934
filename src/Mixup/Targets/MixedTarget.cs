using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The target of a mixed batch. It carries the draw, so that whatever judges a prediction, <see cref="MixupLoss"/> or a metric, weighs the
/// two targets of every sample as the batch was mixed.
/// </summary>
public sealed class MixedTarget
{
    /// <summary>Puts a target and a draw together, where no strategy does.</summary>
    /// <param name="mix">The draw of the batch.</param>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else. Not disposed with this.</param>
    /// <param name="mixing">Whether losses or targets are mixed. Default: by the target's type.</param>
    /// <exception cref="ArgumentException">The target does not have B rows.</exception>
    public MixedTarget(Mix mix, Tensor target, TargetMixing mixing = TargetMixing.ByType)
        : this(mix, target, mixing, null)
    {
    }

    internal MixedTarget(Mix mix, Tensor target, TargetMixing mixing, Place? place)
    {
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(target);
        Check.HasBatch(target, mix.BatchSize, "the target");
        Mix = mix;
        Place = place;
        Target = target;
        MixesLosses = mixing == TargetMixing.ByType ? Check.IsInteger(target) : mixing == TargetMixing.Losses;
    }

    /// <summary>The coefficients and the pairing of the batch.</summary>
    public Mix Mix { get; }

    /// <summary>The targets of the samples themselves, as given.</summary>
    public Tensor Target { get; }

    /// <summary>Whether the losses of two targets are mixed; otherwise the targets are, and one loss is taken.</summary>
    public bool MixesLosses { get; }

    /// <summary>What is still to be done when the prediction is there; null if nothing.</summary>
    internal Place? Place { get; }

    /// <summary>
    /// Judges a prediction against both targets: <c>lambda * f(prediction, target) + (1 - lambda) * f(prediction, target[p])</c>. With a function
    /// that tells hits from misses this is the accuracy under mixing.
    /// </summary>
    /// <param name="unreduced">Takes the prediction and a target, and returns [B, ...]: values that are not reduced over the batch.</param>
    /// <param name="prediction">[B, ...], or [2B, ...] if each pair gives two outputs: what the model gave. Output mixup mixes it here.</param>
    /// <returns>What <paramref name="unreduced"/> returns, weighted; at least float32.</returns>
    /// <exception cref="ArgumentException">The function returned a scalar or another number of rows.</exception>
    /// <exception cref="InvalidOperationException">The module that was to be mixed did not run.</exception>
    public Tensor Evaluate(Func<Tensor, Tensor, Tensor> unreduced, Tensor prediction)
    {
        ArgumentNullException.ThrowIfNull(unreduced);
        ArgumentNullException.ThrowIfNull(prediction);
        using var scope = NewDisposeScope();
        return Weigh(unreduced, Arrive(prediction)).MoveToOuterDisposeScope();
    }

    /// <summary>Does what the place leaves to be done with the prediction, and checks its rows.</summary>
    internal Tensor Arrive(Tensor prediction)
    {
        prediction = Place?.Arrive(prediction) ?? prediction;
        Check.HasBatch(prediction, Mix.Rows, "the prediction");
        return prediction;
    }

    /// <summary>The weighted values against both targets, of a prediction that has arrived.</summary>
    internal Tensor Weigh(Func<Tensor, Tensor, Tensor> unreduced, Tensor prediction)
    {
        var own = Unreduced(unreduced(prediction, Mix.Own(Target)), Mix.Rows);
        var partner = Unreduced(unreduced(prediction, Mix.Partner(Target)), Mix.Rows);
        return own.mul(Mix.CoefficientsFor(own)).add(partner.mul(Mix.PartnerCoefficientsFor(partner)));
    }

    /// <summary>Checks what a function said to be unreduced returned.</summary>
    private static Tensor Unreduced(Tensor values, int batchSize)
    {
        if (values.dim() == 0 || values.size(0) != batchSize)
        {
            throw new ArgumentException(
                $"the loss returned shape {Check.Shape(values)}, but mixing needs one value or more for each of the {batchSize} samples. Give a loss with Reduction.None, or a function that does not reduce, and name the reduction to MixupLoss.");
        }

        return values;
    }

    /// <summary>The mixed target itself, [B, ...]; integer targets as rows of probabilities over the prediction's classes.</summary>
    internal Tensor Blend(Tensor prediction)
    {
        if (!Check.IsInteger(Target))
        {
            return Mix.Blend(Target);
        }

        var wide = Check.AccumulationType(prediction);
        if (Target.shape.AsSpan(1).SequenceEqual(prediction.shape.AsSpan(1)))
        {
            return Mix.Blend(Target.to(wide));
        }

        if (prediction.dim() != Target.dim() + 1)
        {
            throw new ArgumentException(
                $"integer targets of shape {Check.Shape(Target)} cannot be mixed as targets for a prediction of shape {Check.Shape(prediction)}: class ids [B, ...] go with logits [B, K, ...]. Use TargetMixing.Losses, or floating targets.");
        }

        // one_hot would read the largest id back from the device when it is not told the number of classes, and checks the ids by a read in any case.
        long[] shape = [Mix.BatchSize, .. prediction.shape[1..]];
        var oneHot = zeros(shape, wide, prediction.device);
        return Mix.Blend(oneHot.scatter_(1, Target.to(ScalarType.Int64).unsqueeze(1), ones(1, wide, prediction.device).expand(Target.unsqueeze(1).shape)));
    }
}
