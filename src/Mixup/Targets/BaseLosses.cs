using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// Finds the description of each loss of torch. The reduction of a loss object cannot be changed, so a twin with <c>Reduction.None</c>
/// gives the unreduced values.
/// </summary>
internal static class BaseLosses
{
    private const string SignedLabels = "its labels are 1 and -1, and a number between them is no label";

    /// <summary>Describes a loss of torch, or of an unknown type.</summary>
    /// <exception cref="ArgumentException">The loss does not support the options.</exception>
    public static BaseLoss Of(Loss<Tensor, Tensor, Tensor> loss, MixupLossOptions? options)
    {
        ArgumentNullException.ThrowIfNull(loss);
        return Of(loss, options?.LabelSmoothing ?? 0).With(options);
    }

    /// <summary>Describes a function that does not reduce.</summary>
    public static BaseLoss Of(Func<Tensor, Tensor, Tensor> unreduced, Reduction reduction, MixupLossOptions? options) => new TwinLoss(
        "loss",
        Check.Defined(reduction),
        (prediction, target) => BaseLoss.Reduce(
            Check.NotBroadcast(unreduced(prediction, target), prediction, target, "The loss"), reduction),
        unreduced).With(options);

    private static BaseLoss Of(Loss<Tensor, Tensor, Tensor> loss, double labelSmoothing) => loss switch
    {
        CrossEntropyLoss l => ClassLoss.OfLogits(l, labelSmoothing),
        NLLLoss l => ClassLoss.OfLogProbabilities(l, labelSmoothing),
        MSELoss _ => OfValues(loss, MSELoss(Reduction.None), floatingTargets: true),
        L1Loss _ => OfValues(loss, L1Loss(Reduction.None)),
        SmoothL1Loss l => OfValues(loss, SmoothL1Loss(Reduction.None, l.beta)),
        HuberLoss l => OfValues(loss, HuberLoss(l.delta, Reduction.None), floatingTargets: true),
        PoissonNLLLoss l => OfValues(loss, PoissonNLLLoss(l.log_input, l.full, l.eps, Reduction.None)),
        BCELoss l => OfValues(loss, BCELoss(l.weight, Reduction.None), floatingTargets: true, weight: l.weight),
        BCEWithLogitsLoss l => new TwinLoss(loss, BCEWithLogitsLoss(l.weight, Reduction.None, l.pos_weights))
        {
            ComparesValues = true,
            TakesRows = true,
            FloatingTargets = true,
            Weights = [l.weight, l.pos_weights],
        },
        KLDivLoss l => OfValues(
            loss,
            KLDivLoss(l.log_target, Reduction.None),
            floatingTargets: true,
            why: l.log_target ? "its targets are logarithms, and a blend of logarithms is not the logarithm of a blend" : null),
        SoftMarginLoss _ => new TwinLoss(loss, SoftMarginLoss(Reduction.None))
        {
            ComparesValues = true,
            WhyTargetsCannotBlend = SignedLabels,
        },
        HingeEmbeddingLoss l => OfValues(loss, HingeEmbeddingLoss(l.margin, Reduction.None), why: SignedLabels),
        MultiMarginLoss l => new TwinLoss(loss, MultiMarginLoss(l.p, l.margin, l.weight, Reduction.None))
        {
            WhyTargetsCannotBlend = "its targets are class ids",
        },
        MultiLabelMarginLoss _ => new TwinLoss(loss, MultiLabelMarginLoss(Reduction.None))
        {
            WhyTargetsCannotBlend = "its targets are lists of class ids",
        },
        MultiLabelSoftMarginLoss l => new TwinLoss(loss, MultiLabelSoftMarginLoss(l.weight, Reduction.None))
        {
            TakesRows = true,
            Weights = [l.weight],
        },
        { reduction: Reduction.None } => new TwinLoss(loss, loss),
        _ => new TwinLoss(loss.GetType().Name, loss.reduction, loss.call, (_, _) => throw Reduces(loss)),
    };

    /// <summary>Describes a loss that compares values and does not take logits.</summary>
    private static TwinLoss OfValues(
        Loss<Tensor, Tensor, Tensor> loss,
        Loss<Tensor, Tensor, Tensor> twin,
        bool floatingTargets = false,
        Tensor? weight = null,
        string? why = null) =>
        new(loss, twin)
        {
            ComparesValues = true,
            TakesLogits = false,
            FloatingTargets = floatingTargets,
            Weights = [weight],
            WhyTargetsCannotBlend = why,
        };

    private static ArgumentException Reduces(Loss<Tensor, Tensor, Tensor> loss) => Check.Error(
        "target",
        $"{loss.GetType().Name} reduces its values to their {loss.reduction.ToString().ToLowerInvariant()}, so its two losses cannot be " +
        $"weighted per sample. Build it with Reduction.None and call MixupLoss.FromUnreduced(loss, Reduction.{loss.reduction}), " +
        "or give a function that does not reduce.");
}
