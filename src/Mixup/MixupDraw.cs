namespace TorchSharp.Mixup;

/// <summary>
/// What was drawn for one batch: read it from <see cref="MixupStep.Draw"/>, and give it to <see cref="IMixupStrategy.Begin"/> to have the
/// same again.
/// </summary>
/// <param name="Mix">The fields and the partners.</param>
/// <param name="Place">Where the batch is mixed.</param>
public sealed record MixupDraw(Mix Mix, MixupPlace Place)
{
    /// <summary>Gets the fields and the partners. They blend or pair up any further tensor of the batch.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Mix Mix
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(value));
    } = Mix ?? throw new ArgumentNullException(nameof(Mix));

    /// <summary>Gets where the batch is mixed.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public MixupPlace Place
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(value));
    } = Place ?? throw new ArgumentNullException(nameof(Place));
}
