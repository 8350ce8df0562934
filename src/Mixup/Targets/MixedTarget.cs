using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The target of a mixed batch. It carries the draw, so that whatever judges a prediction, <see cref="MixupLoss"/> or a metric, weighs the
/// two targets of every sample as the batch was mixed: a target of the whole sample by lambda, a dense one by the field, cell by cell.
/// Where all cells of a dense target are those of the sample or of the partner, it is pasted, and is one target.
/// </summary>
public sealed class MixedTarget
{
    private readonly DenseMix? dense;
    private readonly PendingMix? pending;
    private readonly StepState? step;

    /// <summary>Puts a target and a mix together, where no strategy does.</summary>
    /// <param name="mix">How the batch is mixed.</param>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else. Not disposed with this.</param>
    /// <param name="mixing">Whether losses or targets are mixed. Default: as suits the loss, then the target's type.</param>
    /// <param name="kind">Whether it belongs to each sample as a whole, or to the cells of its extent. Default: as its shape says.</param>
    /// <exception cref="ArgumentException">The target does not have B rows, or its shape does not tell what it belongs to.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="mixing"/> or <paramref name="kind"/> is none of its enumeration.
    /// </exception>
    public MixedTarget(Mix mix, Tensor target, TargetMixing mixing = TargetMixing.ByLoss, TargetKind kind = TargetKind.ByShape)
        : this(mix, target, mixing, kind, mayPaste: null, mayInterpolate: false, null, null)
    {
    }

