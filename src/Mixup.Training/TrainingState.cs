using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Where the loop is, and what it works on. Callbacks read it, and may replace what has a setter.</summary>
public sealed class TrainingState
{
    internal TrainingState(
        Learner learner, bool validates, int firstEpoch, int epochs, int? batchCount, CancellationToken cancellationToken)
    {
        Learner = learner;
        Validates = validates;
        Epoch = firstEpoch;
        Epochs = epochs;
        BatchCount = batchCount;
        CancellationToken = cancellationToken;
    }

    /// <summary>Whose loop this is.</summary>
    public Learner Learner { get; }

    /// <summary>The epoch, from 0.</summary>
    public int Epoch { get; internal set; }

    /// <summary>The number of epochs that this fit goes to.</summary>
    public int Epochs { get; }

    /// <summary>The batch within the training or validation half of the epoch, from 0.</summary>
    public int BatchIndex { get; internal set; }

    /// <summary>
    /// The number of training batches in an epoch. Null until the first epoch has counted them, where the source cannot tell.
    /// </summary>
    public int? BatchCount { get; internal set; }

    /// <summary>Whether this is training; otherwise it is validation, or between the two.</summary>
    public bool IsTraining { get; internal set; }

    /// <summary>What the model is called with. A new set for every batch.</summary>
    public IReadOnlyList<Tensor> Inputs { get; set; } = [];

    /// <summary>The target of the batch.</summary>
    /// <exception cref="InvalidOperationException">Read outside a batch.</exception>
    public Tensor Target
    {
        get => field ?? throw Missing(nameof(Target), nameof(ITrainerCallback.BeforeBatch));
        set;
    }

    /// <summary>What the model gave.</summary>
    /// <exception cref="InvalidOperationException">Read before the model has run.</exception>
    public Tensor Prediction
    {
        get => field ?? throw Missing(nameof(Prediction), nameof(ITrainerCallback.AfterPrediction));
        set;
    }

    /// <summary>The loss of the batch: a scalar.</summary>
    /// <exception cref="InvalidOperationException">Read before the loss was taken.</exception>
    public Tensor Loss
    {
        get => field ?? throw Missing(nameof(Loss), nameof(ITrainerCallback.AfterLoss));
        set;
    }

    /// <summary>
    /// How this batch's prediction and target become its loss. The learner's own loss at the start of every batch, so that whatever a
    /// callback puts here ends with the batch.
    /// </summary>
    public Func<Tensor, Tensor, Tensor> LossFunction
    {
        get;
        set => (field, JudgesOtherwise) = (value, true);
    } = (_, _) => throw Missing(nameof(LossFunction), nameof(ITrainerCallback.BeforeBatch));

    /// <summary>
    /// How a metric, a function of prediction and target that does not reduce, judges this batch's prediction. Against the target at the
    /// start of every batch.
    /// </summary>
    public Func<Func<Tensor, Tensor, Tensor>, Tensor> MetricFunction
    {
        get;
        set => (field, JudgesOtherwise) = (value, true);
    } = _ => throw Missing(nameof(MetricFunction), nameof(ITrainerCallback.BeforeBatch));

    /// <summary>The figures of the epoch: there from <see cref="ITrainerCallback.AfterEpoch"/> on, if the epoch was completed.</summary>
    public EpochRecord? Record { get; internal set; }

    /// <summary>The caller's token. The loop looks at it before every batch.</summary>
    public CancellationToken CancellationToken { get; }

    /// <summary>Whether there is a validation set.</summary>
    internal bool Validates { get; }

    /// <summary>The running loss, disposed of with the epoch.</summary>
    internal RunningMean? TrainLoss { get; set; }

    /// <summary>
    /// How <see cref="LossFunction"/> reduces, since the loss of an epoch is a mean over samples. As the learner's loss at the start of
    /// every batch.
    /// </summary>
    internal nn.Reduction LossReduction { get; set; }

    /// <summary>The step of a batch that was mixed in the loader, until a callback takes it to judge the batch by it.</summary>
    internal MixupStep? Mixed { get; set; }

