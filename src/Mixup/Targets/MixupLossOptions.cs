namespace TorchSharp.Mixup;

/// <summary>The options of <see cref="MixupLoss"/>: label smoothing of class ids, and a threshold of mixed labels.</summary>
public sealed record MixupLossOptions
{
    /// <summary>
    /// Gets the label smoothing s of class ids, from 0 to 1. The class has the probability <c>1 - s + s / K</c> and each other one <c>s /
    /// K</c> (Szegedy et al. 2016, section 7; timm's <c>smoothing</c>). Plain targets of class ids are smoothed in the same way. For
    /// <c>CrossEntropyLoss</c> it equals its own <c>label_smoothing</c>. Default 0.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside [0, 1] or not a number.</exception>
    public double LabelSmoothing
    {
        get;
        init => field = value is >= 0 and <= 1
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(value), value, "Label smoothing must lie between 0 (none) and 1 (all classes equal).");
    }

    /// <summary>
    /// Gets the threshold of mixed labels, from 0 to below 1. A label above it becomes 1, any other 0, so that both labels of a pair can be
    /// 1 (Wightman et al. 2021; timm's <c>BinaryCrossEntropy(target_threshold)</c>). Use it with losses of independent labels, such as
    /// <c>BCEWithLogitsLoss</c>. Default null: mixed labels are not changed.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, 1 or more, or not a number.</exception>
    public double? TargetThreshold
    {
        get;
        init => field = value is null or (>= 0 and < 1)
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(value), value, "The threshold of labels must lie from 0 to below 1; null does not change labels.");
    }
}