    /// <summary>Puts the target of a step together. What another draw of its method would refuse is refused now.</summary>
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
                "Output mixup with a field that only copies pastes cells of predictions and the same cells of the target " +
                $"{Check.Shape(target)}: the losses of the cells stand in another order, and nothing is mixed. " +
                "Use InputMixup or ManifoldMixup, a method that blends, or TargetKind.Whole if the target belongs to each sample as a " +
                "whole.",
                nameof(target));
        }
    }

    private MixedTarget(Mix mix, Tensor target, TargetMixing mixing, DenseMix? dense) =>
        (Mix, Unmixed, Mixing, this.dense) = (mix, target, mixing, dense);

    /// <summary>Gets the targets of the samples themselves, as given: [B, ...].</summary>
    public Tensor Unmixed { get; }

    /// <summary>Gets whether losses or targets are mixed, as given.</summary>
    public TargetMixing Mixing { get; }

    /// <summary>
    /// Makes the mixed target, for a loss that knows nothing of mixing: the weighted sum of the two targets of each sample, or for dense
    /// class ids under fields that only copy the pasted ids.
    /// </summary>
    /// <param name="classes">
    /// The number of classes K, 2 or more, to make rows of probabilities of class ids. Default null: a floating target stays as it is.
    /// </param>
    /// <param name="labelSmoothing">
    /// Label smoothing of class ids, from 0 to 1 (Szegedy et al. 2016, section 7; timm). Default 0: none.
    /// </param>
    /// <returns>
    /// A new tensor with as many rows as the prediction: of the target's shape, or [R, K, ...] in float32 if <paramref name="classes"/> is
    /// given.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The target is class ids that are blended, and the number of classes is not given; or it is not class ids, and the number is given;
    /// or an id is not one of the classes.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="labelSmoothing"/> is outside [0, 1].</exception>
    public Tensor ToTensor(int? classes = null, double labelSmoothing = 0)
    {
        if (labelSmoothing is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(labelSmoothing), labelSmoothing, "Label smoothing must lie between 0 and 1.");
        }

        var isIds = Check.IsInteger(Unmixed);
        if (classes is null ? isIds && dense is not { IsHard: true } : !isIds)
        {
            throw new ArgumentException(
                $"The target is {Unmixed.dtype} {Check.Shape(Unmixed)}; expected " +
                (classes is null ? "floating values. Give the number of classes to make rows of probabilities of class ids."
                    : "class ids. Leave out the number of classes for a target that is floating."),
                nameof(classes));
        }

        using var scope = NewDisposeScope();
        var mixed = classes is { } count ? AsRows(count, ScalarType.Float32, labelSmoothing).BlendUnmixed() : BlendUnmixed();
        return mixed.MoveToOuterDisposeScope();
    }

    /// <summary>How the batch is mixed.</summary>
    internal Mix Mix { get; }

    /// <summary>Whether the prediction itself is mixed.</summary>
    internal bool IsMixedAtOutput => pending is OutputMix;

    /// <summary>Whether lambda weighs each sample as a whole; otherwise its cells have weights of their own.</summary>
    internal bool IsWeighedByLambda => dense is null;

    /// <summary>The target of the clean rows, which are mixed with lambda 1: a loss judges them as it judges the others.</summary>
    internal MixedTarget CleanAlone() => new(Mix.CleanAlone, Unmixed, Mixing, dense: null);

    /// <summary>The target of the mixed rows, where clean ones stand before them.</summary>
    internal MixedTarget WithoutClean() => new(Mix.WithoutClean, Unmixed, Mixing, dense?.WithoutClean());

    /// <summary>Finishes the mixing of a prediction where that is left to be done, and checks that it was mixed.</summary>
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

    private Tensor Rows(Tensor prediction)
    {
        Check.HasBatch(prediction, Mix.Rows, "the prediction", nameof(prediction));
        return prediction;
    }

    /// <summary>The one target of which each cell is that of the sample or of the partner; null where any cell is mixed.</summary>
    internal Tensor? Paste() => dense is { IsHard: true } ? dense.BlendTarget(Unmixed) : null;

    /// <summary>The weights of pairs [R, 2, ...]: targets of the samples and of the partners, side by side behind the batch.</summary>
    internal Tensor WeightsOfPairs(Tensor pairs) => dense?.WeightsOfPairs(pairs) ?? cat(Mix.WeightsOf(pairs), 1);

    /// <summary>
    /// The weighted values against both targets, of a prediction that is finished. Against a target that is pasted they are taken once.
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

    /// <summary>The values against the mixed target, of a prediction that is finished.</summary>
    internal Tensor WeighBlended(Func<Tensor, Tensor, Tensor> unreduced, Tensor prediction, string what)
    {
        var blended = Blend(prediction);
        var values = CheckUnreduced(unreduced(prediction, blended), prediction, blended, what);
        return values.to(Check.AccumulationType(values));
    }

    /// <summary>The same with rows of probabilities over the prediction's classes instead of class ids.</summary>
    internal MixedTarget AsRows(Tensor prediction, double labelSmoothing) =>
        AsRows(prediction.size(1), Check.AccumulationType(prediction), labelSmoothing);

    /// <summary>The targets of the samples and of the partners, for each row of a blended tensor.</summary>
    internal (Tensor Own, Tensor Partner) Pair(Tensor target) =>
        dense?.Pair(target) ?? (Mix.SelectSamples(target), Mix.SelectPartners(target));

    /// <summary>The mixed target itself, [B, ...]; integer targets as rows of probabilities over the prediction's classes.</summary>
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
                $"{Check.Shape(prediction)}: class ids [B, ...] go with logits [B, K, ...]. Use TargetMixing.Losses, or floating targets.");
        }

        return AsRows(prediction, 0).BlendUnmixed();
    }

    private MixedTarget AsRows(long classes, ScalarType wide, double labelSmoothing) =>
        new(Mix, ClassRows.Of(Unmixed, classes, wide, labelSmoothing), Mixing, dense?.BehindClasses());

    private Tensor BlendUnmixed() => dense?.BlendTarget(Unmixed) ?? Mix.BlendWhole(Unmixed);

    /// <summary>Checks what a function returned of which each sample's values are to be weighted.</summary>
    private Tensor CheckUnreduced(Tensor values, Tensor prediction, Tensor target, string what)
    {
        if (values.dim() == 0 || values.size(0) != Mix.Rows)
        {
            throw Check.Error(
                "prediction",
                $"{what} returned shape {Check.Shape(values)}, but mixing needs one value or more for each of the {Mix.Rows} samples. " +
                "Give one with Reduction.None, or a function that does not reduce.");
        }

        return Check.NotBroadcast(values, prediction, target, what);
    }
}
