using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Mixing that is not yet done when a step begins, since the model must run first.</summary>
internal abstract class PendingMix : IDisposable
{
    /// <summary>Finishes the mixing when the prediction is there, or refuses a prediction that was not mixed.</summary>
    public abstract Tensor Finish(Tensor prediction);

    public abstract void Dispose();
}

/// <summary>Mixes the prediction itself. Nothing is hooked: the loss asks.</summary>
internal sealed class OutputMix(Mix mix) : PendingMix
{
    // Of a target of the whole sample: a dense one has its prediction blended cell by cell before.
    public override Tensor Finish(Tensor prediction) => mix.BlendWhole(prediction);

    public override void Dispose()
    {
    }
}
