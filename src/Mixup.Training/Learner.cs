using static TorchSharp.torch;
using static TorchSharp.torch.optim;
using static TorchSharp.torch.optim.lr_scheduler;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Trains, evaluates and applies a model, with callbacks at every event. Mixing is one of them: see <see cref="MixupCallback"/>.
/// </summary>
/// <remarks>
/// After an exception the matching <c>After</c> events are still raised, the model and its parts are back in their modes, and the
/// exception arrives unchanged. A learner is not thread-safe, and neither are the module's parameters that it trains.
/// </remarks>
public sealed class Learner
{
    private readonly List<EpochRecord> history = [];
    private bool resumes; // a checkpoint was loaded, and its fit goes on

    /// <summary>Creates a learner. It disposes none of its arguments.</summary>
    /// <param name="model">A module of one to three tensors. For any other give <paramref name="forward"/>.</param>
    /// <param name="loss">
    /// The loss of prediction and target, or a <see cref="FunctionLoss"/>. Mixing wraps it for one batch at a time.
    /// </param>
    /// <param name="optimizer">The optimizer, built from the parameters of the model.</param>
    /// <param name="scheduler">
    /// The learning rate scheduler. Default null: the rate stays. A <c>ReduceLROnPlateau</c> gets the validation loss, or without
    /// validation the training loss.
    /// </param>
    /// <param name="metrics">The metrics beside the loss. Default: none.</param>
    /// <param name="device">The device of batches. Default: that of the model's first parameter.</param>
    /// <param name="callbacks">The callbacks, called by <see cref="LearnerCallback.Order"/>. Default: none.</param>
    /// <param name="forward">Turns the inputs of a batch into a prediction. Default: <c>model.call</c>.</param>
    /// <exception cref="ArgumentException">
    /// The model does not take one to three tensors, two metrics share a name, one is called <c>loss</c>, or the optimizer has none of the
    /// model's parameters. An exception of <see cref="LearnerCallback.Attach"/> arrives unchanged.
    /// </exception>
    public Learner(
        nn.Module model,
        Loss<Tensor, Tensor, Tensor> loss,
        Optimizer optimizer,
        LRScheduler? scheduler = null,
        IEnumerable<Metric>? metrics = null,
        Device? device = null,
        IEnumerable<LearnerCallback>? callbacks = null,
        Func<IReadOnlyList<Tensor>, Tensor>? forward = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(optimizer);
        (Model, Loss, Optimizer, Scheduler) = (model, loss, optimizer, scheduler);
        Metrics = [.. metrics ?? []];
        Callbacks = [.. (callbacks ?? []).OrderBy(callback => callback.Order)];
        Device = device ?? model.parameters().FirstOrDefault()?.device ?? CPU;
        Forward = forward ?? ModelCall.Of(model);
        if (Metrics.Any(metric => metric.Name == "loss"))
        {
            throw new ArgumentException(
                "A metric is called 'loss', which is the name of the loss in records and logs. Give it another name by Named(...).",
                nameof(metrics));
        }

        if (Metrics.GroupBy(metric => metric.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ArgumentException(
                $"Two metrics are called '{twice.Key}'. Give one another name by Named(...).",
                nameof(metrics));
        }

        ModelParameters.CheckOptimizer(model, optimizer);
        foreach (var callback in Callbacks)
        {
            callback.Attach(this);
        }
    }

    /// <summary>Gets the model.</summary>
    public nn.Module Model { get; }

    /// <summary>Gets the loss of prediction and target. The learner never replaces it.</summary>
    public Loss<Tensor, Tensor, Tensor> Loss { get; }

    /// <summary>Gets the optimizer.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>Gets the learning rate scheduler, or null.</summary>
    public LRScheduler? Scheduler { get; }

    /// <summary>Gets when the scheduler steps. Default: after every epoch.</summary>
    /// <exception cref="ArgumentException">
    /// A <c>ReduceLROnPlateau</c> would step after every batch, but it needs the loss of an epoch.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the enumeration.</exception>
    public SchedulerInterval SchedulerInterval
    {
        get;
        init
        {
            if (!Enum.IsDefined(value))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(value), value, "There is no such SchedulerInterval. Use SchedulerInterval.Epoch or SchedulerInterval.Batch.");
            }

            if (value == SchedulerInterval.Batch && Scheduler is impl.ReduceLROnPlateau)
            {
                throw new ArgumentException(
                    "A ReduceLROnPlateau watches the loss of an epoch, which is not known after a batch. "
                    + "Use SchedulerInterval.Epoch, or another scheduler.",
                    nameof(value));
            }

            field = value;
        }
    }

    /// <summary>Gets the metrics beside the loss.</summary>
    public IReadOnlyList<Metric> Metrics { get; }

    /// <summary>Gets the device that batches are moved to.</summary>
    public Device Device { get; }

    /// <summary>Gets the callbacks, in the order in which they are called.</summary>
    public IReadOnlyList<LearnerCallback> Callbacks { get; }

    /// <summary>Gets the figures of every completed epoch of all fits, those before a loaded checkpoint included.</summary>
    public IReadOnlyList<EpochRecord> History => history;

    /// <summary>
    /// Gets the number of epochs that the next fit skips, because a loaded checkpoint has completed them; null if the next fit is a new
    /// one.
    /// </summary>
    public int? ResumesAfter => resumes ? CompletedEpochs : null;

    /// <summary>Turns the inputs of a batch into a prediction.</summary>
    internal Func<IReadOnlyList<Tensor>, Tensor> Forward { get; }

    /// <summary>Tells the weight of the loss of a batch that is not mixed.</summary>
    internal MixupLoss Weighing => field ??= MixedLoss();

    /// <summary>The arguments of the scheduler's steps so far: a plateau's loss, else not a number. A checkpoint repeats them.</summary>
    internal List<double> SchedulerSteps { get; } = [];

    /// <summary>The number of completed epochs of the last fit.</summary>
    internal int CompletedEpochs { get; private set; }

    /// <summary>The processes that train together; null for one process.</summary>
    internal Communicator? Ranks =>
        Callbacks.Select(callback => callback.Ranks).FirstOrDefault(ranks => ranks is { Size: > 1 });

    /// <summary>Whether the epochs of a fit or a search are running.</summary>
    internal bool IsFitting { get; set; }

    /// <summary>Trains the model.</summary>
    /// <param name="train">The training batches, enumerated once for every epoch.</param>
    /// <param name="validation">The validation batches, never mixed, enumerated once for every epoch. Default: none.</param>
    /// <param name="epochs">
    /// The number of epochs of the fit, 1 or more. A fit that resumes from a checkpoint runs those that are left: see
    /// <see cref="ResumesAfter"/>.
    /// </param>
    /// <param name="cancellationToken">Checked before every batch.</param>
    /// <returns>The figures of the epochs that this call completed.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidOperationException">
    /// The optimizer needs a closure, an epoch had no batch, a loss was not a scalar, or a fit of this learner is running already.
    /// </exception>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<Batch> train, IEnumerable<Batch>? validation = null, int epochs = 1, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1);
        ThrowIfFitting();
        var firstEpoch = ResumesAfter ?? 0;
        var state = new LearnerState(this, validation is not null, firstEpoch, epochs, BatchSource.CountOf(train), cancellationToken);
        var before = history.Count;
        InMode(() => new TrainingLoop(this, state).Fit(() => (CompletedEpochs, resumes) = (firstEpoch, false), train, validation));
        return history[before..];
    }

    /// <inheritdoc cref="Fit(IEnumerable{Batch}, IEnumerable{Batch}?, int, CancellationToken)"/>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<(Tensor Input, Tensor Target)> train,
        IEnumerable<(Tensor Input, Tensor Target)>? validation = null,
        int epochs = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        return Fit(train.AsBatches(), validation?.AsBatches(), epochs, cancellationToken);
    }

    /// <inheritdoc cref="Fit(IEnumerable{Batch}, IEnumerable{Batch}?, int, CancellationToken)"/>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<Batch> train,
        IEnumerable<(Tensor Input, Tensor Target)> validation,
        int epochs = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(validation);
        return Fit(train, validation.AsBatches(), epochs, cancellationToken);
    }

    /// <inheritdoc cref="Fit(IEnumerable{Batch}, IEnumerable{Batch}?, int, CancellationToken)"/>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<(Tensor Input, Tensor Target)> train,
        IEnumerable<Batch> validation,
        int epochs = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(validation);
        return Fit(train.AsBatches(), validation, epochs, cancellationToken);
    }

    /// <summary>Trains the model on batches that the strategy of its <see cref="MixupCallback"/> mixed in the loader.</summary>
    /// <param name="train">
    /// The mixed batches, enumerated once for every epoch, such as <c>strategy.Mix(batches).Prefetch(2)</c>. Each is moved to the learner's
    /// device, and disposed after its use.
    /// </param>
    /// <param name="validation">The validation batches, never mixed, enumerated once for every epoch. Default: none.</param>
    /// <param name="epochs">
    /// The number of epochs of the fit, 1 or more. A fit that resumes from a checkpoint runs those that are left.
    /// </param>
    /// <param name="cancellationToken">Checked before every batch.</param>
    /// <returns>The figures of the epochs that this call completed.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidOperationException">
    /// There is no <see cref="MixupCallback"/>, another strategy mixed a batch, or a batch was used before.
    /// </exception>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<MixupStep> train,
        IEnumerable<Batch>? validation = null,
        int epochs = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        return Fit(train.AsBatches(), validation, epochs, cancellationToken);
    }

    /// <inheritdoc cref="Fit(IEnumerable{MixupStep}, IEnumerable{Batch}?, int, CancellationToken)"/>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<MixupStep> train,
        IEnumerable<(Tensor Input, Tensor Target)> validation,
        int epochs = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(validation);
        return Fit(train.AsBatches(), validation.AsBatches(), epochs, cancellationToken);
    }

    /// <summary>Computes the loss and the metrics of the model on batches, as validation does. Nothing is trained or mixed.</summary>
    /// <param name="batches">The batches, enumerated once.</param>
    /// <param name="cancellationToken">Checked before every batch.</param>
    /// <returns>The loss and the metrics.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled, or a callback stopped more than a batch.</exception>
    /// <exception cref="InvalidOperationException">There was no batch, or a loss was not a scalar.</exception>
    public EvaluationResult Evaluate(IEnumerable<Batch> batches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batches);
        EvaluationResult? result = null;
        RunAlone(loop => result = loop.Evaluate(batches), cancellationToken);
        return result!;
    }

    /// <inheritdoc cref="Evaluate(IEnumerable{Batch}, CancellationToken)"/>
    public EvaluationResult Evaluate(
        IEnumerable<(Tensor Input, Tensor Target)> batches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batches);
        return Evaluate(batches.AsBatches(), cancellationToken);
    }

    /// <summary>Computes the predictions of the model on batches, in evaluation mode and without gradients.</summary>
    /// <param name="batches">The batches, enumerated once. Their targets are not used.</param>
    /// <param name="cancellationToken">Checked before every batch.</param>
    /// <returns>The predictions of all samples, [N, ...], on the CPU. The caller disposes them.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled, or a callback stopped more than a batch.</exception>
    /// <exception cref="InvalidOperationException">
    /// There was no batch, or predictions of two batches differ in more than their first dimension.
    /// </exception>
    public Tensor Predict(IEnumerable<Batch> batches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batches);
        var parts = new TensorParts("Predictions");
        try
        {
            RunAlone(loop => loop.Predict(batches, parts.Add), cancellationToken);
            return parts.Join();
        }
        finally
        {
            parts.Dispose();
        }
    }

    /// <inheritdoc cref="Predict(IEnumerable{Batch}, CancellationToken)"/>
    public Tensor Predict(IEnumerable<(Tensor Input, Tensor Target)> batches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batches);
        return Predict(batches.AsBatches(), cancellationToken);
    }

    /// <summary>Computes the predictions of the model on batches of inputs, in evaluation mode and without gradients.</summary>
    /// <param name="inputs">The input of each batch, [B, ...], enumerated once.</param>
    /// <param name="cancellationToken">Checked before every batch.</param>
    /// <returns>The predictions of all samples, [N, ...], on the CPU. The caller disposes them.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled, or a callback stopped more than a batch.</exception>
    /// <exception cref="InvalidOperationException">
    /// There was no batch, predictions of two batches differ in more than their first dimension, or a callback asked for the target.
    /// </exception>
    public Tensor Predict(IEnumerable<Tensor> inputs, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return Predict(new ConvertedSequence<Tensor, Batch>(inputs, Batch.OfInput), cancellationToken);
    }

    /// <summary>Computes the predictions of the model on one batch, in evaluation mode and without gradients.</summary>
    /// <param name="input">The input, [B, ...].</param>
    /// <returns>The predictions, [B, ...], on the CPU. The caller disposes them.</returns>
    public Tensor Predict(Tensor input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Predict([input]);
    }

    /// <summary>Makes the loss of mixed batches from the learner's own.</summary>
    internal MixupLoss MixedLoss() =>
        Loss is FunctionLoss function ? MixupLoss.FromUnreduced(function.Values) : new MixupLoss(Loss);

    /// <summary>Adds the record of an epoch that ended.</summary>
    internal void Complete(EpochRecord record)
    {
        history.Add(record);
        CompletedEpochs = record.Epoch + 1;
    }

    /// <summary>Restores the history of a checkpoint.</summary>
    internal void Restore(IEnumerable<EpochRecord> records, int completedEpochs)
    {
        history.Clear();
        history.AddRange(records);
        (CompletedEpochs, resumes) = (completedEpochs, true);
    }

    /// <summary>Steps the scheduler, if there is one.</summary>
    /// <param name="loss">The loss that a plateau watches.</param>
    internal void StepScheduler(double loss)
    {
        switch (Scheduler)
        {
            case null:
                return;
            case impl.ReduceLROnPlateau plateau:
                SchedulerSteps.Add(loss);
                plateau.step(loss);
                return;
            default:
                SchedulerSteps.Add(double.NaN);
                Scheduler.step();
                return;
        }
    }

    /// <summary>Refuses a fit or a search within a fit, which would share its callbacks and gradients.</summary>
    /// <exception cref="InvalidOperationException">A fit is running.</exception>
    internal void ThrowIfFitting()
    {
        if (IsFitting)
        {
            throw new InvalidOperationException(
                "A fit of this learner is running. Start another one after it, or give it a learner of its own. " +
                "Evaluate and Predict may be called within a fit.");
        }
    }

    /// <summary>Runs something that changes the mode of the model, and restores the mode of every part of it.</summary>
    internal void InMode(Action run)
    {
        (nn.Module Module, bool IsTraining)[] modes = [.. Model.modules().Prepend(Model).Select(module => (module, module.training))];
        var (outerEpoch, wasFitting) = (EpochOfFit.Current, IsFitting);
        try
        {
            run();
        }
        finally
        {
            (EpochOfFit.Current, IsFitting) = (outerEpoch, wasFitting);
            foreach (var (module, isTraining) in modes) // each after the modules that contain it
            {
                if (module.training != isTraining)
                {
                    module.train(isTraining);
                }
            }
        }
    }

    /// <summary>Runs an evaluation or a prediction, which is no fit.</summary>
    private void RunAlone(Action<TrainingLoop> run, CancellationToken cancellationToken)
    {
        var state = new LearnerState(this, validates: true, EpochOfFit.Current ?? 0, epochs: 0, batchCount: null, cancellationToken);
        try
        {
            InMode(() => run(new TrainingLoop(this, state, alone: true)));
        }
        catch (StopException)
        {
            throw new OperationCanceledException("A callback stopped the epoch or the fit while the model was evaluated.");
        }
    }
}
