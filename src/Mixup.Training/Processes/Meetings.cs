using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// The protocol by which ranks wait for each other. Whatever ranks do together begins with a meeting; only if all are ready does anything
/// follow that would wait for a missing rank. A rank that fails or stops comes to one more meeting, with that message.
/// </summary>
internal sealed class Meetings(Communicator communicator)
{
    private const int LongestMessage = 16_000;
    private readonly ConditionalWeakTable<Exception, object> known = []; // exceptions that all ranks know of
    private Exception? failure; // of the joint work that is being unwound: nobody waits any more
    private int depth;

    /// <summary>Meets the other ranks at a point. Returns what each brought; some may be stopping.</summary>
    /// <exception cref="RankFailedException">Another rank failed or left.</exception>
    /// <exception cref="OperationCanceledException">Another rank was cancelled.</exception>
    /// <exception cref="InvalidOperationException">The ranks came to different points.</exception>
    public Meeting[] Meet(in Meeting own)
    {
        ThrowIfUnwinding();
        var all = Gather(own);
        ThrowIfFailed(all, message: null);
        if (Array.Exists(all, meeting => meeting.Status == RankStatus.Stopping))
        {
            return all;
        }

        for (var rank = 1; rank < all.Length; rank++)
        {
            if ((all[rank].Point, all[rank].Index) != (all[0].Point, all[0].Index))
            {
                throw Known(new InvalidOperationException(
                    $"The ranks do not do the same: rank 0 has come to {all[0]}, but rank {rank} to {all[rank]}. All ranks must call the " +
                    "same functions in the same order, over the same number of batches."));
            }

            if (all[rank].Fingerprint != all[0].Fingerprint)
            {
                throw Known(new InvalidOperationException(Different(all[0], rank)));
            }
        }

        return all;
    }

    /// <summary>Tells the others that this rank stops a part of the loop. Returns the largest part that any rank stops.</summary>
    /// <exception cref="RankFailedException">Another rank failed or left.</exception>
    public StopLevel AnnounceStop(StopLevel level)
    {
        ThrowIfUnwinding();
        var all = Gather(new Meeting { Status = RankStatus.Stopping, Level = level });
        ThrowIfFailed(all, message: null);
        return Largest(all);
    }

    /// <summary>Tells the others that this rank failed, unless all know it.</summary>
    public void AnnounceFailure(Exception exception)
    {
        if (failure is not null || IsKnown(exception))
        {
            Known(failure ?? exception);
            return;
        }

        Known(exception);
        var message = Encoding.UTF8.GetBytes($"failed: {exception.GetType().FullName}: {exception.Message}");
        message = message[..Math.Min(message.Length, LongestMessage)];
        ThrowIfFailed(
            Gather(new Meeting
            {
                Status = exception is OperationCanceledException ? RankStatus.Cancelled : RankStatus.Failed,
                MessageBytes = message.Length,
            }),
            message);
    }

    /// <summary>Tells the others that the program of this rank ends, and waits for theirs.</summary>
    public void Leave()
    {
        for (var all = Leaving(); !Array.TrueForAll(all, meeting => meeting.Status == RankStatus.Left); all = Leaving())
        {
            try
            {
                ThrowIfFailed(all, message: null);
            }
            catch (Exception e) when (e is RankFailedException or OperationCanceledException)
            {
                // They end as well.
            }
        }

        Meeting[] Leaving() => Gather(new Meeting(MeetingPoint.Exit) { Status = RankStatus.Left });
    }

    /// <summary>
    /// Runs joint work. After a failure no rank waits for another until the work has ended, whatever callbacks still do.
    /// </summary>
    public void Run(Action work)
    {
        var outer = failure;
        depth++;
        try
        {
            work();
        }
        finally
        {
            depth--;
            failure = outer; // a callback of the outer work may catch what is thrown here, as all ranks do
        }
    }

    /// <summary>The largest part of the loop that a rank stops.</summary>
    public static StopLevel Largest(Meeting[] all) => all.Max(meeting => meeting.Level);

    /// <summary>Remembers that all ranks throw an exception at this point, so that none announces it.</summary>
    public Exception Known(Exception exception)
    {
        failure = depth > 0 ? exception : null;
        known.TryAdd(exception, exception);
        return exception;
    }

    /// <summary>Whether all ranks know of an exception or of its cause.</summary>
    public bool IsKnown(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (known.TryGetValue(exception, out _))
            {
                return true;
            }
        }

        return false;
    }

    private void ThrowIfUnwinding()
    {
        if (failure is not null)
        {
            throw Known(new RankFailedException("The ranks do not work together any more, since one failed: " + failure.Message, failure));
        }
    }

    private void ThrowIfFailed(Meeting[] all, byte[]? message)
    {
        var failed = Array.FindIndex(all, meeting => meeting.Status is RankStatus.Failed or RankStatus.Cancelled);
        if (failed >= 0)
        {
            var text = failed == communicator.Rank ? message! : new byte[all[failed].MessageBytes];
            communicator.SendAll(text, failed);
            if (message is null)
            {
                throw Known(all[failed].Status == RankStatus.Cancelled
                    ? new OperationCanceledException($"Rank {failed} was cancelled.")
                    : new RankFailedException(failed, Encoding.UTF8.GetString(text)));
            }

            return;
        }

        var left = Array.FindIndex(all, meeting => meeting.Status == RankStatus.Left);
        if (left >= 0 && all[communicator.Rank].Status != RankStatus.Left && message is null)
        {
            throw Known(new RankFailedException(
                left, $"ended its program while rank {communicator.Rank} had come to {all[communicator.Rank]}. All ranks must call the " +
                "same functions in the same order."));
        }
    }

    private static string Different(in Meeting first, int rank) => first.Point switch
    {
        MeetingPoint.Batch =>
            $"Rank 0 and rank {rank} have different data in batch {first.Index}. All ranks must enumerate the same batches in the same " +
            "order, of which each takes its share: give a shuffle that does not depend on the process, or mark a source that holds the " +
            "rank's own data by AsShard.",
        MeetingPoint.EpochEnd =>
            $"Rank 0 and rank {rank} have different weights after epoch {first.Index + 1}. Something changed them on one rank alone, " +
            "such as a callback or an optimizer that draws random numbers. Or machines of different processors round differently: set " +
            "the environment variable ATEN_CPU_CAPABILITY to the same value on all.",
        MeetingPoint.Exchange =>
            $"Rank 0 and rank {rank} have samples of different shapes or types in batch {first.Index}, which cannot be exchanged. Pad " +
            "them to one shape on all ranks, or leave ExchangeSamples off.",
        _ => $"Rank 0 and rank {rank} have different gradients at {first}: they train different parameters.",
    };

    private unsafe Meeting[] Gather(in Meeting own)
    {
        var all = new Meeting[communicator.Size];
        communicator.Gather(MemoryMarshal.AsBytes(new ReadOnlySpan<Meeting>(in own)), MemoryMarshal.AsBytes(all.AsSpan()));
        return all;
    }
}
