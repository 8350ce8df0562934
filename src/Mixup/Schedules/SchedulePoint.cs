namespace TorchSharp.Mixup;

/// <summary>A point of training, for a <see cref="Schedule"/>.</summary>
public sealed class SchedulePoint
{
    private readonly int? epoch;
    private readonly int? epochs;

    /// <summary>Initializes a point, for instance to test a schedule.</summary>
    /// <param name="epoch">The epoch, from 0; null if unknown.</param>
    /// <param name="epochs">The total number of epochs, 1 or more; null if unknown.</param>
    /// <param name="batch">The number of earlier batches over all epochs, 0 or more.</param>
    /// <param name="method">The method of the options.</param>
    /// <param name="probability">The probability of the options, from 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public SchedulePoint(int? epoch, int? epochs, long batch, Method method, double probability)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch ?? 0, nameof(epoch));
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs ?? 1, 1, nameof(epochs));
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentNullException.ThrowIfNull(method);
        (this.epoch, this.epochs, Batch, Method, Probability) = (epoch, epochs, batch, method, Check.Probability(probability));
    }

    /// <summary>Gets the epoch, from 0.</summary>
    /// <exception cref="InvalidOperationException">The value was not set.</exception>
    public int Epoch => epoch ?? throw new InvalidOperationException(
        "The schedule needs the epoch, which was not set. Set strategy.Epoch at the start of every epoch, as MixupCallback does. Your " +
        "own strategy passes it to MixSampler in the state.");

    /// <summary>Gets the total number of epochs.</summary>
    /// <exception cref="InvalidOperationException">The value was not set.</exception>
    public int Epochs => epochs ?? throw new InvalidOperationException(
        "The schedule needs the number of epochs, which was not set. Set strategy.Epochs before training, as MixupCallback does. Your " +
        "own strategy passes it to MixSampler.");

    /// <summary>Gets the number of earlier batches of the strategy, over all epochs.</summary>
    public long Batch { get; }

    /// <summary>Gets the method of the options, or that of the preceding schedule in <see cref="Schedules.Then"/>.</summary>
    public Method Method { get; }

    /// <summary>
    /// Gets the probability of the options, from 0 to 1, or that of the preceding schedule in <see cref="Schedules.Then"/>.
    /// </summary>
    public double Probability { get; }

    /// <summary>Returns the same point with the method and the probability of another schedule.</summary>
    internal SchedulePoint With(Method method, double probability) => new(epoch, epochs, Batch, method, probability);
}
