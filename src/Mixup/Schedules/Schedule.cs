namespace TorchSharp.Mixup;

/// <summary>
/// Chooses the method and the probability of mixing at a point of training. The result must depend on the point alone, so that a resumed
/// run has the same draws as an uninterrupted one. For instance <c>point => (new Interpolation(point.Epoch &lt; 10 ? 1 : 0.2),
/// point.Probability)</c>.
/// </summary>
/// <param name="point">The epoch, the batch, and the method and probability without the schedule.</param>
/// <returns>The method, and the probability from 0 to 1 that a sample, pair or batch is mixed.</returns>
public delegate (Method Method, double Probability) Schedule(SchedulePoint point);
