namespace TorchSharp.Mixup;

/// <summary>A point of training, for a <see cref="Schedule"/>.</summary>
public sealed class SchedulePoint
{
    private readonly int? epoch;
    private readonly int? epochs;

    /// <summary>Initializes a point, as a strategy does, to look at what a schedule gives there.</summary>
    /// <param name="epoch">The epoch, from 0. Null if it is not known.</param>
    /// <param name="epochs">The number of epochs, 1 or more. Null if it is not known.</param>
    /// <param name="batch">The number of batches drawn before, over all epochs.</param>
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
    /// <exception cref="InvalidOperationException">It was not set.</exception>
    public int Epoch => epoch ?? throw new InvalidOperationException(
        "The schedule asks for the epoch, which was not set: set strategy.Epoch at the start of every epoch, as MixupCallback does. " +
        "A strategy of your own passes it on to MixSampler in the state.");

    /// <summary>Gets the number of epochs that training has.</summary>
    /// <exception cref="InvalidOperationException">It was not set.</exception>
    public int Epochs => epochs ?? throw new InvalidOperationException(
        "The schedule asks for the number of epochs, which was not set: set strategy.Epochs before training, as MixupCallback does. " +
        "A strategy of your own passes it on to MixSampler.");

    /// <summary>Gets the number of batches that the strategy drew before, over all epochs.</summary>
    public long Batch { get; }

    /// <summary>Gets the method of the options; behind another schedule, that of the schedule.</summary>
    public Method Method { get; }

    /// <summary>Gets the probability of the options, from 0 to 1; behind another schedule, that of the schedule.</summary>
    public double Probability { get; }

    /// <summary>Returns the same point with what another schedule gave.</summary>
    internal SchedulePoint With(Method method, double probability) => new(epoch, epochs, Batch, method, probability);
}
