using System.Diagnostics;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>The epochs of one fit, or one pass of an evaluation or prediction.</summary>
internal sealed class TrainingLoop
{
    private readonly Learner learner;
    private readonly LearnerState state;
    private readonly Events events;
    private readonly bool isSearch;
    private readonly RankedTraining? ranks; // null in one process

    /// <summary>Prepares a loop.</summary>
    /// <param name="learner">The learner.</param>
    /// <param name="state">The state that callbacks get.</param>
    /// <param name="searching">
    /// The callbacks of a search, which has no metrics, no scheduler and no history. Default null: the learner's own, of a fit.
    /// </param>
    /// <param name="alone">Whether this process works without the others, as in an evaluation or a prediction.</param>
    public TrainingLoop(
        Learner learner, LearnerState state, IReadOnlyList<LearnerCallback>? searching = null, bool alone = false)
    {
        (this.learner, this.state, isSearch) = (learner, state, searching is not null);
        state.Ranks = ranks = !alone && learner.Ranks is { } communicator ? new RankedTraining(communicator, state) : null;
        var callbacks = searching ?? learner.Callbacks;
        var runsAll = learner.Ranks is not { IsFirst: false };
        events = new Events([.. callbacks.Where(callback => runsAll || !callback.RunsOnFirstRankAlone)], state, ranks);
    }

    /// <summary>Runs a fit.</summary>
    /// <param name="begin">Runs once before the first epoch, after <see cref="LearnerCallback.BeforeFit"/>.</param>
    /// <param name="train">The training batches.</param>
    /// <param name="validation">The validation batches, or null.</param>
    public void Fit(Action begin, IEnumerable<Batch> train, IEnumerable<Batch>? validation)
    {
        state.Sources = validation is null ? [train] : [train, validation];
        if (ranks is null)
        {
            Run(begin, train, validation);
        }
        else
        {
            ranks.Run(() =>
            {
                Run(begin, train, validation);
                ranks.EndFit();
            });
        }
    }

    private void Run(Action begin, IEnumerable<Batch> train, IEnumerable<Batch>? validation) =>
        events.Around(StopLevel.Fit, c => c.BeforeFit(state), c => c.AfterFit(state), () =>
        {
            if (learner.Optimizer is TorchSharp.Modules.LBFGS)
            {
                throw new InvalidOperationException(
                    "LBFGS computes the loss several times a step, by a closure that the learner does not give. " +
                    "Train in a loop of your own, or use another optimizer.");
            }

            begin();
            learner.IsFitting = true;
            ZeroGradients();
            if (validation is not null && state.Epoch < state.Epochs)
            {
                ThrowIfNone(BatchSource.CountOf(validation), training: false); // before an epoch is spent, if the source can tell
            }

            for (; state.Epoch < state.Epochs; state.Epoch++)
            {
                ranks?.BeginEpoch();
                RunEpoch(train, validation);
            }
        });

    /// <summary>Passes batches through the model in validation mode and judges them.</summary>
    public EvaluationResult Evaluate(IEnumerable<Batch> batches)
    {
        using var loss = new RunningMean();
        var metrics = RunHalf(batches, training: false, loss);
        return new EvaluationResult(loss.Value, metrics);
    }

    /// <summary>Passes batches through the model in validation mode, and gives each prediction away.</summary>
    /// <param name="batches">The batches. Their targets may be null.</param>
    /// <param name="take">Takes a prediction, within the dispose scope of its batch.</param>
    public void Predict(IEnumerable<Batch> batches, Action<Tensor> take) =>
        RunBatches(batches, training: false, () =>
        {
            state.Prediction = learner.Forward(state.Inputs);
            events.Raise(c => c.AfterPrediction(state));
            take(state.Prediction);
        });

