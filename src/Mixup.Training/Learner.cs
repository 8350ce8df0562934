using System.Diagnostics;
using System.Runtime.ExceptionServices;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;
using static TorchSharp.torch.optim.lr_scheduler;

namespace TorchSharp.Mixup.Training;

/// <summary>When a learning rate scheduler steps.</summary>
public enum SchedulerInterval
{
    /// <summary>After every epoch.</summary>
    Epoch,

    /// <summary>After every optimizer step, as one-cycle schedules want it.</summary>
    Batch,
}

/// <summary>
/// A training loop with events. It knows nothing of mixup: <see cref="MixupCallback"/> replaces what the loop works on, as any callback
/// may.
/// </summary>
/// <remarks>
/// Whatever is thrown, the ends of all that was begun are called, the model is back in its mode, and the exception arrives unchanged.
/// </remarks>
public sealed class Learner
{
    private readonly Func<IReadOnlyList<Tensor>, Tensor> forward;
    private readonly List<EpochRecord> history = [];
    private static readonly AsyncLocal<int?> EpochOfFit = new();
    private bool resumed; // the next fit goes on where a checkpoint stopped

    /// <summary>Puts together what is to be trained, and how. Nothing of it is disposed by the learner.</summary>
    /// <param name="model">A module of one to three tensors; for any other give <paramref name="forward"/>.</param>
    /// <param name="loss">The loss of prediction and target. It is never replaced: mixing wraps it for one batch at a time.</param>
    /// <param name="optimizer">Over the parameters of the model.</param>
    /// <param name="scheduler">
    /// Of the learning rate. Default: none. A <c>ReduceLROnPlateau</c> is given the validation loss, or without validation the training
    /// loss.
    /// </param>
    /// <param name="metrics">What is measured beside the loss. Default: nothing.</param>
    /// <param name="device">Where batches are moved. Default: where the model's first parameter is.</param>
    /// <param name="callbacks">Who takes part, called by <see cref="ITrainerCallback.Order"/>. Default: nobody.</param>
    /// <param name="forward">How the inputs of a batch become a prediction. Default: <c>model.call</c>.</param>
    /// <exception cref="ArgumentException">
    /// The model takes something else than one to three tensors, two metrics share a name, or the optimizer holds none of the model's
    /// parameters. Whatever a callback throws in <see cref="ITrainerCallback.Attach"/> arrives unchanged.
    /// </exception>
    public Learner(
        nn.Module model,
        Loss<Tensor, Tensor, Tensor> loss,
        Optimizer optimizer,
        LRScheduler? scheduler = null,
        IEnumerable<Metric>? metrics = null,
        Device? device = null,
        IEnumerable<ITrainerCallback>? callbacks = null,
        Func<IReadOnlyList<Tensor>, Tensor>? forward = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(optimizer);
        (Model, Loss, Optimizer, Scheduler) = (model, loss, optimizer, scheduler);
        Metrics = [.. metrics ?? []];
        Callbacks = [.. (callbacks ?? []).OrderBy(callback => callback.Order)];
        Device = device ?? model.parameters().FirstOrDefault()?.device ?? CPU;
        this.forward = forward ?? ForwardOf(model);
        if (Metrics.GroupBy(metric => metric.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"Two metrics are called '{twice.Key}'; give each a name of its own.", nameof(metrics));
        }

        ModelParameters.CheckOptimizer(model, optimizer);
        foreach (var callback in Callbacks)
        {
            callback.Attach(this);
        }
    }

    /// <summary>What is trained.</summary>
    public nn.Module Model { get; }

    /// <summary>The loss of prediction and target, as given; the learner never replaces it.</summary>
    public Loss<Tensor, Tensor, Tensor> Loss { get; }

    /// <summary>The optimizer.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The learning rate scheduler, or null.</summary>
    public LRScheduler? Scheduler { get; }

