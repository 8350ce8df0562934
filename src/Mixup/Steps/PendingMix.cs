using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Mixing that happens after a step is opened, since the model must run first.</summary>
internal abstract class PendingMix : IDisposable
{
    /// <summary>Mixes the prediction if necessary, and throws if it was not mixed.</summary>
    public abstract Tensor Finish(Tensor prediction);

    public abstract void Dispose();
}

/// <summary>Mixes the prediction. It needs no hook, since the loss calls <see cref="PendingMix.Finish"/>.</summary>
internal sealed class OutputMix(Mix mix) : PendingMix
{
    // Only for targets of whole samples: <see cref="DenseMix"/> blends the predictions of dense targets, cell by cell.
    public override Tensor Finish(Tensor prediction) => mix.BlendWhole(prediction);

    public override void Dispose()
    {
    }
}
