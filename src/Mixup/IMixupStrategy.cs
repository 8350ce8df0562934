using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Defines how and where training batches are mixed. A strategy opens one <see cref="MixupStep"/> for each training batch. Validation
/// batches open no step, so they are never mixed. Use a strategy from one training thread.
/// </summary>
public interface IMixupStrategy
{
    /// <summary>
    /// Gets or sets the state of the random numbers, which a checkpoint saves. With the options it determines all later draws. After it is
    /// restored, training continues with the same draws as an uninterrupted run. Setting it sets <see cref="Epoch"/> and
    /// <see cref="Rank"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The batch number, the epoch or the rank is negative, or the batch number is <see cref="long.MaxValue"/>.
    /// </exception>
    MixupState State { get; set; }

    /// <summary>
    /// Gets or sets the epoch of the next batches, from 0. <see cref="MixupOptions.Schedule"/> reads it. <c>MixupCallback</c> sets it; your
    /// own loop sets it at the start of every epoch. Default null: unknown.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    int? Epoch { get; set; }

    /// <summary>
    /// Gets or sets the total number of epochs, 1 or more, for schedules that count from the end of training. <c>MixupCallback</c> sets it;
    /// your own loop sets it once. It is not part of <see cref="State"/>, since a resumed run may be longer. Default null: unknown.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    int? Epochs { get; set; }

    /// <summary>
    /// Gets or sets the number of this process among those that train together, 0 or more. All ranks draw the same place and the same
    /// method of a <see cref="OneOf"/>; each draws partners and coefficients of its own. Give all ranks the same options and the same
    /// seed. It is part of <see cref="State"/>. Default 0.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    int Rank { get; set; }

    /// <summary>Opens the step of one batch: draws the coefficients, and mixes the inputs or registers a hook.</summary>
    /// <param name="inputs">
    /// The inputs of the model, one tensor or more, each [B, ...]. Not disposed. Modified only if <see cref="InputMixup.OverwriteInput"/>
    /// is set.
    /// </param>
    /// <param name="target">
    /// The target, [B, ...]: integer for class ids, floating-point for other targets. Not modified, and not disposed.
    /// </param>
    /// <param name="draw">The draw to replay. Default null: a new draw is sampled.</param>
    /// <returns>The step. Compute the loss before you dispose it; the backward pass may follow later.</returns>
    /// <exception cref="ArgumentException">
    /// The inputs, the target and the draw differ in their batch size. Or an input has a type that cannot be mixed, is already mixed, or
    /// must be overwritten but cannot be.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// A step is open on the same model, or on a model that shares a module with it.
    /// </exception>
    MixupStep Begin(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw = null);
}

/// <summary>Provides shorter calls of <see cref="IMixupStrategy"/> for the usual case.</summary>
public static class MixupStrategyExtensions
{
    /// <summary>Opens the step of a batch with one input. See <see cref="IMixupStrategy.Begin"/>.</summary>
    /// <param name="strategy">The strategy.</param>
    /// <param name="input">
    /// The input of the model, [B, ...]. Not disposed. Modified only if <see cref="InputMixup.OverwriteInput"/> is set.
    /// </param>
    /// <param name="target">
    /// The target, [B, ...]: integer for class ids, floating-point for other targets. Not modified, and not disposed.
    /// </param>
    /// <param name="draw">The draw to replay. Default null: a new draw is sampled.</param>
    /// <returns>The step. Compute the loss before you dispose it; the backward pass may follow later.</returns>
    /// <exception cref="ArgumentException">See <see cref="IMixupStrategy.Begin"/>.</exception>
    public static MixupStep Begin(this IMixupStrategy strategy, Tensor input, Tensor target, MixupDraw? draw = null)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        ArgumentNullException.ThrowIfNull(input);
        return strategy.Begin([input], target, draw);
    }

    /// <summary>Gets whether a strategy opened a step, for instance in a data loader. Such a batch must not be mixed again.</summary>
    /// <param name="strategy">The strategy.</param>
    /// <param name="step">The step.</param>
    /// <returns>
    /// True if the step comes from <see cref="IMixupStrategy.Begin"/> of this strategy, or from a loader in which it mixes.
    /// </returns>
    public static bool Opened(this IMixupStrategy strategy, MixupStep step)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        ArgumentNullException.ThrowIfNull(step);
        return ReferenceEquals(step.Opener, strategy);
    }
}