    /// <summary>When the scheduler steps. Default: after every epoch.</summary>
    /// <exception cref="ArgumentException">
    /// A <c>ReduceLROnPlateau</c> is to step after every batch; it watches the loss of an epoch.
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

    /// <summary>What is measured beside the loss.</summary>
    public IReadOnlyList<Metric> Metrics { get; }

    /// <summary>Where batches are moved.</summary>
    public Device Device { get; }

    /// <summary>Who takes part, in the order in which they are called.</summary>
    public IReadOnlyList<ITrainerCallback> Callbacks { get; }

    /// <summary>The figures of every completed epoch, over all fits.</summary>
    public IReadOnlyList<EpochRecord> History => history;

    /// <summary>What the scheduler was stepped with so far: a plateau's loss, else not a number. A checkpoint replays it.</summary>
    internal List<double> SchedulerSteps { get; } = [];

    /// <summary>
    /// The epoch of the fit that is running here; null outside of one. It reaches sources that stand behind LINQ, where
    /// <see cref="IEpochAware"/> does not.
    /// </summary>
    internal static int? CurrentEpoch => EpochOfFit.Value;

    /// <summary>How many epochs of the last fit are done.</summary>
    internal int CompletedEpochs { get; private set; }

    /// <summary>Trains.</summary>
    /// <param name="train">The training batches, enumerated once for every epoch.</param>
    /// <param name="valid">The validation batches, never mixed, enumerated once for every epoch. Default: none.</param>
    /// <param name="epochs">
    /// The number of epochs, 1 or more. After a checkpoint was loaded it is the total, of which those that the checkpoint completed are
    /// skipped.
    /// </param>
    /// <param name="cancellationToken">Looked at before every batch.</param>
    /// <returns>The figures of the epochs that this call completed.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidOperationException">
    /// The optimizer needs a closure, or an epoch had no training batch, or no validation batch, or a loss was not a scalar.
    /// </exception>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<Batch> train, IEnumerable<Batch>? valid = null, int epochs = 1, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1);
        var firstEpoch = resumed ? CompletedEpochs : 0;
        var state = new TrainingState(this, valid is not null, firstEpoch, epochs, BatchSource.CountOf(train), cancellationToken);
        var before = history.Count;
        var wasTraining = Model.training;
        var outerEpoch = EpochOfFit.Value;
        try
        {
            Bracket(state, Cancellation.Fit, c => c.BeforeFit(state), c => c.AfterFit(state), () =>
            {
                if (Optimizer is TorchSharp.Modules.LBFGS)
                {
                    throw new InvalidOperationException(
                        "LBFGS takes the loss several times a step, by a closure that the learner does not give. " +
                        "Train in a loop of your own, or use another optimizer.");
                }

                (CompletedEpochs, resumed) = (firstEpoch, false);
                using (NewDisposeScope())
                {
                    Optimizer.zero_grad();
                }

                if (valid is not null && firstEpoch < epochs)
                {
                    ThrowIfNone(BatchSource.CountOf(valid), state, training: false); // before an epoch is paid for, if it is known
                }

                for (; state.Epoch < epochs; state.Epoch++)
                {
                    RunEpoch(state, train, valid);
                }
            });
        }
        finally
        {
            EpochOfFit.Value = outerEpoch;
            Model.train(wasTraining);
        }

