using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// The position of the loop and the batch that it works on. Callbacks read it, and replace the members that have a setter.
/// </summary>
public sealed class LearnerState
{
    private IReadOnlyList<Tensor>? lossWeights;

    internal LearnerState(
        Learner learner, bool validates, int firstEpoch, int epochs, int? batchCount, CancellationToken cancellationToken)
    {
        Learner = learner;
        Validates = validates;
        Epoch = FirstEpoch = firstEpoch;
        Epochs = epochs;
        BatchCount = batchCount;
        CancellationToken = cancellationToken;
    }

    /// <summary>Gets the learner.</summary>
    public Learner Learner { get; }

    /// <summary>Gets the epoch of this fit, from 0.</summary>
    public int Epoch { get; internal set; }

    /// <summary>Gets the first epoch that this fit runs: 0, or the number of epochs that a loaded checkpoint had completed.</summary>
    public int FirstEpoch { get; }

    /// <summary>Gets the number of epochs of this fit, those before <see cref="FirstEpoch"/> included.</summary>
    public int Epochs { get; }

    /// <summary>Gets the number of the batch within the training or validation half of the epoch, from 0.</summary>
    public int BatchIndex { get; internal set; }

    /// <summary>
    /// Gets the number of training batches in an epoch. It is null until the first epoch has counted them if the source cannot tell.
    /// </summary>
    public int? BatchCount { get; internal set; }

    /// <summary>Gets whether the batch trains the model. It is false in validation and between the halves of an epoch.</summary>
    public bool IsTraining { get; internal set; }

    /// <summary>Gets or sets the tensors that the model is called with. Every batch has a new list.</summary>
    public IReadOnlyList<Tensor> Inputs { get; set; } = [];

    /// <summary>Gets or sets the target of the batch.</summary>
    /// <exception cref="InvalidOperationException">It is read outside of a batch, or in a prediction without targets.</exception>
    public Tensor Target
    {
        get => field ?? throw Missing(nameof(Target), nameof(LearnerCallback.BeforeBatch));
        set;
    }

    /// <summary>Gets or sets the output of the model.</summary>
    /// <exception cref="InvalidOperationException">It is read before the forward pass.</exception>
    public Tensor Prediction
    {
        get => field ?? throw Missing(nameof(Prediction), nameof(LearnerCallback.AfterPrediction));
        set;
    }

    /// <summary>Gets or sets the loss of the batch, a scalar.</summary>
    /// <exception cref="InvalidOperationException">It is read before the loss was computed.</exception>
    public Tensor BatchLoss
    {
        get => field ?? throw Missing(nameof(BatchLoss), nameof(LearnerCallback.AfterLoss));
        set;
    }

    /// <summary>
    /// Gets or sets the function that computes the loss of this batch from prediction and target. Every batch starts with the learner's own
    /// loss. In the loss of an epoch, a function that calls the one before is weighted as that one is, with class weights and without
    /// ignored class ids; any other is weighted by the number of samples.
    /// </summary>
    public Func<Tensor, Tensor, Tensor> LossFunction
    {
        get;
        set => (field, JudgesOtherwise) = (value, true);
    } = (_, _) => throw Missing(nameof(LossFunction), nameof(LearnerCallback.BeforeBatch));

    /// <summary>
    /// Gets or sets the weight of the loss of this batch among others: a float64 scalar, 0 or more. It is what the mean of the loss divides
    /// by, see <see cref="MixupLoss.WeightOf(Tensor, MixedTarget)"/>. The loss of an epoch, accumulated gradients and data-parallel
    /// training use it. Set it in <see cref="LearnerCallback.AfterLoss"/> if a loss of your own divides by something else than its number
    /// of rows, such as the sum of a mask. The state owns the tensor.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// It is read before the loss was computed; or the loss has two means, which divide by different numbers.
    /// </exception>
    public Tensor LossWeight
    {
        get => MixupLoss.SingleWeight(LossWeights, Prediction.dtype);
        set => LossWeights = [value ?? throw new ArgumentNullException(nameof(value))];
    }

    /// <summary>
    /// Gets or sets the function that evaluates a metric on this batch. Every batch starts with one that compares the prediction with the
    /// target.
    /// </summary>
    public MetricEvaluator MetricFunction
    {
        get;
        set => (field, JudgesOtherwise) = (value, true);
    } = _ => throw Missing(nameof(MetricFunction), nameof(LearnerCallback.BeforeBatch));

    /// <summary>
    /// Gets the figures of the epoch, from <see cref="LearnerCallback.AfterEpoch"/> on. It is null if the epoch did not end.
    /// </summary>
    public EpochRecord? Record { get; internal set; }

    /// <summary>Gets the exception that ended the fit, from the first <c>After</c> event on. A stop by a callback is none.</summary>
    public Exception? Exception { get; internal set; }

    /// <summary>Gets the caller's token. The loop checks it before every batch.</summary>
    public CancellationToken CancellationToken { get; }

    /// <summary>The other processes; null in one.</summary>
    internal RankedTraining? Ranks { get; set; }

    /// <summary>The training batches, and those of validation if there are any.</summary>
    internal IReadOnlyList<object> Sources { get; set; } = [];

    /// <summary>Whether there are validation batches.</summary>
    internal bool Validates { get; }

    /// <summary>The running loss of the training half. The epoch disposes it.</summary>
    internal RunningMean? TrainLoss { get; set; }

