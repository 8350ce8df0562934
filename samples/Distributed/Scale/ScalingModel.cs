namespace Mixup.Samples.Distributed;

/// <summary>
/// The duration of a training step on n ranks: <c>compute + 2(n-1)/n * bytes / bandwidth + messages * log2(n) * latency</c>.
/// </summary>
/// <remarks>
/// Every rank has a link of its own, which sends and receives at full bandwidth at the same time. A reduction sends the bytes of a ring,
/// the fewest that are possible. Nothing overlaps with the backward pass, and all ranks compute equally fast. A message reaches all ranks
/// in log2(n) rounds. A meeting is one message. A reduction is two: the first adds, the second tells the sums.
/// </remarks>
/// <param name="ComputeSeconds">
/// The time in which a rank computes its samples. If the batch of a rank is fixed (weak scaling), it does not depend on n. If the batch of
/// all ranks is fixed (strong scaling), it is the time of the whole batch divided by n.
/// </param>
/// <param name="Bytes">The bytes of all gradients.</param>
/// <param name="Meetings">The number of meetings in a step.</param>
/// <param name="Reductions">The number of reductions in a step: one for each bucket of gradients.</param>
public sealed record ScalingModel(double ComputeSeconds, double Bytes, int Meetings, int Reductions)
{
    /// <summary>Computes the bytes that a rank sends in a step.</summary>
    /// <param name="bytes">The bytes of all gradients.</param>
    /// <param name="ranks">The number of ranks.</param>
    public static double BytesOnTheWire(double bytes, int ranks) => 2.0 * (ranks - 1) / ranks * bytes;

    /// <summary>Computes the duration of a step in seconds.</summary>
    /// <param name="ranks">The number of ranks.</param>
    /// <param name="link">The link of each rank.</param>
    public double StepSeconds(int ranks, Link link) =>
        ComputeSeconds + (BytesOnTheWire(Bytes, ranks) / link.Bandwidth) + WaitingSeconds(ranks, link.Latency);

    /// <summary>Computes the part of a step in which a rank computes, from 0 to 1.</summary>
    /// <param name="ranks">The number of ranks.</param>
    /// <param name="link">The link of each rank.</param>
    public double Efficiency(int ranks, Link link) => ComputeSeconds / StepSeconds(ranks, link);

    /// <summary>Computes the least bandwidth for an efficiency.</summary>
    /// <param name="ranks">The number of ranks, 2 or more.</param>
    /// <param name="efficiency">The efficiency, above 0 and below 1.</param>
    /// <param name="latency">The latency in seconds.</param>
    /// <returns>Bytes a second; infinity if the latency alone is too long.</returns>
    public double LeastBandwidth(int ranks, double efficiency, double latency)
    {
        var left = SpareSeconds(efficiency) - WaitingSeconds(ranks, latency);
        return left > 0 ? BytesOnTheWire(Bytes, ranks) / left : double.PositiveInfinity;
    }

    /// <summary>Computes the longest latency for an efficiency if bandwidth costs nothing.</summary>
    /// <param name="ranks">The number of ranks, 2 or more.</param>
    /// <param name="efficiency">The efficiency, above 0 and below 1.</param>
    /// <returns>Seconds.</returns>
    public double LongestLatency(int ranks, double efficiency) => SpareSeconds(efficiency) / WaitingSeconds(ranks, 1);

    private double SpareSeconds(double efficiency) => ComputeSeconds * ((1 / efficiency) - 1);

    private double WaitingSeconds(int ranks, double latency) => (Meetings + (2 * Reductions)) * Math.Log2(ranks) * latency;
}

/// <summary>The link between a rank and the others.</summary>
/// <param name="Bandwidth">Bytes a second, in each direction.</param>
/// <param name="Latency">The seconds until a small message arrives.</param>
public readonly record struct Link(double Bandwidth, double Latency)
{
    /// <summary>Finds the link by which a reduction of much data and one of a single number take the measured times.</summary>
    /// <param name="ranks">The number of ranks, 2 or more.</param>
    /// <param name="bytes">The bytes of the data.</param>
    /// <param name="seconds">The time of its reduction.</param>
    /// <param name="secondsOfOne">The time of a meeting and the reduction of a single number, which is one message as well.</param>
    public static Link From(int ranks, double bytes, double seconds, double secondsOfOne) => new(
        ScalingModel.BytesOnTheWire(bytes, ranks) / (seconds - secondsOfOne),
        secondsOfOne / (2 * Math.Log2(ranks)));
}
