namespace TorchSharp.Mixup;

/// <summary>
/// The kind of a target: of each whole sample, or of the cells of its extent. It matters for methods that cut or mask; interpolation
/// weights both in the same way.
/// </summary>
public enum TargetKind
{
    /// <summary>
    /// Inferred from the shape. A target is dense if it has the drawn extent of d dimensions directly after the batch, or, with channels,
    /// at <see cref="ExtentPosition"/>. For d of 2 or more it is also dense with channels on the other side, or with the same proportions.
    /// A target is whole if it is [B], or if its rank is at most d, such as [B, K] for images. Any other shape throws until another kind is
    /// chosen. So do a floating-point [B, T] for sequences of T steps, which may be probabilities of T classes, and [B, T, C] for [B, C,
    /// T].
    /// </summary>
    ByShape,

    /// <summary>The target belongs to the whole sample, such as its class. Lambda weights it.</summary>
    Whole,

    /// <summary>
    /// The target has the extent of the sample, such as the classes of its pixels. The field weights it, at the resolution of the target.
    /// It has d + 1 dimensions, or d + 2 with channels. With channels, the dimensions that equal the drawn extent are used; at another
    /// resolution, <see cref="ExtentPosition"/> selects them.
    /// </summary>
    Dense,
}
