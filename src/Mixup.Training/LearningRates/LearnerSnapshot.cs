using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Everything that training changes, to be put back: weights, buffers, optimizer, torch's random state, callbacks.</summary>
internal sealed class LearnerSnapshot : IDisposable
{
    private readonly Learner learner;
    private readonly Dictionary<string, Tensor> weights;
    private readonly FileStream optimizer = TemporaryFile.Spill(); // may be larger than any array
    private readonly byte[] randomState;
    private readonly (IStatefulCallback Callback, string State)[] callbacks;

    public LearnerSnapshot(Learner learner, IEnumerable<LearnerCallback> callbacks)
    {
        this.learner = learner;
        try
        {
            OptimizerState.Of(learner.Optimizer).WriteTo(optimizer);
            this.callbacks = [.. callbacks.OfType<IStatefulCallback>().Select(callback => (callback, callback.SaveState()))];
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            randomState = [.. get_rng_state().bytes];
            weights = learner.Model.state_dict().ToDictionary(
                pair => pair.Key, pair => pair.Value.detach().clone().DetachFromDisposeScope());
        }
        catch
        {
            optimizer.Dispose();
            throw;
        }
    }

    public void Restore()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var (name, tensor) in learner.Model.state_dict())
        {
            tensor.copy_(weights[name]);
        }

        OptimizerState.Load(learner.Optimizer, optimizer);
        learner.Optimizer.zero_grad();
        RandomState.Restore(randomState);
        foreach (var (callback, state) in callbacks)
        {
            callback.LoadState(state);
        }
    }

    public void Dispose()
    {
        optimizer.Dispose();
        foreach (var tensor in weights.Values)
        {
            tensor.Dispose();
        }
    }
}
