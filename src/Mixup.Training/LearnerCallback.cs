namespace TorchSharp.Mixup.Training;

/// <summary>
/// A part of training that the learner calls at its events. Override the events that you need. Each gets the state of the loop, whose
/// inputs, target, prediction, loss and judging functions can be replaced.
/// </summary>
/// <remarks>
/// The order of events is: <c>BeforeFit</c>; for each epoch <c>BeforeEpoch</c>, <c>BeforeTrain</c>; for each training batch
/// <c>BeforeBatch</c>, <c>AfterPrediction</c>, <c>AfterLoss</c>, <c>BeforeBackward</c>, <c>AfterBackward</c>, <c>BeforeStep</c>,
/// <c>AfterStep</c>, <c>AfterBatch</c>; then <c>AfterTrain</c>, <c>BeforeValidate</c>; for each validation batch <c>BeforeBatch</c>,
/// <c>AfterPrediction</c>, <c>AfterLoss</c>, <c>AfterBatch</c>; then <c>AfterValidate</c>, <c>AfterEpoch</c>; and at the end
/// <c>AfterFit</c>. The <c>After</c> event of a fit, an epoch, a half of an epoch and a batch is raised for every callback even after an
/// exception or a stop.
/// <para>
/// All events are raised on the thread that called the learner. <see cref="Learner.Evaluate(IEnumerable{Batch}, CancellationToken)"/> and
/// <see cref="Learner.Predict(IEnumerable{Batch}, CancellationToken)"/> raise the events of validation, without those of a fit and an
/// epoch.
/// </para>
/// </remarks>
public abstract class LearnerCallback
{
    /// <summary>Creates a callback.</summary>
    /// <param name="order">The default of <see cref="Order"/>.</param>
    protected LearnerCallback(int order = 0) => Order = order;

    /// <summary>
    /// Gets the position among the callbacks. Lower ones are called first at every event, equal ones in the order in which the learner got
    /// them. Default 0; <see cref="MixupCallback"/> has 10, loggers 60, checkpoints 80, the progress bar 100.
    /// </summary>
    public int Order { get; init; }

    /// <summary>
    /// Gets whether a <see cref="LearningRateFinder"/> calls this callback. Default true. Loggers, checkpoints and early stopping return
    /// false, since a search is no training.
    /// </summary>
    public virtual bool TakesPartInSearch => true;

    /// <summary>
    /// Gets whether the events of this callback are raised on rank 0 alone when several processes train, see
    /// <see cref="DataParallelCallback"/>. Default false. Loggers, checkpoints and the progress bar return true, since one of them is
    /// enough.
    /// </summary>
    public virtual bool RunsOnFirstRankAlone => false;

    /// <summary>The processes that this callback makes train together; null for none.</summary>
    internal virtual Communicator? Ranks => null;

    /// <summary>
    /// Receives the learner at the end of its constructor. Throw here to refuse a learner that the callback cannot serve.
    /// </summary>
    /// <param name="learner">The learner. An object initialiser has not yet set its properties.</param>
    public virtual void Attach(Learner learner)
    {
    }

    /// <summary>Runs before a fit.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void BeforeFit(LearnerState state)
    {
    }

    /// <summary>Runs before an epoch.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void BeforeEpoch(LearnerState state)
    {
    }

    /// <summary>Runs before the training half of an epoch.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void BeforeTrain(LearnerState state)
    {
    }

    /// <summary>
    /// Runs before the forward pass of a training or validation batch. Replace its inputs, its target, or the functions that judge it
    /// here. Check <see cref="LearnerState.IsTraining"/> if validation is to be left alone.
    /// </summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void BeforeBatch(LearnerState state)
    {
    }

    /// <summary>Runs after the forward pass.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void AfterPrediction(LearnerState state)
    {
    }

    /// <summary>Runs after the loss was computed. A validation batch ends here.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void AfterLoss(LearnerState state)
    {
    }

    /// <summary>Runs before the backward pass. A loss that is set here changes the gradients, but not the recorded loss.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void BeforeBackward(LearnerState state)
    {
    }

    /// <summary>
    /// Runs after the backward pass. Call <see cref="LearnerState.StopBatch"/> here to skip the optimizer step and keep the gradients.
    /// </summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void AfterBackward(LearnerState state)
    {
    }

    /// <summary>
    /// Runs before the optimizer steps. Clip gradients here, or call <see cref="LearnerState.StopBatch"/> to skip the step. With
    /// <see cref="GradientAccumulation"/> the last step of an epoch comes after its last batch, where the state has no batch.
    /// </summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void BeforeStep(LearnerState state)
    {
    }

    /// <summary>Runs after the optimizer stepped, before the gradients are set to zero.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void AfterStep(LearnerState state)
    {
    }

    /// <summary>Runs after a batch.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void AfterBatch(LearnerState state)
    {
    }

    /// <summary>Runs after the training half of an epoch.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void AfterTrain(LearnerState state)
    {
    }

    /// <summary>Runs before the validation half of an epoch.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void BeforeValidate(LearnerState state)
    {
    }

    /// <summary>Runs after the validation half of an epoch.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void AfterValidate(LearnerState state)
    {
    }

    /// <summary>Runs after an epoch. <see cref="LearnerState.Record"/> has its figures if the epoch was completed.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void AfterEpoch(LearnerState state)
    {
    }

    /// <summary>Runs after a fit. <see cref="LearnerState.Exception"/> tells whether it failed.</summary>
    /// <param name="state">The state of the loop.</param>
    public virtual void AfterFit(LearnerState state)
    {
    }
}
