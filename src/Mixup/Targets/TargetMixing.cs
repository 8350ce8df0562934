namespace TorchSharp.Mixup;

/// <summary>The quantity that is mixed: the losses of two targets, or the targets themselves.</summary>
public enum TargetMixing
{
    /// <summary>
    /// Chosen by the loss, then by the type of the target. For margin losses, <c>HingeEmbeddingLoss</c>, <c>SoftMarginLoss</c>, and
    /// <c>KLDivLoss</c> with <c>log_target</c>, the losses are mixed, since their targets cannot be blended. For all others the losses are
    /// mixed for integer targets, such as class ids, and the targets for floating-point ones.
    /// </summary>
    ByLoss,

    /// <summary>The losses of both targets are mixed, weighted by lambda (fastai's <c>stack_y=True</c>).</summary>
    Losses,

    /// <summary>
    /// The targets are mixed, and the loss is computed once (fastai's <c>stack_y=False</c>). Class ids become rows of probabilities over
    /// dimension 1 of the prediction. For cross-entropy, which is linear in its target, this equals mixing losses. Losses whose targets
    /// cannot be blended throw.
    /// </summary>
    Targets,
}
