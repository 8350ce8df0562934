using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Everything that training changes, to be put back: weights, buffers, optimizer, torch's random state, callbacks.</summary>
internal sealed class LearnerSnapshot : IDisposable
{
    private readonly Learner learner;
    private readonly Dictionary<string, Tensor> weights;
    private readonly OptimizerSnapshot optimizer;
    private readonly byte[] randomState;
    private readonly (IStatefulCallback Callback, string State)[] callbacks;

    public LearnerSnapshot(Learner learner, IEnumerable<LearnerCallback> callbacks)
    {
        this.learner = learner;
        this.callbacks = [.. callbacks.OfType<IStatefulCallback>().Select(callback => (callback, callback.SaveState()))];
        OptimizerState.Of(learner.Optimizer); // refuses a state that cannot be saved
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        randomState = [.. get_rng_state().bytes];
        optimizer = new OptimizerSnapshot(learner.Optimizer, isWhole: true);
        weights = learner.Model.state_dict().ToDictionary(pair => pair.Key, pair => pair.Value.detach().clone().DetachFromDisposeScope());
    }

    public void Restore()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var (name, tensor) in learner.Model.state_dict())
        {
            tensor.copy_(weights[name]);
        }

        optimizer.Restore();
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