    /// <summary>Whether a callback replaced what judges this batch.</summary>
    internal bool JudgesOtherwise { get; set; }

    /// <summary>
    /// The number of rows that a loss which sums was taken over. Null at the start of every batch: the rows of the target.
    /// </summary>
    internal long? JudgedRows { get; set; }

    /// <summary>What was asked to be cancelled.</summary>
    internal Cancellation Cancelled { get; set; }

    /// <summary>The mean training loss of the epoch so far. Waits for the device.</summary>
    /// <returns>The mean; not a number before the first batch.</returns>
    public double TrainLossSoFar() => TrainLoss?.Value ?? double.NaN;

    /// <summary>Ends this batch once the callbacks of this event have run.</summary>
    public void CancelBatch() => Cancel(Cancellation.Batch);

    /// <summary>Ends this epoch once the callbacks of this event have run. It gets no record.</summary>
    public void CancelEpoch() => Cancel(Cancellation.Epoch);

    /// <summary>Ends training once the callbacks of this event have run.</summary>
    public void CancelFit() => Cancel(Cancellation.Fit);

    /// <summary>Forgets the batch: its tensors go with its scope.</summary>
    internal void ClearBatch()
    {
        (Inputs, Mixed) = ([], null);
        (Target, Prediction, Loss) = (null!, null!, null!);
        LossFunction = (_, _) => throw Missing(nameof(LossFunction), nameof(ITrainerCallback.BeforeBatch));
        MetricFunction = _ => throw Missing(nameof(MetricFunction), nameof(ITrainerCallback.BeforeBatch));
    }

    private static InvalidOperationException Missing(string what, string since) =>
        new($"{what} is there from {since} to the end of the batch.");

    private void Cancel(Cancellation level) => Cancelled = (Cancellation)Math.Max((int)Cancelled, (int)level);
}

/// <summary>How much of the loop is to end; a larger one includes the smaller.</summary>
internal enum Cancellation
{
    None,
    Batch,
    Epoch,
    Fit,
}

/// <summary>The figures of one epoch.</summary>
/// <param name="Epoch">The epoch, from 0.</param>
/// <param name="TrainLoss">Mean loss over the training samples, of mixed batches where they were mixed.</param>
/// <param name="ValidLoss">Mean loss over the validation samples, never mixed; null without validation.</param>
/// <param name="TrainMetrics">
/// Each metric over the training samples; under mixing it is judged as the loss is, see <see cref="MixupLoss.Evaluate"/>.
/// </param>
/// <param name="ValidMetrics">Each metric over the validation samples; empty without validation.</param>
/// <param name="LearningRate">Of the first parameter group, as the epoch began.</param>
/// <param name="Seconds">How long the epoch took.</param>
public sealed record EpochRecord(
    int Epoch,
    double TrainLoss,
    double? ValidLoss,
    IReadOnlyDictionary<string, double> TrainMetrics,
    IReadOnlyDictionary<string, double> ValidMetrics,
    double LearningRate,
    double Seconds)
{
    /// <summary>A figure by name: <c>train_loss</c>, <c>valid_loss</c>, or a metric's name after <c>train_</c> or <c>valid_</c>.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The figure.</returns>
    /// <exception cref="ArgumentException">There is no such figure; the error lists those that there are.</exception>
    public double this[string name] => Figures.TryGetValue(name, out var value)
        ? value
        : throw new ArgumentException(
            $"There is no figure '{name}'; there are {string.Join(", ", Figures.Keys)}. Figures of validation need a validation set.");

    /// <summary>All losses and metrics by name.</summary>
    public IReadOnlyDictionary<string, double> Figures
    {
        get
        {
            var all = new Dictionary<string, double> { ["train_loss"] = TrainLoss };
            if (ValidLoss is { } valid)
            {
                all["valid_loss"] = valid;
            }

            foreach (var (prefix, metrics) in new[] { ("train_", TrainMetrics), ("valid_", ValidMetrics) })
            {
                foreach (var (name, value) in metrics)
                {
                    all[prefix + name] = value;
                }
            }

            return all;
        }
    }
}
