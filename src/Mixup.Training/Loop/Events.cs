using System.Runtime.ExceptionServices;

namespace TorchSharp.Mixup.Training;

/// <summary>Raises the events of one fit, evaluation or prediction.</summary>
internal sealed class Events(IReadOnlyList<LearnerCallback> callbacks, LearnerState state, RankedTraining? ranks)
{
    /// <summary>Raises an event for every callback, and then stops what one of them asked to stop.</summary>
    public void Raise(Action<LearnerCallback> raise)
    {
        foreach (var callback in callbacks)
        {
            raise(callback);
        }

        ThrowIfStopping();
    }

    /// <summary>
    /// Runs a part of the loop between two events. The second is raised in any case and for every callback. The first exception is thrown.
    /// </summary>
    public void Around(StopLevel level, Action<LearnerCallback> before, Action<LearnerCallback> after, Action body)
    {
        ExceptionDispatchInfo? thrown = null;
        var outer = state.Running;
        state.Running = level == StopLevel.None ? outer : level;
        try
        {
            Raise(before);
            body();
        }
        catch (Exception e)
        {
            thrown = Capture(e, thrown);
        }

        foreach (var callback in callbacks)
        {
            try
            {
                after(callback);
            }
            catch (Exception e)
            {
                thrown = Capture(e, thrown);
            }
        }

        state.Running = outer;
        if (thrown is { SourceException: not StopException })
        {
            thrown.Throw();
        }

        if (state.Stopping == level)
        {
            state.Stopping = StopLevel.None;
            ranks?.ForgetStop();
        }

        ThrowIfStopping();
    }

    private ExceptionDispatchInfo Capture(Exception e, ExceptionDispatchInfo? first)
    {
        if (first is not null and not { SourceException: StopException })
        {
            return first;
        }

        state.Exception ??= e is StopException ? null : e;
        if (e is not StopException)
        {
            ranks?.AnnounceFailure(e);
        }

        return ExceptionDispatchInfo.Capture(e);
    }

    private void ThrowIfStopping()
    {
        if (state.Stopping != StopLevel.None)
        {
            ranks?.AnnounceStop();
            throw new StopException();
        }
    }
}

/// <summary>Unwinds the loop to the part that was asked to stop. It never leaves the learner.</summary>
internal sealed class StopException : Exception;
