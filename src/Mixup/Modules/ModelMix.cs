using System.Collections;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes the output of one module in every forward pass of its model, as long as a step is open; or, where the batch is mixed at the input, only keeps other steps from the model.
/// </summary>
internal sealed class ModelMix : PendingMix
{
    // Which step mixed the pass that a prediction came from; null for a pass that was not mixed.
    private static readonly ConditionalWeakTable<Tensor, Origin> Origins = [];
    private readonly WatchedModel model;
    private readonly EligibleModule? place;
    private readonly Mix mix;
    private readonly WeakReference<StepState> step;
    private readonly Action<string> warn;
    private bool isWatched; // the model showed a pass in this step
    private bool isInPass;
    private bool isSuspended; // this pass is
    private bool wasMixed; // some pass was
    private int runs; // of the module, in this pass

    private ModelMix(WatchedModel model, EligibleModule? place, Mix mix, StepState step, Action<string> warn) =>
        (this.model, this.place, this.mix, this.step, this.warn) = (model, place, mix, new(step), warn);

    /// <summary>Hooks a model for the length of a step.</summary>
    /// <exception cref="InvalidOperationException">A step is open on one of its modules.</exception>
    public static ModelMix Hook(WatchedModel model, EligibleModule? place, Mix mix, StepState step, Action<string> warn)
    {
        var hooks = new ModelMix(model, place, mix, step, warn);
        OpenModels.Add(hooks);
        try
        {
            model.Watch(hooks.BeginPass, hooks.EndPass);
            place?.Module.Hook(hooks.Blend);
            return hooks;
        }
        catch
        {
            hooks.Dispose();
            throw;
        }
    }

    /// <summary>The name of the model's type.</summary>
    public string ModelName => model.Name;

    /// <summary>The modules that no other open step may share.</summary>
    public IReadOnlyList<nn.Module> Modules => model.Modules;

    /// <summary>Whether the step is gone without having been disposed.</summary>
    public bool IsLost => !step.TryGetTarget(out _);

    public void Warn(string warning) => warn(warning);

    public override Tensor Finish(Tensor prediction)
    {
        if (Origins.TryGetValue(prediction, out var origin))
        {
            return ReferenceEquals(origin.Mix, this)
                ? prediction
                : throw new InvalidOperationException(origin.Mix is null
                    ? "This prediction was made while the step was suspended, so it is not mixed. Run the model again after the suspension, or judge it against the plain target."
                    : "This prediction was made in another step, so it is mixed otherwise than this target. Run the model in the step whose target you use.");
        }

        return place is null || wasMixed ? prediction : throw DidNotRun(place);
    }

    public override void Dispose()
    {
        place?.Module.Unhook();
        model.Unwatch();
        OpenModels.Remove(this);
    }

    private void BeginPass()
    {
        (isWatched, isInPass, runs) = (true, true, 0);
        isSuspended = !step.TryGetTarget(out var state) || state.IsSuspended;
    }

    private void EndPass(object result)
    {
        isInPass = false;
        if (place is not null && runs == 0 && !isSuspended)
        {
            throw DidNotRun(place);
        }

        foreach (var tensor in TensorsOf(result))
        {
            Origins.AddOrUpdate(tensor, new Origin(isSuspended ? null : this));
        }
    }

    private Tensor Blend(Tensor output)
    {
        if (!step.TryGetTarget(out var state) || (isInPass ? isSuspended : state.IsSuspended))
        {
            return output;
        }

        var name = $"module '{place!.Name}' ({place.Module.Kind})";
        if (!isInPass && (isWatched || runs > 0))
        {
            throw new InvalidOperationException(
                $"{name} ran {(isWatched ? "outside of a pass of the model" : "again, and passes cannot be told apart, since the model was not run by call()")}. Run the whole model by call(), or suspend the step for what is not to be mixed.");
        }

        if (runs++ > 0)
        {
            if (runs == 2)
            {
                warn($"{name} ran more than once in one pass; only its first output is mixed. Leave it out of the eligible places if that is not meant.");
            }

            return output;
        }

        if (output.dim() == 0 || output.size(0) != mix.BatchSize || !Check.IsMixable(output.dtype))
        {
            runs = 0;
            throw new InvalidOperationException(
                $"{name} returned {output.dtype} {Check.Shape(output)}; expected a floating-point tensor whose first dimension is the batch ({mix.BatchSize}). " +
                "Set batch_first: true on recurrent modules, choose a module that keeps the batch first, or insert a MixupPoint where it is.");
        }

        try
        {
            var blended = mix.BlendInside(output);
            wasMixed = true;
            return blended;
        }
        catch (ArgumentException e)
        {
            runs = 0;
            throw new InvalidOperationException($"{name} cannot be mixed: {e.Message}", e);
        }
    }

    private static IEnumerable<Tensor> TensorsOf(object? result) => result switch
    {
        Tensor tensor => [tensor],
        ITuple tuple => Enumerable.Range(0, tuple.Length).SelectMany(i => TensorsOf(tuple[i])),
        IDictionary dictionary => dictionary.Values.OfType<Tensor>(),
        IEnumerable<Tensor> tensors => tensors,
        _ => [],
    };

    private static InvalidOperationException DidNotRun(EligibleModule place) => new(
        $"This batch was to be mixed at module '{place.Name}' ({place.Module.Kind}), but the module did not run, so the loss would be wrong. Either it is run by forward(), which bypasses hooks: run it by call(); " +
        "or the model does not run it in every pass, or it was replaced or disposed: leave it out of the eligible places; or this pass is not to be mixed: suspend the step for it.");

    private sealed record Origin(ModelMix? Mix);
}
