using static TorchSharp.torch.optim;

namespace TorchSharp.Mixup.Training;

/// <summary>The state of an optimizer before it is changed, to be put back.</summary>
internal sealed class OptimizerSnapshot : IDisposable
{
    private readonly Optimizer optimizer;
    private readonly bool isWhole;
    private readonly Stream state;

    /// <summary>Takes a snapshot.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="isWhole">
    /// Whether all of its state is kept, which may be larger than any array and goes to a file; or its options.
    /// </param>
    public OptimizerSnapshot(Optimizer optimizer, bool isWhole)
    {
        (this.optimizer, this.isWhole) = (optimizer, isWhole);
        state = isWhole ? TemporaryFile.Spill() : new MemoryStream();
        (isWhole ? (Action<Optimizer, Stream>)OptimizerState.Save : OptimizerState.SaveOptions)(optimizer, state);
    }

    public void Restore() => (isWhole ? (Action<Optimizer, Stream>)OptimizerState.Load : OptimizerState.LoadOptions)(optimizer, state);

    public void Dispose() => state.Dispose();
}
