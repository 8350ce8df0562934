namespace TorchSharp.Mixup;

/// <summary>
/// The random choices for one batch. Read them from <see cref="MixupStep.Draw"/>; pass them to <see cref="IMixupStrategy.Begin"/> to replay
/// them.
/// </summary>
/// <param name="Mix">The fields and the partners of the samples.</param>
/// <param name="Place">The place at which the batch is mixed.</param>
public sealed record MixupDraw(Mix Mix, MixupPlace Place)
{
    /// <summary>Gets the fields and the partners of the samples. They also blend or pair up other tensors of the batch.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Mix Mix
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(value));
    } = Mix ?? throw new ArgumentNullException(nameof(Mix));

    /// <summary>Gets the place at which the batch is mixed.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public MixupPlace Place
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(value));
    } = Place ?? throw new ArgumentNullException(nameof(Place));
}
