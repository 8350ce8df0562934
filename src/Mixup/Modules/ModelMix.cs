using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes the output of one module in every forward pass of the model while a step is open. If the batch is mixed at the input, it only
/// keeps other steps away from the model.
/// </summary>
internal sealed class ModelMix : PendingMix, IOpenModel
{
    private readonly WatchedModel model;
    private readonly EligibleModule? place;
    private readonly Mix mix;
    private readonly StepState step;
    private readonly WeakReference<object> token;
    private readonly Action<string> warn;
    private bool isWatched; // a pass of the model was seen in this step
    private bool isInPass;
    private bool isSuspended; // the current pass is
    private bool wasMixed; // any pass of this step was
    private bool wasSuspended; // the last pass was
    private int runs; // of the module in the current pass
    private int thread; // of the current pass
    private readonly TracedBlend traced = new(); // the blend of the current pass, to see which results depend on it

    private ModelMix(
        WatchedModel model, EligibleModule? place, Mix mix, StepState step, WeakReference<object> token, Action<string> warn) =>
        (this.model, this.place, this.mix, this.step, this.token, this.warn) = (model, place, mix, step, token, warn);

    /// <summary>Hooks a model until the step ends.</summary>
    /// <exception cref="InvalidOperationException">A step is open on one of its modules.</exception>
    public static ModelMix Hook(
        WatchedModel model, EligibleModule? place, Mix mix, StepState step, WeakReference<object> token, Action<string> warn)
    {
        var hooks = new ModelMix(model, place, mix, step, token, warn);
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

    /// <inheritdoc/>
    public string ModelName => model.Name;

    /// <inheritdoc/>
    public IReadOnlyList<nn.Module> Modules => model.Modules;

    /// <inheritdoc/>
    public bool IsLost => !token.TryGetTarget(out _);

    /// <inheritdoc/>
    public void EndLost()
    {
        step.End();
        Dispose();
        warn(
            $"a step of {ModelName} was never disposed, so the model was hooked until now; the hook is removed. " +
            "Write 'using var step = ...', so that a step also ends after an exception.");
    }

    public override Tensor Finish(Tensor prediction)
    {
        if (PredictionOrigin.Of(prediction) is { } origin)
        {
            return (origin.Step, origin.IsMixed) switch
            {
                (var step, true) when ReferenceEquals(step, this) => prediction,
                (var step, false) when ReferenceEquals(step, this) => throw new InvalidOperationException(
                    $"This result of {ModelName} does not come from {MixedOutput(place!)}, where the batch is mixed, so a mixed loss of " +
                    "it would be wrong. Take its loss against the plain target, or name places that come before all results by " +
                    "ManifoldPlaces.Named."),
                (null, _) => throw new InvalidOperationException(
                    "This prediction was made while the step was suspended, so it is not mixed. " +
                    "Run the model again after the suspension, or take the loss against the plain target."),
                _ => throw new InvalidOperationException(
                    "This prediction was made in another step, so it is not mixed as this target is. " +
                    "Run the model in the step whose target you use."),
            };
        }

        // The origin is unknown for a tensor that was computed from a prediction, as by squeeze or an index.
        if (wasSuspended || (place is null && !isWatched && model.ShowsPasses))
        {
            throw new InvalidOperationException(
                $"The last pass of {ModelName} {(wasSuspended ? "was run while the step was suspended" : "was not run in this step")}, " +
                "and this prediction may come from it. Take the loss before, or run the model again.");
        }

        if (!isWatched && !model.ShowsPasses)
        {
            model.Called.Check(isPassSeen: false);
        }

        if (place is not null && !wasMixed)
        {
            throw DidNotRun(place);
        }

        PredictionOrigin.Set(prediction, this); // a later look by a metric has the same answer
        return prediction;
    }

    public override void Dispose()
    {
        traced.Dispose();
        place?.Module.Unhook();
        model.Unwatch();
        OpenModels.Remove(this);
    }

    private void BeginPass()
    {
        // A pass that threw has no end, so a second beginning is no sign of overlap. A second end is.
        (isWatched, isInPass, runs, thread, model.ShowsPasses) = (true, true, 0, Environment.CurrentManagedThreadId, true);
        isSuspended = IsLost || step.IsSuspended;
        traced.Dispose();
        model.Called.Clear();
    }

    private void EndPass(object result)
    {
        if (!isInPass || thread != Environment.CurrentManagedThreadId)
        {
            throw Overlaps();
        }

        (isInPass, wasSuspended) = (false, isSuspended);
        if (!isSuspended)
        {
            model.Called.Check(isPassSeen: true);
        }

        if (place is not null && runs == 0 && !isSuspended)
        {
            throw DidNotRun(place);
        }

        var results = PredictionOrigin.TensorsOf(result).ToArray();
        FindUnmixed(results);
        var unmixed = place is null ? null : model.Unmixed.GetValueOrDefault(place.Name);
        for (var i = 0; i < results.Length; i++)
        {
            PredictionOrigin.Set(results[i], isSuspended ? null : this, unmixed?.Contains(i) != true);
        }
    }

    /// <summary>
    /// Finds by autograd which results do not depend on the output that was mixed. Once for each module is enough.
    /// </summary>
    private void FindUnmixed(Tensor[] results)
    {
        if (!traced.IsKept || place is null)
        {
            return;
        }

        var unmixed = traced.FindUnmixed(results, mix.Rows);
        model.Unmixed.Add(place.Name, unmixed);
        if (unmixed.Count > 0)
        {
            warn(
                $"result {string.Join(", ", unmixed.Order())} of {ModelName} does not come from {MixedOutput(place)}, so it is not mixed " +
                "when a batch is mixed there. Take its loss against the plain target, or name places that come before all results by " +
                "ManifoldPlaces.Named.");
        }

        traced.Dispose();
    }

    private Tensor Blend(Tensor output)
    {
        if (IsLost || (isInPass ? isSuspended : step.IsSuspended))
        {
            return output;
        }

        if (isInPass && thread != Environment.CurrentManagedThreadId)
        {
            throw Overlaps();
        }

        var name = Check.Capital(Describe(place!));
        if (!isInPass && (isWatched || runs > 0))
        {
            throw new InvalidOperationException(
                $"{name} ran " +
                (isWatched ? "outside of a pass of the model" : "again, and passes cannot be told apart, since the model was not run by " +
                    "call()") +
                ". Run the whole model by call(), or suspend the step for a pass that is not to be mixed.");
        }

        if (runs++ > 0)
        {
            if (runs == 2)
            {
                warn(
                    $"{name} ran more than once in one pass; only its first output is mixed. " +
                    "Leave it out of the places if you do not want this.");
            }

            return output;
        }

        var dimension = DimensionOf(output);
        Tensor blended;
        try
        {
            blended = BlendAlong(dimension, output);
        }
        catch (ArgumentException e)
        {
            runs = 0;
            throw new InvalidOperationException($"{name} cannot be mixed: {e.Message}", e);
        }

        wasMixed = true;
        var mayBeUnmixed = (model.GivesSeveral || place!.Module.GivesTuple) && !model.Unmixed.ContainsKey(place!.Name);
        return isInPass && mayBeUnmixed && is_grad_enabled() ? traced.Keep(blended) : blended;
    }

    /// <summary>Finds the dimension of the batch in what the module returned.</summary>
    private int DimensionOf(Tensor output)
    {
        var expected = $"with the batch ({mix.BatchSize}) as one dimension";
        if (output.dim() > 0 && place!.Batch.Find(output, mix.BatchSize, out expected) is { } dimension && Check.IsFloating(output.dtype))
        {
            return dimension;
        }

        runs = 0;
        throw new InvalidOperationException(
            $"{Check.Capital(Describe(place!))} returned {output.dtype} {Check.Shape(output)}; expected a floating-point tensor " +
            $"{expected}. If dimension 1 is the batch, say so by ManifoldPlaces.WithBatchDimension((\"{place!.Name}\", 1)). " +
            "Otherwise transpose the input of the module, choose another module, or insert a MixupPoint where the batch comes first.");
    }

    private Tensor BlendAlong(int dimension, Tensor output)
    {
        if (dimension == 0)
        {
            return mix.BlendInside(output);
        }

        using var scope = NewDisposeScope();
        var blended = mix.BlendInside(output.movedim([dimension], [0])).movedim([0], [dimension]);
        return (output.is_contiguous() ? blended.contiguous() : blended).MoveToOuterDisposeScope();
    }

    private static string Describe(EligibleModule place) => $"module '{place.Name}' ({place.Module.Kind})";

    private static string MixedOutput(EligibleModule place) =>
        (place.Module.GivesTuple ? "the first output of " : string.Empty) + Describe(place);

    private InvalidOperationException Overlaps() => new(
        $"Passes of {ModelName} overlap within one step, so they cannot be told apart: two threads run it, or it calls itself by call(). " +
        "Run one pass after the other. A model that calls itself must do so by forward().");

    private static InvalidOperationException DidNotRun(EligibleModule place) => new(
        $"This batch is mixed at {Describe(place)}, but the module did not run, so the loss would be wrong. " +
        "If it is run by forward(), which bypasses hooks, run it by call(). " +
        "If the model does not run it in every pass, or if it was replaced or disposed, leave it out of the places. " +
        "If this pass is not to be mixed, suspend the step for it.");
}
