namespace TorchSharp.Mixup;

/// <summary>
/// Whether a target belongs to each sample as a whole, or to the cells of its extent. It matters to methods that cut or mask;
/// interpolation weighs both alike.
/// </summary>
public enum TargetKind
{
    /// <summary>
    /// As the shape says. Dense: a target that has the drawn extent of d dimensions directly behind the batch, or with channels where
    /// <see cref="ExtentPosition"/> says; for d of 2 or more also with channels on the other side, or in the same proportions. Whole: [B],
    /// or a rank of at most d, such
    /// as [B, K] beside images. Any other shape is refused until one of the other kinds is chosen; so are a floating [B, T] beside
    /// sequences
    /// of T steps, which may as well be probabilities of T classes, and [B, T, C] beside [B, C, T].
    /// </summary>
    ByShape,

    /// <summary>The target belongs to the sample as a whole, such as its class: lambda weighs it.</summary>
    Whole,

    /// <summary>
    /// The target has the extent of the sample, such as the classes of its pixels: the field itself weighs it, at the target's own
    /// resolution. It has d + 1 dimensions, or with channels d + 2. With channels the extent is where the drawn one stands, and at another
    /// resolution where <see cref="ExtentPosition"/> says.
    /// </summary>
    Dense,
}
