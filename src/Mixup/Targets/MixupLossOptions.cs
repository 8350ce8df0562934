namespace TorchSharp.Mixup;

/// <summary>What a loss makes of class ids, before it compares them with a prediction.</summary>
public sealed record MixupLossOptions
{
    /// <summary>
    /// Label smoothing of class ids, s from 0 to 1: the class has the probability <c>1 - s + s / K</c> and each other one <c>s / K</c>
    /// (Szegedy et al. 2016, section 7; timm's <c>smoothing</c>). Default 0. Plain targets of class ids are smoothed alike.
    /// Of a <c>CrossEntropyLoss</c> it is the same as its own <c>label_smoothing</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside [0, 1] or not a number.</exception>
    public double LabelSmoothing
    {
        get;
        init => field = value is >= 0 and <= 1
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(value), value, "Label smoothing lies between 0 (none) and 1 (all classes alike).");
    }

    /// <summary>
    /// After mixing, a label above this value becomes 1 and any other 0, so that both classes of a pair may count in full
    /// (Wightman et al. 2021; timm's <c>BinaryCrossEntropy(target_threshold)</c>). From 0 to below 1. Default null: labels stay as they are
    /// mixed. For losses such as <c>BCEWithLogitsLoss</c>, which take each label on its own.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, 1 or more, or not a number.</exception>
    public double? TargetThreshold
    {
        get;
        init => field = value is null or (>= 0 and < 1)
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(value), value, "The threshold of labels lies from 0 to below 1; null leaves labels as they are.");
    }
}
