using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The target of a mixed batch, together with its draw. <see cref="MixupLoss"/> and metrics use it to weight the two targets of every
/// sample. Lambda weights a target of the whole sample; the field weights a dense target cell by cell. If the field only copies, a dense
/// target is pasted into a single target.
/// </summary>
public sealed class MixedTarget
{
    private readonly DenseMix? dense;
    private readonly PendingMix? pending;
    private readonly StepState? step;

    /// <summary>Initializes a mixed target without a strategy.</summary>
    /// <param name="mix">The mix of the batch.</param>
    /// <param name="target">
    /// The target, [B, ...]: integer for class ids, floating-point for other targets. Not disposed with this object.
    /// </param>
    /// <param name="mixing">Whether losses or targets are mixed. Default: chosen by the loss, then by the type of the target.</param>
    /// <param name="kind">
    /// Whether the target belongs to each whole sample or to the cells of the extent. Default: inferred from its shape.
    /// </param>
    /// <exception cref="ArgumentException">The target does not have B rows, or its shape is ambiguous.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="mixing"/> or <paramref name="kind"/> is not a member of its enumeration.
    /// </exception>
    public MixedTarget(Mix mix, Tensor target, TargetMixing mixing = TargetMixing.ByLoss, TargetKind kind = TargetKind.ByShape)
        : this(mix, target, mixing, kind, mayPaste: null, mayInterpolate: false, null, null)
    {
    }

    /// <summary>
    /// Initializes the target of a step. It throws if any draw of the method could not support the target, so that errors do not depend on
    /// the draw.
    /// </summary>
    internal MixedTarget(
        Mix mix,
        Tensor target,
        TargetMixing mixing,
        TargetKind kind,
        bool? mayPaste,
        bool mayInterpolate,
        PendingMix? pending,
        StepState? step)
    {
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(target);
        Check.HasBatch(target, mix.BatchSize, "the target", nameof(target));
        dense = DenseMix.Of(mix, target, kind);
        (Mix, Unmixed, Mixing, this.pending, this.step) = (mix, target, Check.Defined(mixing), pending, step);
        var isDense = DenseMix.IsDense(mix, target, kind);
        if (isDense)
        {
            DenseMix.CheckResized(target, mayInterpolate);
        }

        if (IsMixedAtOutput && isDense && (mayPaste ?? dense is { AnyPastes: true }))
        {
            throw new ArgumentException(
                "Output mixup with a field that only copies pastes the same cells of the predictions and of the target " +
                $"{Check.Shape(target)}. This reorders the losses of the cells, and nothing is mixed. " +
                "Use InputMixup or ManifoldMixup, a method that blends, or TargetKind.Whole if the target belongs to each sample as a " +
                "whole.",
                nameof(target));
        }
    }

    private MixedTarget(Mix mix, Tensor target, TargetMixing mixing, DenseMix? dense) =>
        (Mix, Unmixed, Mixing, this.dense) = (mix, target, mixing, dense);

    /// <summary>Gets the original target, [B, ...].</summary>
    public Tensor Unmixed { get; }

    /// <summary>Gets whether losses or targets are mixed.</summary>
    public TargetMixing Mixing { get; }

    /// <summary>Returns the type and shape of the original target as text.</summary>
    /// <returns>Text such as <c>MixedTarget { Int64 [8], Mixing = Losses }</c>.</returns>
    public override string ToString() => $"MixedTarget {{ {Unmixed.dtype} {Check.Shape(Unmixed)}, Mixing = {Mixing} }}";