        return history[before..];
    }

    /// <summary>Trains on pairs of input and target. See the other overload.</summary>
    /// <param name="train">The training batches, enumerated once for every epoch.</param>
    /// <param name="valid">The validation batches, never mixed, enumerated once for every epoch. Default: none.</param>
    /// <param name="epochs">How many epochs, 1 or more.</param>
    /// <param name="cancellationToken">Looked at before every batch.</param>
    /// <returns>The figures of the epochs that this call completed.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<(Tensor Input, Tensor Target)> train,
        IEnumerable<(Tensor Input, Tensor Target)>? valid = null,
        int epochs = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        return Fit(train.AsBatches(), valid?.AsBatches(), epochs, cancellationToken);
    }

    /// <summary>
    /// Trains on batches that were mixed in the loader, by the strategy of the learner's <see cref="MixupCallback"/>. See the other
    /// overload.
    /// </summary>
    /// <param name="train">
    /// The mixed batches, enumerated once for every epoch, such as <c>strategy.Mix(batches).Prefetch(2)</c>. Each is moved to the learner's
    /// device, and disposed when it is done.
    /// </param>
    /// <param name="valid">The validation batches, never mixed, enumerated once for every epoch. Default: none.</param>
    /// <param name="epochs">How many epochs, 1 or more.</param>
    /// <param name="cancellationToken">Looked at before every batch.</param>
    /// <returns>The figures of the epochs that this call completed.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidOperationException">
    /// There is no <see cref="MixupCallback"/>, another strategy mixed a batch, or a batch served before.
    /// </exception>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<MixupStep> train,
        IEnumerable<Batch>? valid = null,
        int epochs = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        return Fit(train.AsBatches(), valid, epochs, cancellationToken);
    }

    /// <summary>The same with pairs of input and target for validation. See the other overload.</summary>
    /// <param name="train">The mixed batches, enumerated once for every epoch.</param>
    /// <param name="valid">The validation batches, never mixed, enumerated once for every epoch.</param>
    /// <param name="epochs">How many epochs, 1 or more.</param>
    /// <param name="cancellationToken">Looked at before every batch.</param>
    /// <returns>The figures of the epochs that this call completed.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IReadOnlyList<EpochRecord> Fit(
        IEnumerable<MixupStep> train,
        IEnumerable<(Tensor Input, Tensor Target)> valid,
        int epochs = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(valid);
        return Fit(train.AsBatches(), valid.AsBatches(), epochs, cancellationToken);
    }

    /// <summary>Puts back what a checkpoint kept.</summary>
    internal void Restore(IEnumerable<EpochRecord> records, int completedEpochs)
    {
        history.Clear();
        history.AddRange(records);
        (CompletedEpochs, resumed) = (completedEpochs, true);
    }

    internal void StepScheduler(double metric)
    {
        SchedulerSteps.Add(metric);
        if (Scheduler is impl.ReduceLROnPlateau)
        {
            Scheduler.step(metric);
        }
        else
        {
            Scheduler?.step();
        }
    }

    private static Func<IReadOnlyList<Tensor>, Tensor> ForwardOf(nn.Module model) => model switch
    {
        nn.Module<Tensor, Tensor> m => inputs => m.call(One(inputs, 1)[0]),
        nn.Module<Tensor, Tensor, Tensor> m => inputs => m.call(One(inputs, 2)[0], inputs[1]),
        nn.Module<Tensor, Tensor, Tensor, Tensor> m => inputs => m.call(One(inputs, 3)[0], inputs[1], inputs[2]),
        _ => throw new ArgumentException($"{model.GetType().Name} is not a module of one to three tensors that gives a tensor; " +
            "tell the learner how to call it by its parameter 'forward'."),
    };

    private static IReadOnlyList<Tensor> One(IReadOnlyList<Tensor> inputs, int expected) => inputs.Count == expected
        ? inputs
        : throw new ArgumentException($"The model takes {expected} tensor(s) but the batch has {inputs.Count}; " +
            "tell the learner how to call it by its parameter 'forward'.");

    private void RunEpoch(TrainingState state, IEnumerable<Batch> train, IEnumerable<Batch>? valid) =>
        Bracket(state, Cancellation.Epoch, c => c.BeforeEpoch(state), c => c.AfterEpoch(state), () =>
        {
            var watch = Stopwatch.StartNew();
            var learningRate = Optimizer.ParamGroups.First().LearningRate;
            state.Record = null;
            using var trainLoss = new RunningMean();
            state.TrainLoss = trainLoss;
            var trainMetrics = RunHalf(state, train, training: true, trainLoss);
            Dictionary<string, double> validMetrics = [];
            double? validLoss = null;
            if (valid is not null)
            {
                using var running = new RunningMean();
                validMetrics = RunHalf(state, valid, training: false, running);
                validLoss = running.Value;
            }

            var record = new EpochRecord(
                state.Epoch, trainLoss.Value, validLoss, trainMetrics, validMetrics, learningRate, watch.Elapsed.TotalSeconds);
            if (Scheduler is not null && SchedulerInterval == SchedulerInterval.Epoch)
            {
                StepScheduler(Scheduler is impl.ReduceLROnPlateau ? validLoss ?? record.TrainLoss : double.NaN);
            }

            state.Record = record;
            history.Add(record);
            CompletedEpochs = state.Epoch + 1;
        });

    private Dictionary<string, double> RunHalf(TrainingState state, IEnumerable<Batch> batches, bool training, RunningMean loss)
    {
        var means = Metrics.ToDictionary(metric => metric.Name, _ => new RunningMean());
        try
        {
            Bracket(
                state,
                Cancellation.None,
                c => (training ? (Action<TrainingState>)c.BeforeTrain : c.BeforeValidate)(state),
                c => (training ? (Action<TrainingState>)c.AfterTrain : c.AfterValidate)(state),
                () =>
                {
                    Model.train(training);
                    state.IsTraining = training;
                    state.BatchIndex = 0;
                    BatchSource.SetEpoch(batches, state.Epoch);
                    EpochOfFit.Value = state.Epoch;
                    using var enumerator = batches.GetEnumerator();
                    while (RunBatch(state, enumerator, loss, means))
                    {
                        state.BatchIndex++;
                    }

                    ThrowIfNone(state.BatchIndex, state, training);
                    state.BatchCount = training ? state.BatchIndex : state.BatchCount;
                });
            return means.ToDictionary(pair => pair.Key, pair => pair.Value.Value);
        }
        finally
        {
            state.IsTraining = false;
            foreach (var mean in means.Values)
            {
                mean.Dispose();
            }
        }
    }

    /// <summary>Without a batch the figures of an epoch are not numbers, and whoever watches them is misled.</summary>
    private static void ThrowIfNone(int? batches, TrainingState state, bool training)
    {
        if (batches == 0)
        {
            throw new InvalidOperationException(
                $"There was no {(training ? "training" : "validation")} batch in epoch {state.Epoch + 1}. "
                + "A source that can be enumerated only once is empty in the second epoch: give one that starts anew for every epoch.");
        }
    }

    /// <summary>Fetches and runs one batch, in a dispose scope of its own; false where there is none left.</summary>
    private bool RunBatch(TrainingState state, IEnumerator<Batch> batches, RunningMean loss, Dictionary<string, RunningMean> metrics)
    {
        state.CancellationToken.ThrowIfCancellationRequested();
        using var scope = NewDisposeScope();
        if (!batches.MoveNext())
        {
            return false;
        }

        try
        {
            using var batch = batches.Current;
            Load(state, batch);
            state.LossFunction = Loss.call;
            (state.LossReduction, state.JudgedRows) = (Loss.reduction, null);
            state.MetricFunction = metric => metric(state.Prediction, state.Target);
            state.JudgesOtherwise = false;
            Bracket(state, Cancellation.Batch, c => c.BeforeBatch(state), c => c.AfterBatch(state), () =>
            {
                ThrowIfMixed(state);
                using var grad = set_grad_enabled(state.IsTraining);
                Judge(state, loss, metrics);
                if (state.IsTraining)
                {
                    Learn(state);
                }
            });
        }
        finally
        {
            state.ClearBatch();
        }

        return true;
    }

    /// <summary>
    /// Brings a batch to the device. One that was mixed in the loader must not be mixed again, nor be judged as a plain one.
    /// </summary>
    private void Load(TrainingState state, Batch batch)
    {
        state.Mixed = batch.Step;
        if (batch.Step is not { } step)
        {
            state.Inputs = [.. batch.Inputs.Select(input => input.to(Device, non_blocking: true))];
            state.Target = batch.Target.to(Device, non_blocking: true);
            return;
        }

        if (step.IsDisposed)
        {
            throw new InvalidOperationException(
                "The mixed batch is disposed: a batch that was mixed in the loader serves once. " +
                "Give a source that mixes anew in every epoch, such as strategy.Mix(batches).");
        }

        step.MoveTo(Device);
        (state.Inputs, state.Target) = (step.Inputs, step.Target.Unmixed);
    }

    private static void ThrowIfMixed(TrainingState state)
    {
        if (state.Mixed is not null)
        {
            throw new InvalidOperationException(state.IsTraining
                ? "The batch was mixed in the loader, but no callback judges it so. " +
                    "Register a MixupCallback with the strategy that mixed it."
                : "A validation batch was mixed in the loader, but validation is never mixed. Give plain batches.");
        }
    }

    private void Judge(TrainingState state, RunningMean loss, Dictionary<string, RunningMean> metrics)
    {
        state.Prediction = forward(state.Inputs);
        Raise(state, c => c.AfterPrediction(state));
        state.Loss = state.LossFunction(state.Prediction, state.Target);
        Raise(state, c => c.AfterLoss(state));
        if (state.Loss.numel() != 1)
        {
            throw new InvalidOperationException($"The loss has shape [{string.Join(", ", state.Loss.shape)}], but training needs a " +
                "scalar. Build it with Reduction.Mean or Reduction.Sum.");
        }

        var samples = state.Target.shape[0];
        if (state.LossReduction == nn.Reduction.Sum)
        {
            loss.AddSum(state.Loss, state.JudgedRows ?? samples);
        }
        else
        {
            loss.Add(state.Loss, samples);
        }

        using var noGrad = no_grad();
        foreach (var metric in Metrics)
        {
            metric.AddTo(metrics[metric.Name], state, samples);
        }
    }

    private void Learn(TrainingState state)
    {
        Raise(state, c => c.BeforeBackward(state));
        state.Loss.backward();
        Raise(state, c => c.AfterBackward(state));
        Raise(state, c => c.BeforeStep(state));
        Optimizer.step();
        Raise(state, c => c.AfterStep(state));
        Optimizer.zero_grad();
        if (Scheduler is not null && SchedulerInterval == SchedulerInterval.Batch)
        {
            StepScheduler(double.NaN);
        }
    }

    /// <summary>Runs something between two events. The second comes in any case, to every callback; the first exception wins.</summary>
    private void Bracket(
        TrainingState state, Cancellation level, Action<ITrainerCallback> before, Action<ITrainerCallback> after, Action body)
    {
        ExceptionDispatchInfo? thrown = null;
        try
        {
            Raise(state, before);
            body();
        }
        catch (Exception e)
        {
            thrown = ExceptionDispatchInfo.Capture(e);
        }

        foreach (var callback in Callbacks)
        {
            try
            {
                after(callback);
            }
            catch (Exception e)
            {
                thrown = thrown is null or { SourceException: CancelledException } ? ExceptionDispatchInfo.Capture(e) : thrown;
            }
        }

        if (thrown is { SourceException: not CancelledException })
        {
            thrown.Throw();
        }

        if (state.Cancelled == level)
        {
            state.Cancelled = Cancellation.None;
        }

        ThrowIfCancelled(state);
    }

    private void Raise(TrainingState state, Action<ITrainerCallback> raise)
    {
        foreach (var callback in Callbacks)
        {
            raise(callback);
        }

        ThrowIfCancelled(state);
    }

    private static void ThrowIfCancelled(TrainingState state)
    {
        if (state.Cancelled != Cancellation.None)
        {
            throw new CancelledException();
        }
    }

    /// <summary>Unwinds the loop to the bracket that was asked to end; never leaves the learner.</summary>
    private sealed class CancelledException : Exception;
}
