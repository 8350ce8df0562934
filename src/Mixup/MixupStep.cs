using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// One batch under mixup: what to call the model with, what to give the loss, and what was drawn. Dispose it when the batch is done: that
/// frees the mixed inputs and whatever was armed. Clone what is to be kept longer.
/// </summary>
public sealed class MixupStep : IDisposable
{
    private readonly TargetMixing targetMixing;
    private readonly bool ownsInputs;
    private readonly Place? place;
    private bool disposed;

    internal MixupStep(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw draw, TargetMixing targetMixing, bool ownsInputs, Place? place = null)
    {
        this.targetMixing = targetMixing;
        this.ownsInputs = ownsInputs;
        this.place = place;
        Inputs = inputs;
        Draw = draw;
        if (ownsInputs)
        {
            foreach (var input in inputs)
            {
                input.DetachFromDisposeScope();
            }
        }

        Target = TargetFor(target);
    }

    /// <summary>The first of <see cref="Inputs"/>: what a model of one argument is called with.</summary>
    public Tensor Input => Inputs[0];

    /// <summary>What the model is called with.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>The target for <see cref="MixupLoss"/>.</summary>
    public MixedTarget Target { get; }

    /// <summary>What was drawn.</summary>
    public MixupDraw Draw { get; }

    /// <summary>The coefficients and the pairing: blends or pairs up any further tensor of this batch.</summary>
    public Mix Mix => Draw.Mix;

    /// <summary>Where this batch is mixed: <see cref="MixupDraw.Input"/>, <see cref="MixupDraw.Output"/>, or the name of a module.</summary>
    public string Place => Draw.Place;

    /// <summary>A further target of the same batch, for a model with several outputs.</summary>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else.</param>
    /// <returns>The target for <see cref="MixupLoss"/>.</returns>
    /// <exception cref="ArgumentException">The target does not have B rows.</exception>
    public MixedTarget TargetFor(Tensor target) => new(Mix, target, targetMixing, place);

    /// <summary>Frees the mixed inputs and the device copies of the draw, and takes off the hook if there is one. The draw can still be read and replayed.</summary>
    public void Dispose()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        place?.Dispose();
        Mix.Dispose();
        if (ownsInputs)
        {
            foreach (var input in Inputs)
            {
                input.Dispose();
            }
        }
    }
}
