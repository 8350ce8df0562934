using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Finds a learning rate: trains with a rate that grows from batch to batch, and records the loss (Smith 2017, section 3.3; fastai's
/// <c>lr_find</c>). Afterwards model, optimizer, torch's random state and the state of the callbacks are what they were.
/// </summary>
/// <remarks>
/// Callbacks take part, mixing among them, except those whose <see cref="LearnerCallback.TakesPartInSearch"/> is false. The scheduler and
/// the history of the learner are not touched. The random state of a GPU is not restored, nor are buffers that are
/// not persistent, since TorchSharp does not list them.
/// </remarks>
public static class LearningRateFinder
{
    /// <summary>Trains with growing learning rates. The search ends early when the loss exceeds four times its minimum,
    /// if that is above 0, or is not finite.</summary>
    /// <param name="learner">The learner. Its optimizer may have several parameter groups, whose rates keep their ratios.</param>
    /// <param name="train">The training batches. They are enumerated again until there were enough.</param>
    /// <param name="from">The first rate of the first parameter group, above 0. Default 1e-7.</param>
    /// <param name="to">The last rate of the first parameter group, above <paramref name="from"/>. Default 10.</param>
    /// <param name="steps">The number of batches, 10 or more. Default 100.</param>
    /// <param name="cancellationToken">Checked before every batch. After a cancellation the learner is what it was.</param>
    /// <returns>The rates, the losses, and a suggestion.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A rate or the number of steps is out of its range.</exception>
    /// <exception cref="ArgumentException">The state of the optimizer cannot be saved and restored.</exception>
    /// <exception cref="InvalidOperationException">
    /// A fit of the learner is running, there was no batch, or a callback stopped every batch before its loss.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static LearningRateCurve Run(
        Learner learner,
        IEnumerable<Batch> train,
        double from = 1e-7,
        double to = 10,
        int steps = 100,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(learner);
        ArgumentNullException.ThrowIfNull(train);
        if (!double.IsFinite(from) || from <= 0)
        {
            throw new ArgumentOutOfRangeException(nameof(from), from, "The first learning rate must be a finite number above 0.");
        }

        if (!double.IsFinite(to) || to <= from)
        {
            throw new ArgumentOutOfRangeException(nameof(to), to, "The last learning rate must be a finite number above the first.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 10);
        learner.ThrowIfFitting();
        var callbacks = learner.Callbacks.Where(callback => callback.TakesPartInSearch).ToArray();
        var search = new RateSearch(from, to, steps);
        using var before = new LearnerSnapshot(learner, callbacks);
        try
        {
            // Every epoch has a batch, so there are enough epochs for the steps.
            var state = new LearnerState(learner, validates: false, 0, steps, BatchSource.CountOf(train), cancellationToken);
            learner.InMode(() => new TrainingLoop(learner, state, [.. callbacks, search]).Fit(() => { }, train, validation: null));
        }
        finally
        {
            before.Restore();
        }

        return search.Rates.Count > 0
            ? new LearningRateCurve(search.Rates, search.Losses)
            : throw new InvalidOperationException(
                "The search has measured no loss, since a callback stopped every batch before. Leave that callback out of searches by " +
                "TakesPartInSearch.");
    }

    /// <inheritdoc cref="Run(Learner, IEnumerable{Batch}, double, double, int, CancellationToken)"/>
    public static LearningRateCurve Run(
        Learner learner,
        IEnumerable<(Tensor Input, Tensor Target)> train,
        double from = 1e-7,
        double to = 10,
        int steps = 100,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        return Run(learner, train.AsBatches(), from, to, steps, cancellationToken);
    }
}
