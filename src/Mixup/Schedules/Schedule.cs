namespace TorchSharp.Mixup;

/// <summary>
/// Says how a batch is mixed at a point of training, by the point alone: the same point must always give the same answer, so that a resumed run draws as one that was not interrupted.
/// For instance <c>point => (new Interpolation(point.Epoch &lt; 10 ? 1 : 0.2), point.Probability)</c>.
/// </summary>
/// <param name="point">The epoch and batch, and how batches are mixed without the schedule.</param>
/// <returns>The method, and the probability from 0 to 1 that a sample, pair or batch is mixed at all.</returns>
public delegate (Method Method, double Probability) Schedule(SchedulePoint point);
