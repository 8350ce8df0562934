namespace TorchSharp.Mixup;

/// <summary>Provides common schedules for <see cref="MixupOptions.Schedule"/>. <see cref="Then"/> combines two.</summary>
public static class Schedules
{
    /// <summary>
    /// Switches mixing off for the last epochs, which refines the model on clean samples (He et al. 2019, "Data Augmentation Revisited"; Yu
    /// et al. 2021, "Mixup Without Hesitation").
    /// </summary>
    /// <param name="epochs">
    /// The number of epochs without mixing at the end, 0 or more. If training has as many epochs or fewer, the first batch throws, since
    /// nothing would be mixed.
    /// </param>
    /// <returns>The schedule. It needs <see cref="IMixupStrategy.Epochs"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epochs"/> is negative.</exception>
    public static Schedule OffForLast(int epochs)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epochs);
        return point => epochs >= point.Epochs
            ? throw new InvalidOperationException($"Mixing is off for the last {epochs} of {point.Epochs} epochs, so nothing would be " +
                "mixed. Train for more epochs, or give OffForLast fewer.")
            : (point.Method, point.Epoch >= point.Epochs - epochs ? 0 : point.Probability);
    }

    /// <summary>Switches mixing off from an epoch on (timm's <c>mixup_off_epoch</c>, in which 0 means never; here 0 throws).</summary>
    /// <param name="epoch">The first epoch without mixing, counted from 0; 1 or more.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epoch"/> is below 1.</exception>
    public static Schedule OffFrom(int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epoch, 1);
        return point => (point.Method, point.Epoch >= epoch ? 0 : point.Probability);
    }

    /// <summary>
    /// Changes a parameter of the method linearly from epoch to epoch: <c>Schedules.Ramp(0, 1, alpha => new Interpolation(alpha))</c>.
    /// </summary>
    /// <param name="from">The value in the first epoch.</param>
    /// <param name="to">The value in the last epoch of the ramp, and in all later epochs.</param>
    /// <param name="method">The function that makes a method from a value.</param>
    /// <param name="epochs">
    /// The number of epochs of the ramp, 1 or more. Default null: all epochs; <see cref="IMixupStrategy.Epochs"/> must be set.
    /// </param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="from"/> or <paramref name="to"/> is infinite or not a number, or <paramref name="epochs"/> is below 1.
    /// </exception>
    public static Schedule Ramp(double from, double to, Func<double, Method> method, int? epochs = null)
    {
        ArgumentNullException.ThrowIfNull(method);
        var value = Line(from, to, epochs);
        return point => (method(value(point)), point.Probability);
    }

    /// <summary>Changes the probability of mixing linearly from epoch to epoch.</summary>
    /// <param name="from">The probability in the first epoch, from 0 to 1.</param>
    /// <param name="to">The probability in the last epoch of the ramp, and in all later epochs, from 0 to 1.</param>
    /// <param name="epochs">
    /// The number of epochs of the ramp, 1 or more. Default null: all epochs; <see cref="IMixupStrategy.Epochs"/> must be set.
    /// </param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A probability is outside [0, 1], or <paramref name="epochs"/> is below 1.</exception>
    public static Schedule RampProbability(double from, double to, int? epochs = null)
    {
        var value = Line(Check.Probability(from), Check.Probability(to), epochs);
        return point => (point.Method, value(point));
    }

    /// <summary>
    /// Combines two schedules. The second one gets the method and the probability of the first:
    /// <c>Schedules.Ramp(...).Then(Schedules.OffForLast(15))</c>.
    /// </summary>
    /// <param name="first">The first schedule.</param>
    /// <param name="second">The second schedule.</param>
    /// <returns>The combined schedule.</returns>
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