    /// <summary>
    /// Makes the mixed target as a tensor, for a loss without support for mixing. It is the weighted sum of the two targets of each sample.
    /// Dense class ids are pasted if the field only copies.
    /// </summary>
    /// <param name="classes">
    /// The number of classes K, 2 or more, which converts class ids to rows of probabilities. Default null: no conversion.
    /// </param>
    /// <param name="labelSmoothing">
    /// Label smoothing of class ids, from 0 to 1 (Szegedy et al. 2016, section 7; timm). Default 0: none.
    /// </param>
    /// <returns>
    /// A new tensor with as many rows as the prediction. It has the other dimensions of the target, or is [R, K, ...] in float32 if
    /// <paramref name="classes"/> is given.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The target holds class ids that are blended, but <paramref name="classes"/> is null. Or it is floating-point, but
    /// <paramref name="classes"/> is given. Or an id is not one of the classes.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="labelSmoothing"/> is outside [0, 1].</exception>
    public Tensor ToTensor(int? classes = null, double labelSmoothing = 0)
    {
        if (labelSmoothing is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(labelSmoothing), labelSmoothing, "Label smoothing must lie between 0 (none) " +
                "and 1 (all classes equal).");
        }

        var isIds = Check.IsInteger(Unmixed);
        if (classes is null ? isIds && dense is not { IsHard: true } : !isIds)
        {
            throw new ArgumentException(
                $"The target is {Unmixed.dtype} {Check.Shape(Unmixed)}; expected " +
                (classes is null ? "floating-point values. Give the number of classes to convert class ids to rows of probabilities."
                    : "class ids. Leave out the number of classes for a floating-point target."),
                nameof(classes));
        }

