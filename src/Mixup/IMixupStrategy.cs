using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Where a batch is mixed. A strategy opens one <see cref="MixupStep"/> for each training batch; validation never opens one, so it is
/// never mixed. One strategy serves one training thread.
/// </summary>
public interface IMixupStrategy
{
    /// <summary>
    /// Everything that the next draws depend on beside the options, to be saved with a checkpoint. Once restored, training continues with
    /// the same draws as if it had not been interrupted.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The batch number or the epoch is negative, or the batch number too large to go on.
    /// </exception>
    MixupState State { get; set; }

    /// <summary>
    /// The epoch of the next batches, from 0, for <see cref="MixupOptions.Schedule"/>. <c>MixupCallback</c> sets it; a loop of your own
    /// sets it at the start of every epoch. Default null: not told.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    int? Epoch { get; set; }

    /// <summary>
    /// The number of epochs that training has, for schedules that count from its end. <c>MixupCallback</c> sets it; a loop of your own sets
    /// it once. It is no part of <see cref="State"/>: a resumed run may be longer. Default null: not told.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    int? Epochs { get; set; }

    /// <summary>Opens the step of one batch: draws, and mixes whatever is to be mixed before the model runs.</summary>
    /// <param name="inputs">
    /// What the model is called with, one tensor or more, each [B, ...]. Not disposed, and not modified unless
    /// <see cref="InputMixup.OverwriteInput"/> asks for it.
    /// </param>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else. Not modified, and not disposed.</param>
    /// <param name="draw">A draw to replay. Default null: the next one is sampled.</param>
    /// <returns>The step. Dispose it when the batch is done: the loss must be taken before, the backward pass may follow later.</returns>
    /// <exception cref="ArgumentException">
    /// The inputs, the target and the draw do not belong to one batch, or an input is of a type that cannot be mixed, is mixed already, or
    /// cannot be overwritten if that was asked for.
    /// </exception>
    /// <exception cref="InvalidOperationException">A step is open on the same model, or on one that shares a module with it.</exception>
    MixupStep Begin(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw = null);
}

/// <summary>Shorter calls for the usual case.</summary>
public static class MixupStrategyExtensions
{
    /// <summary>Opens the step of a batch with one input. See <see cref="IMixupStrategy.Begin"/>.</summary>
    /// <param name="strategy">The strategy.</param>
    /// <param name="input">[B, ...]: what the model is called with. Not modified, and not disposed.</param>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else. Not modified, and not disposed.</param>
    /// <param name="draw">A draw to replay. Default null: the next one is sampled.</param>
    /// <returns>The step, to be disposed when the batch is done.</returns>
    /// <exception cref="ArgumentException">As <see cref="IMixupStrategy.Begin"/>.</exception>
    public static MixupStep Begin(this IMixupStrategy strategy, Tensor input, Tensor target, MixupDraw? draw = null)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        ArgumentNullException.ThrowIfNull(input);
        return strategy.Begin([input], target, draw);
    }

    /// <summary>Whether a strategy opened a step, as in a loader: a batch that is mixed is not mixed again.</summary>
    /// <param name="strategy">The strategy.</param>
    /// <param name="step">The step.</param>
    /// <returns>True for a step of its <see cref="IMixupStrategy.Begin"/>, or of a loader that it mixes in.</returns>
    public static bool Opened(this IMixupStrategy strategy, MixupStep step)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        ArgumentNullException.ThrowIfNull(step);
        return ReferenceEquals(step.Opener, strategy);
    }
}
