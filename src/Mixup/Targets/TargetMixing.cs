namespace TorchSharp.Mixup;

/// <summary>Whether the losses of two targets are mixed, or the targets themselves.</summary>
public enum TargetMixing
{
    /// <summary>
    /// As suits the loss, then the target's type. Margin losses, <c>HingeEmbeddingLoss</c>, <c>SoftMarginLoss</c> and <c>KLDivLoss</c> with
    /// logarithms as targets mix losses, since a blend of their targets means nothing. All others mix losses for integer targets such as
    /// class ids, and targets for floating ones.
    /// </summary>
    ByLoss,

    /// <summary>The loss against both targets, weighted by the coefficient (fastai's <c>stack_y=True</c>).</summary>
    Losses,

    /// <summary>
    /// The loss against the weighted target (<c>stack_y=False</c>). Integer class ids become rows of probabilities, one for each class of
    /// the prediction's dimension 1; for cross-entropy, which is linear in its target, that is the same number as mixing losses. Refused
    /// for a loss whose targets mean nothing when blended.
    /// </summary>
    Targets,
}
