using System.Text.Json;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Trains with mixup: opens a step of the strategy for every training batch, and judges its prediction by <see cref="MixupLoss"/>.
/// A batch that the strategy mixed in the loader is not mixed again. Validation is not mixed; its bytes become floating values if
/// <see cref="MixupOptions.ToFloat"/> says so. Metrics of training are judged as the loss
/// is: see <see cref="MixupLoss.Evaluate"/>.
/// </summary>
/// <remarks>
/// It replaces what the loop works on for one batch at a time, so there is nothing to restore when training ends, however it ends. A
/// callback that changes the data of a batch must come before it, as the default order has it: a later change is an error.
/// </remarks>
public sealed class MixupCallback : LearnerCallback, IStatefulCallback
{
    private readonly IMixupStrategy strategy;
    private readonly MixupLoss? givenLoss;
    private readonly Stack<IDisposable> suspensions = [];
    private MixupLoss? loss;
    private MixupStep? step;
    private bool judged;

    /// <summary>Registers a strategy on a learner.</summary>
    /// <param name="strategy">Where to mix.</param>
    /// <param name="loss">The loss of a mixed batch. Default: the learner's own, wrapped.</param>
    /// <exception cref="ArgumentNullException"><paramref name="strategy"/> is null.</exception>
    public MixupCallback(IMixupStrategy strategy, MixupLoss? loss = null)
        : base(order: 10)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        this.strategy = strategy;
        givenLoss = loss;
    }

    /// <summary>
    /// Receives the first training batch of every epoch with its draw, to look at what is mixed:
    /// <c>(mix, images, epoch) => log.AddImage("batch", mix.Picture(images).ToTensor(), epoch)</c>. Default null: nobody looks.
    /// </summary>
    public FirstBatchViewer? FirstBatch { get; init; }

    /// <inheritdoc/>
    public string StateKey => "mixup";

    /// <summary>Gets the strategy.</summary>
    internal IMixupStrategy Strategy => strategy;

    /// <summary>Gets the step of the current batch; null outside training batches, and while a callback evaluates within one.</summary>
    public MixupStep? Step => suspensions.Count == 0 ? step : null;

    /// <summary>Checks that the learner mixes once.</summary>
    /// <param name="learner">The learner.</param>
    /// <exception cref="ArgumentException">Two <see cref="MixupCallback"/> are registered on it, or one twice.</exception>
    public override void Attach(Learner learner)
    {
        ArgumentNullException.ThrowIfNull(learner);
        if (learner.Callbacks.OfType<MixupCallback>().Count() > 1)
        {
            throw new ArgumentException("The learner has two MixupCallbacks, which would mix every batch twice. " +
                "Register one.", nameof(learner));
        }
    }

    /// <inheritdoc/>
    public override void BeforeFit(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        loss = givenLoss ?? state.Learner.MixedLoss();
    }

    /// <summary>Tells the strategy the epoch and their number, for <see cref="MixupOptions.Schedule"/>.</summary>
    /// <param name="state">The state of the loop.</param>
    public override void BeforeEpoch(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        (strategy.Epoch, strategy.Epochs) = (state.Epoch, state.Epochs);
    }

    /// <inheritdoc/>
    public override void BeforeBatch(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!state.IsTraining)
        {
            // The model is called with the same type as in training.
            if (strategy is MixupStrategy { Options.ToFloat: { } toFloat })
            {
                state.Inputs = [.. state.Inputs.Select(input => input.dtype == ScalarType.Byte ? toFloat.Apply(input) : input)];
            }

            return;
        }

        var mixupLoss = loss ?? throw new InvalidOperationException("The callback was called without BeforeFit. Register it on a learner.");
        if (state.JudgesOtherwise)
        {
            throw new InvalidOperationException(
                "A callback replaced LossFunction or MetricFunction before the batch was mixed, and it would be lost: the loss of a " +
                "mixed batch is MixupCallback's own. " +
                "Give that callback an Order above 10, and let it call the function that it finds there.");
        }

        var plain = state.Target;
        var viewer = state.BatchIndex == 0 ? FirstBatch : null;
        using var viewed = viewer is null ? null : state.Inputs[0].clone(); // mixing may write over the batch
        step = state.Mixed is { } mixed ? Take(mixed, state) : strategy.Begin(state.Inputs, plain);
        viewer?.Invoke(step.Draw.Mix, viewed!, state.Epoch);
        judged = false;
        var target = step.Target;
        state.Inputs = step.Inputs;
        state.LossReduction = mixupLoss.reduction;
        state.LossFunction = (prediction, given) =>
        {
            judged = true;
            var mixedLoss = ReferenceEquals(given, plain) ? mixupLoss.call(prediction, target) : throw ChangedLater("target");
            state.LossWeights = mixupLoss.WeightsOf(prediction, target);
            mixedLoss = state.Ranks?.ScaleIfSum(mixedLoss) ?? mixedLoss;
            state.MixedLoss = (mixedLoss, scales => mixupLoss.Scaled(prediction, target, scales));
            return mixedLoss;
        };
        state.MetricFunction = metric => mixupLoss.Evaluate(metric, state.Prediction, target);
    }

    /// <inheritdoc/>
    public override void AfterPrediction(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.IsTraining && step is not null && !state.Inputs.SequenceEqual(step.Inputs, ReferenceEqualityComparer.Instance))
        {
            throw ChangedLater("inputs");
        }
    }

    /// <inheritdoc/>
    public override void AfterLoss(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.IsTraining && step is not null && !judged)
        {
            throw new InvalidOperationException(
                "A callback replaced LossFunction after the batch was mixed, and did not call the one before, so the loss does not know " +
                "of mixing. Call it within yours, or give MixupCallback a MixupLoss.");
        }
    }

    /// <inheritdoc/>
    public override void AfterBatch(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.IsTraining)
        {
            step?.Dispose();
            step = null;
        }
    }

    /// <summary>Suspends mixing if a callback evaluates the model within a training batch.</summary>
    /// <param name="state">The state of the loop.</param>
    public override void BeforeValidate(LearnerState state)
    {
        if (step is not null)
        {
            suspensions.Push(step.Suspend());
        }
    }

    /// <inheritdoc/>
    public override void AfterValidate(LearnerState state)
    {
        if (suspensions.TryPop(out var suspension))
        {
            suspension.Dispose();
        }
    }

    /// <inheritdoc/>
    public override void AfterFit(LearnerState state)
    {
        MixupMemory.Release();
        if (!ReferenceEquals(loss, givenLoss))
        {
            loss?.Dispose();
        }

        loss = null;
    }

    /// <summary>Takes the step of a batch that was mixed in the loader.</summary>
    private MixupStep Take(MixupStep mixed, LearnerState state)
    {
        if (!strategy.Opened(mixed))
        {
            throw new InvalidOperationException(
                "The batch was mixed in the loader by another strategy than MixupCallback's, and would be mixed twice. " +
                "Give the callback the strategy that mixes in the loader, or give the learner plain batches.");
        }

        if (FirstBatch is not null)
        {
            throw new InvalidOperationException(
                "FirstBatch shows a batch before it is mixed, but this one was mixed in the loader. " +
                "Leave FirstBatch out, and look at batches in the loader.");
        }

        if (!ReferenceEquals(state.Target, mixed.Target.Unmixed)
            || !state.Inputs.SequenceEqual(mixed.Inputs, ReferenceEqualityComparer.Instance))
        {
            throw new InvalidOperationException(
                "A callback changed the data of a batch that was mixed in the loader, so the change would be lost or not mixed. " +
                "Change data in the loader, before it is mixed.");
        }

        state.Mixed = null;
        return mixed;
    }

    private static InvalidOperationException ChangedLater(string what) => new(
        $"A callback changed the {what} of a batch after it was mixed, so the change would be lost or not mixed. " +
        "Change data in BeforeBatch of a callback whose Order is below that of MixupCallback, 10.");

    // All ranks load one file, so the rank is neither saved nor loaded.

    /// <inheritdoc/>
    public string SaveState()
    {
        var (seed, batch, epoch, _) = strategy.State;
        return JsonSerializer.Serialize(new { Seed = seed, Batch = batch, Epoch = epoch });
    }

    /// <inheritdoc/>
    public void LoadState(string state)
    {
        try
        {
            // Read field by field: what is missing must not become a 0.
            using var document = JsonDocument.Parse(state);
            var root = document.RootElement;
            strategy.State = new MixupState(
                root.GetProperty(nameof(MixupState.Seed)).GetUInt64(),
                root.GetProperty(nameof(MixupState.Batch)).GetInt64(),
                root.GetProperty(nameof(MixupState.Epoch)) is { ValueKind: not JsonValueKind.Null } epoch ? epoch.GetInt32() : null,
                strategy.Rank);
        }
        catch (Exception e) when (
            e is JsonException or ArgumentException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new FormatException($"'{state}' is not the state of a mixup strategy.", e);
        }
    }
}

/// <summary>Looks at the first training batch of an epoch.</summary>
/// <param name="mix">The draw of the batch. It can be used until the batch ends.</param>
/// <param name="input">
/// The first input before it was mixed, [B, ...], on the learner's device. It is disposed when the viewer returns.
/// </param>
/// <param name="epoch">The epoch, from 0.</param>
public delegate void FirstBatchViewer(Mix mix, Tensor input, int epoch);