    private void RunEpoch(IEnumerable<Batch> train, IEnumerable<Batch>? validation) =>
        events.Around(StopLevel.Epoch, c => c.BeforeEpoch(state), c => c.AfterEpoch(state), () =>
        {
            var watch = Stopwatch.StartNew();
            var learningRate = learner.Optimizer.ParamGroups.First().LearningRate;
            state.Record = null;
            using var trainLoss = new RunningMean();
            state.TrainLoss = trainLoss;
            state.OptimizerStep = StepOptimizer;
            Dictionary<string, double> trainMetrics;
            try
            {
                trainMetrics = RunHalf(train, training: true, trainLoss);
                ranks?.ShareBuffers();
            }
            finally
            {
                state.OptimizerStep = null;
                if (state.IsStopping)
                {
                    ZeroGradients(); // of a batch that was stopped before its step: the next epoch must not add to them
                }
            }

            if (isSearch)
            {
                return;
            }

            // Ranks agree on what follows, so that they decide alike.
            var evaluated = validation is null ? null : Evaluate(validation);
            var record = new EpochRecord(
                state.Epoch, trainLoss.Value, evaluated?.Loss, trainMetrics, evaluated?.Metrics ?? new Dictionary<string, double>(),
                learningRate, watch.Elapsed);
            ranks?.EndEpoch();
            if (learner.SchedulerInterval == SchedulerInterval.Epoch)
            {
                learner.StepScheduler(record.ValidationLoss ?? record.TrainLoss);
            }

            state.Record = record;
            learner.Complete(record);
        });

    private Dictionary<string, double> RunHalf(IEnumerable<Batch> batches, bool training, RunningMean loss)
    {
        var totals = new Dictionary<string, IMetricTotal>();
        try
        {
            foreach (var metric in isSearch ? [] : learner.Metrics)
            {
                if (metric.Begin(training) is { } total)
                {
                    totals.Add(metric.Name, total);
                }
            }

            RunBatches(batches, training, () =>
            {
                Judge(loss, totals.Values);
                if (training)
                {
                    Learn();
                }
            });
            ranks?.Combine(loss, totals.Values);
            return totals.ToDictionary(pair => pair.Key, pair => pair.Value.Value);
        }
        finally
        {
            foreach (var total in totals.Values)
            {
                total.Dispose();
            }
        }
    }

    private void RunBatches(IEnumerable<Batch> batches, bool training, Action body)
    {
        try
        {
            learner.Model.train(training); // before the event, so that a callback can set the mode of a part
            events.Around(
                StopLevel.None,
                c => (training ? (Action<LearnerState>)c.BeforeTrain : c.BeforeValidate)(state),
                c => (training ? (Action<LearnerState>)c.AfterTrain : c.AfterValidate)(state),
                () =>
                {
                    state.IsTraining = training;
                    state.BatchIndex = 0;
                    BatchSource.SetEpoch(batches, state.Epoch);
                    ranks?.Begin(batches);
                    EpochOfFit.Current = state.Epoch;
                    using var enumerator = batches.GetEnumerator();
                    while (RunBatch(enumerator, body))
                    {
                        state.BatchIndex++;
                    }

                    ThrowIfNone(state.BatchIndex, training);
                    state.BatchCount = training ? state.BatchIndex : state.BatchCount;
                });
        }
        finally
        {
            state.IsTraining = false;
            ranks?.End();
        }
    }