        using var scope = NewDisposeScope();
        var mixed = classes is { } count ? AsRows(count, ScalarType.Float32, labelSmoothing).BlendUnmixed() : BlendUnmixed();
        return mixed.MoveToOuterDisposeScope();
    }

    /// <summary>Gets the mix of the batch.</summary>
    internal Mix Mix { get; }

    /// <summary>Gets whether the prediction is mixed (output mixup).</summary>
    internal bool IsMixedAtOutput => pending is OutputMix;

    /// <summary>Gets whether lambda weights each whole sample; otherwise each cell has its own weight.</summary>
    internal bool IsWeightedByLambda => dense is null;

    /// <summary>
    /// Makes the target of the clean rows. They count as mixed with lambda 1, so that a loss treats all rows in the same way.
    /// </summary>
    internal MixedTarget CleanAlone() => new(Mix.CleanAlone, Unmixed, Mixing, dense: null);

    /// <summary>Makes the target of the mixed rows alone, for outputs in which clean rows precede them.</summary>
    internal MixedTarget WithoutClean() => new(Mix.WithoutClean, Unmixed, Mixing, dense?.WithoutClean());

    /// <summary>Mixes the prediction of output mixup, and checks that any other prediction was mixed.</summary>
    internal Tensor Finish(Tensor prediction)
    {
        step?.ThrowUnlessMixing();
        prediction = IsMixedAtOutput && dense is not null
            ? dense.BlendPrediction(prediction)
            : pending?.Finish(prediction) ?? prediction;
        return Mix.Rows > Mix.BatchSize && prediction.dim() > 0 && prediction.size(0) == Mix.BatchSize
            ? throw new ArgumentException(
                $"The prediction has shape {Check.Shape(prediction)}; expected {Mix.Rows} rows, two for each of the {Mix.BatchSize} " +
                "samples. " +
                "Call the model with step.Input, which has them.",
                nameof(prediction))
            : Rows(prediction);
    }

    /// <summary>Checks the number of rows of a prediction that output mixup may not have mixed yet.</summary>
    internal void CheckRows(Tensor prediction)
    {
        var isUnmixed = IsMixedAtOutput && prediction.dim() > 0 && prediction.size(0) == Mix.BatchSize;
        Check.HasBatch(prediction, isUnmixed ? Mix.BatchSize : Mix.Rows, "the prediction", nameof(prediction));
    }

    private Tensor Rows(Tensor prediction)
    {
        Check.HasBatch(prediction, Mix.Rows, "the prediction", nameof(prediction));
        return prediction;
    }

    /// <summary>Returns the pasted target, whose cells come from the sample or the partner; null if any cell is blended.</summary>
    internal Tensor? Paste() => dense is { IsHard: true } ? dense.BlendTarget(Unmixed) : null;

    /// <summary>Returns the weights of pairs [R, 2, ...]. The second dimension holds the sample and the partner.</summary>
    internal Tensor WeightsOfPairs(Tensor pairs) => dense?.WeightsOfPairs(pairs) ?? cat(Mix.WeightsOf(pairs), 1);

    /// <summary>
    /// Returns the weighted values of both targets for a finished prediction. For a pasted target the values are computed once.
    /// </summary>
    internal Tensor Weigh(Func<Tensor, Tensor, Tensor> unreduced, Tensor prediction, string what)
    {
        Tensor Values(Tensor target) => CheckUnreduced(unreduced(prediction, target), prediction, target, what);

        if ((dense is null && !Mix.IsMixed ? Unmixed : Paste()) is { } single)
        {
            var values = Values(single);
            return values.to(Check.AccumulationType(values));
        }

        var (targets, partners) = dense?.PairUp(Unmixed) ?? Mix.PairUp(Unmixed);
        var (own, partner) = (Values(targets), Values(partners));
        return dense?.Weigh(own, partner, what) ?? Mix.Weigh(own, partner);
    }

    /// <summary>Returns the values of the mixed target for a finished prediction.</summary>
    internal Tensor WeighBlended(Func<Tensor, Tensor, Tensor> unreduced, Tensor prediction, string what)
    {
        var blended = Blend(prediction);
        var values = CheckUnreduced(unreduced(prediction, blended), prediction, blended, what);
        return values.to(Check.AccumulationType(values));
    }

    /// <summary>Converts class ids to rows of probabilities over the prediction's classes.</summary>
    internal MixedTarget AsRows(Tensor prediction, double labelSmoothing) =>
        AsRows(prediction.size(1), Check.AccumulationType(prediction), labelSmoothing);

    /// <summary>Returns the targets of the samples and of the partners, for each row of a blended tensor.</summary>
    internal (Tensor Own, Tensor Partner) Pair(Tensor target) =>
        dense?.Pair(target) ?? (Mix.SelectSamples(target), Mix.SelectPartners(target));

    /// <summary>Returns the mixed target, [B, ...]. Integer targets become rows of probabilities over the prediction's classes.</summary>
    internal Tensor Blend(Tensor prediction)
    {
        if (!Check.IsInteger(Unmixed))
        {
            return BlendUnmixed();
        }

        if (Unmixed.shape.AsSpan(1).SequenceEqual(prediction.shape.AsSpan(1)))
        {
            return new MixedTarget(Mix, Unmixed.to(Check.AccumulationType(prediction)), Mixing, dense).BlendUnmixed();
        }

        if (!ClassRows.FitIds(Unmixed, prediction))
        {
            throw Check.Error(
                "prediction",
                $"Integer targets of shape {Check.Shape(Unmixed)} cannot be mixed as targets for a prediction of shape " +
                $"{Check.Shape(prediction)}; expected class ids [B, ...] for logits [B, K, ...]. Use TargetMixing.Losses, or " +
                "floating-point targets.");
        }

        return AsRows(prediction, 0).BlendUnmixed();
    }

    private MixedTarget AsRows(long classes, ScalarType wide, double labelSmoothing) =>
        new(Mix, ClassRows.Of(Unmixed, classes, wide, labelSmoothing), Mixing, dense?.BehindClasses());

    private Tensor BlendUnmixed() => dense?.BlendTarget(Unmixed) ?? Mix.BlendWhole(Unmixed);

    /// <summary>Checks the values of a function before they are weighted per sample.</summary>
    private Tensor CheckUnreduced(Tensor values, Tensor prediction, Tensor target, string what)
    {
        if (values.dim() == 0 || values.size(0) != Mix.Rows)
        {
            throw Check.Error(
                "prediction",
                $"{what} returned shape {Check.Shape(values)}, but mixing needs one value or more for each of the {Mix.Rows} samples. " +
                "Use a loss with Reduction.None, or a function that does not reduce.");
        }

        return Check.NotBroadcast(values, prediction, target, what);
    }
}