    /// <summary>
    /// How <see cref="LossFunction"/> reduces, since the loss of an epoch is a mean over samples. Every batch starts with the reduction of
    /// the learner's loss.
    /// </summary>
    internal nn.Reduction LossReduction { get; set; }

    /// <summary>The step of a batch that was mixed in the loader, until a callback takes it.</summary>
    internal MixupStep? Mixed { get; set; }

    /// <summary>Whether a callback replaced a function that judges this batch.</summary>
    internal bool JudgesOtherwise { get; set; }

    /// <summary>
    /// The weight of each mean that the loss of this batch is made of, float64 scalars: what it divides by, or the number of rows of a sum.
    /// There are two for clean rows beside mixed ones. Whoever computes the loss sets them; by default it is the number of rows of the
    /// target. The state owns the tensors.
    /// </summary>
    internal IReadOnlyList<Tensor> LossWeights
    {
        get => lossWeights ??= [Scalars.Full([], Target.shape[0], ScalarType.Float64, BatchLoss.device).DetachFromDisposeScope()];
        set
        {
            var before = lossWeights;
            lossWeights = [.. value.Select(weight => weight.DetachFromDisposeScope())];
            DisposeWeights(before, but: lossWeights);
        }
    }

    /// <summary>
    /// The loss as mixing computed it, and a function that computes it with each of its means scaled. Null without mixing.
    /// </summary>
    internal (Tensor Loss, Func<IReadOnlyList<Tensor>, Tensor> Scaled)? MixedLoss { get; set; }

    /// <summary>How much of the loop was asked to stop.</summary>
    internal StopLevel Stopping { get; set; }

    /// <summary>The smallest part of the loop that runs. An evaluation by itself counts as an epoch.</summary>
    internal StopLevel Running { get; set; } = StopLevel.Epoch;

    /// <summary>Whether a callback asked to stop the batch, the epoch or the fit.</summary>
    internal bool IsStopping => Stopping != StopLevel.None;

    /// <summary>Takes an optimizer step. The loop sets it while it trains.</summary>
    internal Action? OptimizerStep { get; set; }

    /// <summary>Computes the mean training loss of the epoch so far. This waits for the device.</summary>
    /// <returns>The mean; not a number before the first batch.</returns>
    public double TrainLossSoFar() => TrainLoss?.Value ?? double.NaN;

    /// <summary>
    /// Stops this batch after all callbacks of the current event have run. Before the optimizer steps, this skips the step and keeps the
    /// gradients.
    /// </summary>
    /// <exception cref="InvalidOperationException">No batch is running.</exception>
    public void StopBatch() => Stop(StopLevel.Batch);

    /// <summary>
    /// Stops this epoch after all callbacks of the current event have run. The epoch gets no record, and gradients that no step has used
    /// are dropped.
    /// </summary>
    /// <exception cref="InvalidOperationException">No epoch is running.</exception>
    public void StopEpoch() => Stop(StopLevel.Epoch);

    /// <summary>Stops the fit after all callbacks of the current event have run.</summary>
    public void StopFit() => Stop(StopLevel.Fit);

    /// <summary>
    /// Steps the optimizer by the gradients so far, as the loop does after a batch: raises <see cref="LearnerCallback.BeforeStep"/>, steps,
    /// raises <see cref="LearnerCallback.AfterStep"/>, sets the gradients to zero, and steps a scheduler of batches.
    /// </summary>
    /// <exception cref="InvalidOperationException">No epoch is being trained.</exception>
    public void StepOptimizer() => (OptimizerStep ?? throw new InvalidOperationException(
        "There is no optimizer step outside of training. Call StepOptimizer between BeforeTrain and AfterTrain of an epoch."))();

    /// <summary>Forgets the batch. Its dispose scope frees the tensors.</summary>
    internal void ClearBatch()
    {
        (Inputs, Mixed, MixedLoss) = ([], null, null);
        DisposeWeights(lossWeights, but: []);
        lossWeights = null;
        (Target, Prediction, BatchLoss) = (null!, null!, null!);
        LossFunction = (_, _) => throw Missing(nameof(LossFunction), nameof(LearnerCallback.BeforeBatch));
        MetricFunction = _ => throw Missing(nameof(MetricFunction), nameof(LearnerCallback.BeforeBatch));
    }

    private static void DisposeWeights(IReadOnlyList<Tensor>? weights, IReadOnlyList<Tensor> but)
    {
        foreach (var weight in weights ?? [])
        {
            if (!but.Contains(weight, ReferenceEqualityComparer.Instance))
            {
                weight.Dispose();
            }
        }
    }

    private static InvalidOperationException Missing(string name, string since) =>
        new($"{name} can be read from {since} to the end of the batch. A prediction without targets has no target and no loss.");

    private void Stop(StopLevel level)
    {
        if (level < Running)
        {
            var part = level == StopLevel.Batch ? "batch" : "epoch";
            throw new InvalidOperationException(
                $"There is no {part} to stop here. Call Stop{level} between Before{level} and After{level}, or stop a larger part.");
        }

        Stopping = (StopLevel)Math.Max((int)Stopping, (int)level);
    }
}

/// <summary>The part of the loop that is to stop. A larger one includes the smaller.</summary>
internal enum StopLevel
{
    None,
    Batch,
    Epoch,
    Fit,
}
