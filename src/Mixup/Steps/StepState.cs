namespace TorchSharp.Mixup;

/// <summary>Whether a step is open, suspended or over. The step shares it with its targets and hooks.</summary>
internal sealed class StepState
{
    private int suspensions;

    public bool IsOver { get; private set; }

    public bool IsSuspended => suspensions > 0;

    public void End() => IsOver = true;

    public IDisposable Suspend()
    {
        if (IsOver)
        {
            throw new InvalidOperationException("The step is disposed, so nothing is mixed and mixing cannot be suspended. Call " +
                "Suspend before the step ends.");
        }

        suspensions++;
        return new Suspension(this);
    }

    /// <summary>Throws if the step is over or suspended, since the model is not mixed then.</summary>
    public void ThrowUnlessMixing()
    {
        if (IsOver)
        {
            throw new InvalidOperationException("The step of this target is disposed, so the model is no longer mixed. " +
                "Compute losses and metrics before the step ends; backward() may follow later.");
        }

        if (IsSuspended)
        {
            throw new InvalidOperationException("The step of this target is suspended, so the model is not mixed. " +
                "End the suspension first, or compute the loss with the plain target.");
        }
    }

    private sealed class Suspension(StepState state) : IDisposable
    {
        private bool ended;

        public void Dispose()
        {
            state.suspensions -= ended ? 0 : 1;
            ended = true;
        }
    }
}
