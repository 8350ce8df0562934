using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The step of a batch that is mixed in the loader.</summary>
internal static class LoaderStep
{
    /// <summary>Refuses a strategy of which it is known that it mixes later.</summary>
    public static void CheckMixesAtInput(IMixupStrategy strategy)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        if (strategy is MixupStrategy { MixesAtInput: false })
        {
            throw MixesLater(strategy);
        }
    }

    /// <summary>Opens the step of a batch that is made here, and has it own all that it holds.</summary>
    public static MixupStep Begin(IMixupStrategy strategy, Func<(IReadOnlyList<Tensor> Inputs, Tensor Target)> make)
    {
        using var scope = NewDisposeScope();
        var (inputs, target) = make();
        ArgumentNullException.ThrowIfNull(target);
        _ = Batches.Size(inputs, "batches");
        MixedInputs.ThrowIfMixed(inputs);

        // A strategy may write over an input and keep it. The source may write over a target that it still has, while the step waits.
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

    /// <summary>A strategy of one's own counts by itself, ahead of the consumer. What nobody took is taken back.</summary>
    private static void NoteAhead(IMixupStrategy strategy, MixupState before) =>
        DrawAhead.Current?.Note(new DrawnAhead(() => NoteAhead(strategy, before), () => strategy.State = before));

    private static ArgumentException MixesLater(IMixupStrategy strategy) => Check.Error(
        nameof(strategy),
        $"{strategy.GetType().Name} mixes when the model runs, which a loader cannot do. " +
        "Begin its step in the training loop, or mix in the loader by InputMixup.");
}
