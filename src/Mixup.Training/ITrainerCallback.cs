namespace TorchSharp.Mixup.Training;

/// <summary>
/// Something that takes part in training. Override the events that are needed, and only those. Each gets the state of the loop, of which
/// input, target, prediction and loss can be replaced. An <c>After...</c> event of fit, epoch, train, validate and batch comes even if
/// something was thrown or cancelled.
/// </summary>
public interface ITrainerCallback
{
    /// <summary>
    /// Where among the callbacks this one is called: lower first, at every event; those of equal order as they were given. Default 0.
    /// </summary>
    int Order => 0;

    /// <summary>
    /// A learner was built with this callback: the place to refuse a learner that the callback cannot serve.
    /// Called once for each learner, at the end of its constructor, in the order of the callbacks.
    /// </summary>
    /// <param name="learner">The learner. Properties that are set by an object initialiser have not been set yet.</param>
    void Attach(Learner learner)
    {
    }

    /// <summary>Training is about to start.</summary>
    /// <param name="state">The state of the loop.</param>
    void BeforeFit(TrainingState state)
    {
    }

    /// <summary>An epoch is about to start.</summary>
    /// <param name="state">The state of the loop.</param>
    void BeforeEpoch(TrainingState state)
    {
    }

    /// <summary>The training half of an epoch is about to start.</summary>
    /// <param name="state">The state of the loop.</param>
    void BeforeTrain(TrainingState state)
    {
    }

    /// <summary>A batch of training or validation is there. The place to replace its inputs, its target, or how it is judged.</summary>
    /// <param name="state">The state of the loop.</param>
    void BeforeBatch(TrainingState state)
    {
    }

    /// <summary>The model has run.</summary>
    /// <param name="state">The state of the loop.</param>
    void AfterPrediction(TrainingState state)
    {
    }

    /// <summary>The loss was taken. In validation a batch ends here.</summary>
    /// <param name="state">The state of the loop.</param>
    void AfterLoss(TrainingState state)
    {
    }

    /// <summary>The backward pass is about to start.</summary>
    /// <param name="state">The state of the loop.</param>
    void BeforeBackward(TrainingState state)
    {
    }

    /// <summary>The gradients are there. Cancelling the batch here keeps them, which accumulates.</summary>
    /// <param name="state">The state of the loop.</param>
    void AfterBackward(TrainingState state)
    {
    }

    /// <summary>The optimizer is about to step: the place to clip gradients.</summary>
    /// <param name="state">The state of the loop.</param>
    void BeforeStep(TrainingState state)
    {
    }

    /// <summary>The optimizer has stepped; gradients are not yet zeroed.</summary>
    /// <param name="state">The state of the loop.</param>
    void AfterStep(TrainingState state)
    {
    }

    /// <summary>A batch is over.</summary>
    /// <param name="state">The state of the loop.</param>
    void AfterBatch(TrainingState state)
    {
    }

    /// <summary>The training half of an epoch is over.</summary>
    /// <param name="state">The state of the loop.</param>
    void AfterTrain(TrainingState state)
    {
    }

    /// <summary>The validation half of an epoch is about to start.</summary>
    /// <param name="state">The state of the loop.</param>
    void BeforeValidate(TrainingState state)
    {
    }

    /// <summary>The validation half of an epoch is over.</summary>
    /// <param name="state">The state of the loop.</param>
    void AfterValidate(TrainingState state)
    {
    }

    /// <summary>An epoch is over. If it was completed, <see cref="TrainingState.Record"/> has its figures.</summary>
    /// <param name="state">The state of the loop.</param>
    void AfterEpoch(TrainingState state)
    {
    }

    /// <summary>Training is over.</summary>
    /// <param name="state">The state of the loop.</param>
    void AfterFit(TrainingState state)
    {
    }
}

/// <summary>A callback with a state of its own that a checkpoint keeps.</summary>
public interface IStatefulCallback : ITrainerCallback
{
    /// <summary>The name of its state in a checkpoint; two callbacks of one learner must not share it.</summary>
    string StateKey { get; }

    /// <summary>The state, as text.</summary>
    /// <returns>What <see cref="LoadState"/> takes.</returns>
    string SaveState();

    /// <summary>Restores a state.</summary>
    /// <param name="state">What <see cref="SaveState"/> gave.</param>
    /// <exception cref="FormatException">The text is not such a state; nothing was changed.</exception>
    void LoadState(string state);
}
