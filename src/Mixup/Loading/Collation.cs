using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes batches in the data loader instead of the training loop, as timm's <c>FastCollateMixup</c> does. A mixed batch is a
/// <see cref="MixupStep"/> that owns its memory. Pass its target to <see cref="MixupLoss"/>, then dispose it.
/// </summary>
public static class Collation
{
    /// <summary>Makes a function for <c>DataLoader&lt;T, MixupStep&gt;</c> that collates samples and mixes the batch.</summary>
    /// <typeparam name="T">A sample of the data set.</typeparam>
    /// <param name="strategy">The strategy: <see cref="InputMixup"/>, or your own strategy that mixes the input.</param>
    /// <param name="collate">
    /// The function that stacks samples into a batch on a device: an input [B, ...] and a target [B, ...]. The step copies both, so their
    /// tensors may be reused. Temporary tensors of the function are disposed.
    /// </param>
    /// <returns>The function for the data loader. Its steps own their inputs and targets.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The strategy does not mix the input. The returned function throws like <see cref="IMixupStrategy.Begin"/>.
    /// </exception>
    public static Func<IEnumerable<T>, Device, MixupStep> Collate<T>(
        this IMixupStrategy strategy, Func<IEnumerable<T>, Device, (Tensor Input, Tensor Target)> collate)
    {
        LoaderStep.CheckMixesAtInput(strategy);
        ArgumentNullException.ThrowIfNull(collate);
        return (samples, device) => LoaderStep.Begin(strategy, () => OneInput(collate(samples, device)));
    }

    /// <summary>Makes a function for <c>DataLoader&lt;T, MixupStep&gt;</c>, for a model with several inputs.</summary>
    /// <typeparam name="T">A sample of the data set.</typeparam>
    /// <param name="strategy">The strategy: <see cref="InputMixup"/>, or your own strategy that mixes the input.</param>
    /// <param name="collate">
    /// The function that stacks samples into a batch on a device: one input or more, each [B, ...], and a target [B, ...].
    /// </param>
    /// <returns>The function for the data loader. Its steps own their inputs and targets.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The strategy does not mix the input. The returned function throws like <see cref="IMixupStrategy.Begin"/>.
    /// </exception>
    public static Func<IEnumerable<T>, Device, MixupStep> Collate<T>(
        this IMixupStrategy strategy, Func<IEnumerable<T>, Device, (IReadOnlyList<Tensor> Inputs, Tensor Target)> collate)
    {
        LoaderStep.CheckMixesAtInput(strategy);
        ArgumentNullException.ThrowIfNull(collate);
        return (samples, device) => LoaderStep.Begin(strategy, () => collate(samples, device));
    }

    /// <summary>Mixes the batches of a sequence.</summary>
    /// <param name="strategy">The strategy: <see cref="InputMixup"/>, or your own strategy that mixes the input.</param>
    /// <param name="batches">
    /// The batches: an input [B, ...] and a target [B, ...]. They are not disposed, and may be reused or disposed when the next batch is
    /// made.
    /// </param>
    /// <returns>
    /// The mixed batches, made on enumeration. Each owns its inputs and a copy of its target. With <see cref="InputMixup.OverwriteInput"/>,
    /// its input shares the memory of the source batch.
    /// </returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The strategy does not mix the input. The enumeration throws like <see cref="IMixupStrategy.Begin"/>.
    /// </exception>
    public static IEnumerable<MixupStep> Mix(this IMixupStrategy strategy, IEnumerable<(Tensor Input, Tensor Target)> batches)
    {
        LoaderStep.CheckMixesAtInput(strategy);
        ArgumentNullException.ThrowIfNull(batches);
        return new MixedSequence<(Tensor, Tensor)>(strategy, batches, OneInput);
    }

    /// <summary>Mixes the batches of a sequence, for a model with several inputs.</summary>
    /// <param name="strategy">The strategy: <see cref="InputMixup"/>, or your own strategy that mixes the input.</param>
    /// <param name="batches">The batches: one input or more, each [B, ...], and a target [B, ...]. They are not disposed.</param>
    /// <returns>The mixed batches, made on enumeration. Each owns its inputs and a copy of its target.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The strategy does not mix the input. The enumeration throws like <see cref="IMixupStrategy.Begin"/>.
    /// </exception>
    public static IEnumerable<MixupStep> Mix(
        this IMixupStrategy strategy, IEnumerable<(IReadOnlyList<Tensor> Inputs, Tensor Target)> batches)
    {
        LoaderStep.CheckMixesAtInput(strategy);
        ArgumentNullException.ThrowIfNull(batches);
        return new MixedSequence<(IReadOnlyList<Tensor>, Tensor)>(strategy, batches, batch => batch);
    }

    private static (IReadOnlyList<Tensor> Inputs, Tensor Target) OneInput((Tensor Input, Tensor Target) batch)
    {
        ArgumentNullException.ThrowIfNull(batch.Input);
        return ([batch.Input], batch.Target);
    }
}
