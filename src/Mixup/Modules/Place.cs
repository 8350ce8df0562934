using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>A place that the model reaches only after the step was opened: armed with the step, and asked again when the prediction is there.</summary>
internal abstract class Place : IDisposable
{
    /// <summary>Finishes the mixing, or says why it did not happen.</summary>
    public abstract Tensor Arrive(Tensor prediction);

    public abstract void Dispose();
}

/// <summary>The prediction itself.</summary>
internal sealed class OutputPlace(Mix mix) : Place
{
    public override Tensor Arrive(Tensor prediction) => mix.Blend(prediction);

    public override void Dispose()
    {
        // Nothing is armed: the loss asks.
    }
}

/// <summary>The output of a module, for one step: hooked while it is open.</summary>
internal sealed class ModulePlace : Place
{
    private readonly string name;
    private readonly Mix mix;
    private readonly HookableModule module;
    private readonly Action<string> warn;
    private int runs;

    public ModulePlace(string name, HookableModule module, Mix mix, Action<string> warn)
    {
        (this.name, this.module, this.mix, this.warn) = (name, module, mix, warn);
        module.Arm(Blend);
    }

    public override Tensor Arrive(Tensor prediction) => runs > 0
        ? prediction
        : throw new InvalidOperationException(
            $"this batch was to be mixed at module '{name}' ({module.Kind}), but the module did not run, so the loss would be wrong. Either it is run by forward(), which bypasses hooks: run it by call(); or the model does not run it in every pass, or it was replaced or disposed: leave it out of the eligible places.");

    public override void Dispose() => module.Disarm();

    private Tensor Blend(Tensor output)
    {
        if (runs++ > 0)
        {
            if (runs == 2)
            {
                warn($"module '{name}' ({module.Kind}) ran more than once in one step; only its first output is mixed. Leave it out of the eligible places if that is not meant.");
            }

            return output;
        }

        if (output.dim() == 0 || output.size(0) != mix.BatchSize || !Check.IsMixable(output.dtype))
        {
            runs = 0;
            throw new InvalidOperationException(
                $"module '{name}' ({module.Kind}) gave {output.dtype} of shape {Check.Shape(output)}, which cannot be mixed: floating point of shape [{mix.BatchSize}, ...] is expected, the batch first. Where the batch is merged with time or not in front, choose a module that keeps it (batch_first: true for recurrent ones), or put a MixupPoint where it is.");
        }

        return mix.Blend(output);
    }
}
