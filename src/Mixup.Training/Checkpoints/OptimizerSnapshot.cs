using static TorchSharp.torch.optim;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// What a load that fails may have changed of an optimizer: its options, and the whole state of an optimizer of one's own,
/// which no check knows. That may be larger than any array, so it goes to a file.
/// </summary>
internal sealed class OptimizerSnapshot : IDisposable
{
    private readonly Optimizer optimizer;
    private readonly bool isWhole;
    private readonly Stream state;

    public OptimizerSnapshot(Optimizer optimizer)
    {
        (this.optimizer, isWhole) = (optimizer, !OptimizerState.IsChecked(optimizer));
        state = isWhole ? TemporaryFile.Spill() : new MemoryStream();
        (isWhole ? (Action<Optimizer, Stream>)OptimizerState.Save : OptimizerState.SaveOptions)(optimizer, state);
    }

    public void Restore() => (isWhole ? (Action<Optimizer, Stream>)OptimizerState.Load : OptimizerState.LoadOptions)(optimizer, state);

    public void Dispose() => state.Dispose();
}
