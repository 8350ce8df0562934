namespace TorchSharp.Mixup;

/// <summary>Schedules that many recipes use, for <see cref="MixupOptions.Schedule"/>. <see cref="Then"/> puts two together.</summary>
public static class Schedules
{
    /// <summary>
    /// Ends training without mixing, so that the model is refined on clean samples (He et al. 2019, "Data Augmentation Revisited"; Yu et
    /// al. 2021, "Mixup Without Hesitation").
    /// </summary>
    /// <param name="epochs">
    /// The number of epochs at the end that are not mixed, 0 or more. In training of as many epochs or fewer nothing would be mixed: the
    /// first batch throws.
    /// </param>
    /// <returns>The schedule. It needs to know the number of epochs.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epochs"/> is negative.</exception>
    public static Schedule OffForLast(int epochs)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epochs);
        return point => epochs >= point.Epochs
            ? throw new InvalidOperationException($"Mixing is to be off for the last {epochs} of {point.Epochs} epochs, so nothing would " +
                "be mixed: train for more epochs, or give OffForLast fewer.")
            : (point.Method, point.Epoch >= point.Epochs - epochs ? 0 : point.Probability);
    }

    /// <summary>Ends mixing with a given epoch (timm's <c>mixup_off_epoch</c>, where 0 means never, and is an error here).</summary>
    /// <param name="epoch">The first epoch that is not mixed, counted from 0; 1 or more.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epoch"/> is below 1.</exception>
    public static Schedule OffFrom(int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epoch, 1);
        return point => (point.Method, point.Epoch >= epoch ? 0 : point.Probability);
    }

    /// <summary>
    /// Changes a parameter of the method in equal steps from epoch to epoch: <c>Schedules.Ramp(0, 1, alpha => new
    /// Interpolation(alpha))</c>.
    /// </summary>
    /// <param name="from">The value in the first epoch.</param>
    /// <param name="to">The value in the last epoch of the ramp, and from there on.</param>
    /// <param name="method">Makes the method of a value.</param>
    /// <param name="epochs">
    /// The number of epochs that the ramp takes, 1 or more. Default null: all epochs, so their number must be known.
    /// </param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// An end is infinite or not a number, or <paramref name="epochs"/> is below 1.
    /// </exception>
    public static Schedule Ramp(double from, double to, Func<double, Method> method, int? epochs = null)
    {
        ArgumentNullException.ThrowIfNull(method);
        var value = Line(from, to, epochs);
        return point => (method(value(point)), point.Probability);
    }

    /// <summary>Changes the probability of mixing in equal steps from epoch to epoch.</summary>
    /// <param name="from">The probability in the first epoch, from 0 to 1.</param>
    /// <param name="to">The probability in the last epoch of the ramp, and from there on, from 0 to 1.</param>
    /// <param name="epochs">
    /// The number of epochs that the ramp takes, 1 or more. Default null: all epochs, so their number must be known.
    /// </param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A probability is outside [0, 1], or <paramref name="epochs"/> is below 1.</exception>
    public static Schedule RampProbability(double from, double to, int? epochs = null)
    {
        var value = Line(Check.Probability(from), Check.Probability(to), epochs);
        return point => (point.Method, value(point));
    }

    /// <summary>
    /// Puts two schedules together: the second sees the method and the probability that the first one gives.
    /// <c>Schedules.Ramp(...).Then(Schedules.OffForLast(15))</c>.
    /// </summary>
    /// <param name="first">The first schedule.</param>
    /// <param name="second">The second schedule.</param>
    /// <returns>Both.</returns>
    public static Schedule Then(this Schedule first, Schedule second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        return point =>
        {
            var (method, probability) = first(point);
            return second(point.With(method, probability));
        };
    }

    private static Func<SchedulePoint, double> Line(double from, double to, int? epochs)
    {
        if (!double.IsFinite(from) || !double.IsFinite(to))
        {
            throw new ArgumentOutOfRangeException(
                double.IsFinite(from) ? nameof(to) : nameof(from), "The ends of a ramp must be finite numbers.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(epochs ?? 1, 1, nameof(epochs));
        return point =>
        {
            var share = (epochs ?? point.Epochs) is > 1 and var count ? Math.Min(1, point.Epoch / (count - 1.0)) : 1;
            return ((1 - share) * from) + (share * to);
        };
    }
}
