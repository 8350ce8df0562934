using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes batches in the loader instead of the training loop, as timm's <c>FastCollateMixup</c> does. A mixed batch is a <see
/// cref="MixupStep"/>: it owns its memory, and goes into <see cref="MixupLoss"/> as any step. Whoever takes it disposes it.
/// </summary>
public static class Collation
{
    /// <summary>Makes a function for <c>DataLoader&lt;T, MixupStep&gt;</c> that collates samples and mixes the batch.</summary>
    /// <typeparam name="T">A sample of the data set.</typeparam>
    /// <param name="strategy">How batches are mixed: <see cref="InputMixup"/>, or one of your own that mixes the input.</param>
    /// <param name="collate">
    /// Stacks samples to a batch on a device: an input [B, ...], and a target [B, ...]. The step takes copies, so both tensors may be used
    /// again; what was made for them is disposed.
    /// </param>
    /// <returns>The function. The step that it returns owns its inputs and its target.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The strategy mixes in the model or after it; or, when the function is called, as <see cref="IMixupStrategy.Begin"/>.
    /// </exception>
    public static Func<IEnumerable<T>, Device, MixupStep> Collate<T>(
        this IMixupStrategy strategy, Func<IEnumerable<T>, Device, (Tensor Input, Tensor Target)> collate)
    {
        LoaderStep.CheckMixesAtInput(strategy);
        ArgumentNullException.ThrowIfNull(collate);
        return (samples, device) => LoaderStep.Begin(strategy, () => OneInput(collate(samples, device)));
    }

    /// <summary>The same for a model of several inputs. See the other overload.</summary>
    /// <typeparam name="T">A sample of the data set.</typeparam>
    /// <param name="strategy">How batches are mixed: <see cref="InputMixup"/>, or one of your own that mixes the input.</param>
    /// <param name="collate">Stacks samples to a batch on a device: one input or more, each [B, ...], and a target [B, ...].</param>
    /// <returns>The function. The step that it returns owns its inputs and its target.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The strategy mixes in the model or after it; or, when the function is called, as <see cref="IMixupStrategy.Begin"/>.
    /// </exception>
    public static Func<IEnumerable<T>, Device, MixupStep> Collate<T>(
        this IMixupStrategy strategy, Func<IEnumerable<T>, Device, (IReadOnlyList<Tensor> Inputs, Tensor Target)> collate)
    {
        LoaderStep.CheckMixesAtInput(strategy);
        ArgumentNullException.ThrowIfNull(collate);
        return (samples, device) => LoaderStep.Begin(strategy, () => collate(samples, device));
    }

    /// <summary>Mixes the batches of any source.</summary>
    /// <param name="strategy">How batches are mixed: <see cref="InputMixup"/>, or one of your own that mixes the input.</param>
    /// <param name="batches">
    /// The batches: an input [B, ...], and a target [B, ...]. The tensors stay whose they are, so the source may give the same ones again,
    /// or dispose them when it makes the next batch.
    /// </param>
    /// <returns>
    /// The mixed batches, lazily. Each owns its inputs and a copy of its target; with <see cref="InputMixup.OverwriteInput"/> its input
    /// shares the memory of the source's.
    /// </returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The strategy mixes in the model or after it; or, on enumeration, as <see cref="IMixupStrategy.Begin"/>.
    /// </exception>
    public static IEnumerable<MixupStep> Mix(this IMixupStrategy strategy, IEnumerable<(Tensor Input, Tensor Target)> batches)
    {
        LoaderStep.CheckMixesAtInput(strategy);
        ArgumentNullException.ThrowIfNull(batches);
        return new MixedSequence<(Tensor, Tensor)>(strategy, batches, OneInput);
    }

    /// <summary>The same for a model of several inputs. See the other overload.</summary>
    /// <param name="strategy">How batches are mixed: <see cref="InputMixup"/>, or one of your own that mixes the input.</param>
    /// <param name="batches">The batches: one input or more, each [B, ...], and a target [B, ...]. The tensors stay whose they are.</param>
    /// <returns>The mixed batches, lazily. Each owns its inputs and a copy of its target.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The strategy mixes in the model or after it; or, on enumeration, as <see cref="IMixupStrategy.Begin"/>.
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
