using System.Runtime.InteropServices;

namespace TorchSharp.Mixup.Training;

/// <summary>The points at which all ranks meet.</summary>
internal enum MeetingPoint
{
    FitStart,
    EpochStart,
    Batch,
    Backward,
    Gradients,
    Step,
    Figures,
    EpochEnd,
    FitEnd,
    Exchange,
    Broadcast,
    Average,
    Exit,
}

/// <summary>What a rank says when it comes to a meeting.</summary>
internal enum RankStatus
{
    /// <summary>It has come to the point, and can do what follows.</summary>
    Ready,

    /// <summary>A callback asked it to stop a part of the loop.</summary>
    Stopping,

    /// <summary>An exception was thrown.</summary>
    Failed,

    /// <summary>The token of its caller was cancelled.</summary>
    Cancelled,

    /// <summary>Its program ends.</summary>
    Left,
}

/// <summary>
/// What a rank brings to a meeting. All are of one size, so that a rank that cannot come to a point still meets the others there.
/// </summary>
/// <param name="Point">The point to which the rank has come.</param>
/// <param name="Index">The number of the batch or epoch; the same on all ranks.</param>
/// <param name="Fingerprint">A hash of what must be the same on all ranks.</param>
/// <param name="Weight">A number of the rank: the weight of its loss.</param>
/// <param name="SecondWeight">A second one, for a loss of two means.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Meeting(
    MeetingPoint Point, long Index = 0, ulong Fingerprint = 0, double Weight = 0, double SecondWeight = 0)
{
    /// <summary>Gets the status of the rank.</summary>
    public RankStatus Status { get; init; }

    /// <summary>Gets what a stopping rank stops.</summary>
    public StopLevel Level { get; init; }

    /// <summary>Gets the length of the message of a failed rank in bytes.</summary>
    public int MessageBytes { get; init; }

    /// <summary>Returns the point and its number, for errors.</summary>
    public override string ToString() => Point switch
    {
        MeetingPoint.FitStart => "the start of a fit",
        MeetingPoint.EpochStart => $"the start of epoch {Index + 1}",
        MeetingPoint.Batch => $"batch {Index}",
        MeetingPoint.Backward => $"the backward pass of batch {Index}",
        MeetingPoint.Gradients => $"the gradients of batch {Index}",
        MeetingPoint.Step => $"the optimizer step of batch {Index}",
        MeetingPoint.Figures => $"the figures after {Index} batches",
        MeetingPoint.EpochEnd => $"the end of epoch {Index + 1}",
        MeetingPoint.FitEnd => "the end of a fit",
        MeetingPoint.Exchange => $"the exchange of samples of batch {Index}",
        MeetingPoint.Broadcast => "Communicator.Broadcast",
        MeetingPoint.Average => "Communicator.AverageGradients",
        _ => "the end of the program",
    };
}
