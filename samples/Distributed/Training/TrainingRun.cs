using MathNet.Numerics.Statistics;

namespace Mixup.Samples.Distributed;

/// <summary>One training run.</summary>
/// <param name="Data">The name of the data.</param>
/// <param name="Processes">The number of processes.</param>
/// <param name="Threads">The number of libtorch's threads in each.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Epochs">The figures of its epochs, one or more.</param>
public sealed record TrainingRun(string Data, int Processes, int Threads, int Seed, IReadOnlyList<EpochFigures> Epochs)
{
    /// <summary>
    /// Gets the median of samples a second over epochs. The first is left out if there are others, since memory and code are prepared in
    /// it.
    /// </summary>
    public double SamplesPerSecond => Epochs.Skip(Epochs.Count > 1 ? 1 : 0).Select(epoch => epoch.SamplesPerSecond).Median();

    /// <summary>Gets the name in legends, such as <c>2 processes of 1 thread</c>.</summary>
    public string Name => Describe(Processes, Threads);

    /// <summary>Checks whether another run differs in its seed alone, so that both can be averaged.</summary>
    /// <param name="other">The other run.</param>
    public bool IsLike(TrainingRun other) =>
        (Data, Processes, Threads, Epochs.Count) == (other.Data, other.Processes, other.Threads, other.Epochs.Count);

    /// <summary>Names a number of processes and their threads.</summary>
    /// <param name="processes">The number of processes.</param>
    /// <param name="threads">The number of threads in each.</param>
    public static string Describe(int processes, int threads) =>
        $"{Count(processes, "process", "processes")} of {Count(threads, "thread", "threads")}";

    private static string Count(int count, string one, string many) => $"{count} {(count == 1 ? one : many)}";
}

/// <summary>The figures of one epoch.</summary>
/// <param name="TrainLoss">The mean loss over mixed training samples.</param>
/// <param name="ValidationLoss">The mean loss over the test images.</param>
/// <param name="ValidationAccuracy">The accuracy on the test images, from 0 to 1.</param>
/// <param name="Seconds">The duration, validation included.</param>
/// <param name="SamplesPerSecond">The training samples of all processes a second, validation left out.</param>
public sealed record EpochFigures(
    double TrainLoss, double ValidationLoss, double ValidationAccuracy, double Seconds, double SamplesPerSecond);
