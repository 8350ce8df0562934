using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Opens the steps of batches that are mixed in a data loader.</summary>
internal static class LoaderStep
{
    /// <summary>Throws for a built-in strategy that mixes in or after the model.</summary>
    public static void CheckMixesAtInput(IMixupStrategy strategy)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        if (strategy is MixupStrategy { MixesAtInput: false })
        {
            throw MixesLater(strategy);
        }
    }

    /// <summary>Makes a batch and opens its step, which then owns the inputs and the target.</summary>
    public static MixupStep Begin(IMixupStrategy strategy, Func<(IReadOnlyList<Tensor> Inputs, Tensor Target)> make)
    {
        using var scope = NewDisposeScope();
        var (inputs, target) = make();
        ArgumentNullException.ThrowIfNull(target);
        _ = Batches.Size(inputs, "batches");
        MixedInputs.ThrowIfMixed(inputs);

        // The strategy may mix in place and keep the input, so it gets an alias. The source may overwrite its target while the step waits,
        // so the target is cloned.
        var before = strategy.State;
        var step = strategy.Begin([.. inputs.Select(input => input.alias())], target.clone()).OpenedBy(strategy);
        if (!step.IsMixed)
        {
            step.Dispose();
            throw MixesLater(strategy);
        }

        if (strategy is not MixupStrategy)
        {
            NoteAhead(strategy, before);
        }

        step.OwnAll();
        return step;
    }

    /// <summary>
    /// Records a draw of a user's strategy, which counts its draws immediately. If the item is dropped, the state is restored.
    /// </summary>
    private static void NoteAhead(IMixupStrategy strategy, MixupState before) =>
        DrawAhead.Current?.Note(new DrawnAhead(() => NoteAhead(strategy, before), () => strategy.State = before));

    private static ArgumentException MixesLater(IMixupStrategy strategy) => Check.Error(
        nameof(strategy),
        $"{strategy.GetType().Name} mixes when the model runs, which a loader cannot do. " +
        "Begin its step in the training loop, or mix in the loader by InputMixup.");
}