    /// <summary>Fetches and runs one batch in a dispose scope of its own. Returns false after the last one.</summary>
    private bool RunBatch(IEnumerator<Batch> batches, Action body)
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
            Load(batch);
            state.LossFunction = PlainLoss;
            state.LossReduction = learner.Loss.reduction;
            state.MetricFunction = values => values(state.Prediction, state.Target);
            state.JudgesOtherwise = false;
            events.Around(StopLevel.Batch, c => c.BeforeBatch(state), c => c.AfterBatch(state), () =>
            {
                ThrowIfMixed();
                using var grad = set_grad_enabled(state.IsTraining);
                body();
            });
        }
        finally
        {
            state.ClearBatch();
        }

        return true;
    }

    /// <summary>
    /// Moves a batch to the device. A batch that was mixed in the loader must neither be mixed again nor be judged as a plain one.
    /// </summary>
    private void Load(Batch batch)
    {
        state.Mixed = batch.Step;
        if (batch.Step is not { } step)
        {
            var (inputs, target) = ranks?.Share(batch) ?? (batch.Inputs, batch.Target);
            state.Inputs = [.. inputs.Select(input => input.to(learner.Device, non_blocking: true))];
            state.Target = target?.to(learner.Device, non_blocking: true)!; // a prediction needs none
            return;
        }

        ranks?.Share(batch);

        if (step.IsDisposed)
        {
            throw new InvalidOperationException(
                "The mixed batch is disposed. A batch that was mixed in the loader can be used once: " +
                "give a source that mixes anew in every epoch, such as strategy.Mix(batches).");
        }

        step.MoveTo(learner.Device);
        (state.Inputs, state.Target) = (step.Inputs, step.Target.Unmixed);
    }

    private void ThrowIfMixed()
    {
        if (state.Mixed is not null)
        {
            throw new InvalidOperationException(state.IsTraining
                ? "The batch was mixed in the loader, but no callback computes its mixed loss. " +
                    "Register a MixupCallback with the strategy that mixed it."
                : "A validation batch was mixed in the loader, but validation is never mixed. Give plain batches.");
        }
    }

    private void Judge(RunningMean loss, IEnumerable<IMetricTotal> metrics)
    {
        state.Prediction = learner.Forward(state.Inputs);
        events.Raise(c => c.AfterPrediction(state));
        if (!state.JudgesOtherwise && learner.Loss.GetType().Assembly == typeof(torch).Assembly)
        {
            Shapes.ThrowIfBroadcast(learner.Loss.GetType().Name, state.Prediction, state.Target);
        }

        state.BatchLoss = state.LossFunction(state.Prediction, state.Target);
        events.Raise(c => c.AfterLoss(state));
        if (state.BatchLoss.numel() != 1)
        {
            throw new InvalidOperationException(
                $"The loss has shape {Shapes.Text(state.BatchLoss)}, but training needs a scalar. " +
                "Build it with Reduction.Mean or Reduction.Sum, or give a FunctionLoss.");
        }

        var samples = state.Target.dim() > 0
            ? state.Target.shape[0]
            : throw new ArgumentException("The target has no dimension; expected [B, ...]. Give a target for each sample of the batch.");
        if (samples == 0)
        {
            throw new ArgumentException(
                "The batch has no sample, so it has no mean loss. Leave batches without samples out of the source.");
        }

        ranks?.MeetOnLoss();
        if (state.LossReduction != nn.Reduction.Sum)
        {
            loss.AddMean(state.BatchLoss, state.LossWeights[0]); // of two means, of clean and of mixed rows, by the clean ones
        }
        else
        {
            loss.AddWeighted(ranks?.PartOf(state.BatchLoss) ?? state.BatchLoss, state.LossWeights[0]);
        }

        using var noGrad = no_grad();
        foreach (var metric in metrics)
        {
            if (ranks is { IsPadding: true })
            {
                metric.Skip();
            }
            else
            {
                metric.Add(state.Prediction, state.Target, state.MetricFunction, samples);
            }
        }
    }

    private Tensor PlainLoss(Tensor prediction, Tensor target)
    {
        var loss = learner.Loss.call(prediction, target);
        state.LossWeights = [learner.Weighing.WeightOf(prediction, target)];
        return ranks?.ScaleIfSum(loss) ?? loss;
    }

    private void Learn()
    {
        events.Raise(c => c.BeforeBackward(state));
        ranks?.MeetOnBackward();
        if (ranks is not { HasNoLoss: true } || state.BatchLoss.requires_grad)
        {
            state.BatchLoss.backward();
        }

        events.Raise(c => c.AfterBackward(state));
        StepOptimizer();
    }

    private void StepOptimizer()
    {
        if (state.Running == StopLevel.Batch)
        {
            Step();
            return;
        }

        // After the last batch of an epoch, StopBatch skips the step alone.
        events.Around(StopLevel.Batch, _ => { }, _ => { }, Step);
    }

    private void Step()
    {
        using var scope = NewDisposeScope();
        ranks?.AverageGradients();
        events.Raise(c => c.BeforeStep(state));
        ranks?.MeetOnStep();
        learner.Optimizer.step();
        try
        {
            events.Raise(c => c.AfterStep(state));
        }
        finally
        {
            // The step was taken, whatever a callback stops now.
            learner.Optimizer.zero_grad();
            if (!isSearch && learner.SchedulerInterval == SchedulerInterval.Batch)
            {
                learner.StepScheduler(double.NaN);
            }
        }
    }

    private void ZeroGradients()
    {
        using var scope = NewDisposeScope();
        learner.Optimizer.zero_grad();
    }

    /// <summary>Refuses an epoch without a batch, whose figures would not be numbers.</summary>
    private void ThrowIfNone(int? batches, bool training)
    {
        if (batches == 0)
        {
            var batch = state.Epochs == 0 ? "batch"
                : $"{(training ? "training" : "validation")} batch in epoch {state.Epoch + 1}";
            throw new InvalidOperationException(
                $"There was no {batch}. A source that can be enumerated only once is empty the second time. Give one that starts anew.");
        }
    }
}
