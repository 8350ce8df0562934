namespace TorchSharp.Mixup;

/// <summary>Whether a step is open: shared by the step, its targets and its hooks.</summary>
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
            throw new InvalidOperationException("The step is disposed, so nothing is mixed that could be suspended.");
        }

        suspensions++;
        return new Suspension(this);
    }

    /// <summary>Refuses to judge a prediction where no pass of the model is mixed.</summary>
    public void ThrowUnlessMixing()
    {
        if (IsOver)
        {
            throw new InvalidOperationException("The step of this target is disposed, so the model is no longer mixed. " +
                "Take losses and metrics before the step ends; backward() may follow later.");
        }

        if (IsSuspended)
        {
            throw new InvalidOperationException("The step of this target is suspended, so the model is not mixed. " +
                "End the suspension first, or judge the prediction against the plain target.");
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
