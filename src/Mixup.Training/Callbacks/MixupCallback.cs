using System.Text.Json;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Trains with mixup: opens a step of the strategy for every training batch, and judges its prediction by <see cref="MixupLoss"/>. Validation is
/// not mixed. Metrics of training are <c>lambda * m(a) + (1 - lambda) * m(b)</c>.
/// </summary>
/// <remarks>It replaces what the loop works on for one batch at a time, so there is nothing to restore when training ends, however it ends.</remarks>
public sealed class MixupCallback : IStatefulCallback
{
    private readonly IMixupStrategy strategy;
    private readonly MixupLoss? givenLoss;
    private MixupLoss? loss;
    private MixupStep? step;

    /// <summary>Registers a strategy on a learner.</summary>
    /// <param name="strategy">Where to mix.</param>
    /// <param name="loss">The loss of a mixed batch. Default: the learner's own, wrapped.</param>
    /// <exception cref="ArgumentNullException"><paramref name="strategy"/> is null.</exception>
    public MixupCallback(IMixupStrategy strategy, MixupLoss? loss = null)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        this.strategy = strategy;
        givenLoss = loss;
    }

    /// <summary>Before most others, which then see the mixed batch: -100.</summary>
    public int Order => -100;

    /// <summary>The concentration for every epoch, from 0; 0 switches mixing off, as for a few last epochs. Default null: as the strategy has it.</summary>
    public Func<int, double>? AlphaAt { get; init; }

    /// <inheritdoc/>
    public string StateKey => "mixup";

    /// <summary>The step of the current batch; null outside training batches.</summary>
    public MixupStep? Step => step;

    /// <inheritdoc/>
    public void BeforeFit(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        loss = givenLoss ?? new MixupLoss(state.Learner.Loss);
    }

    /// <inheritdoc/>
    public void BeforeEpoch(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        strategy.Alpha = AlphaAt?.Invoke(state.Epoch) ?? strategy.Alpha;
    }

    /// <inheritdoc/>
    public void BeforeBatch(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!state.IsTraining)
        {
            return;
        }

        step = strategy.Begin(state.Inputs, state.Target);
        var (target, mixupLoss) = (step.Target, loss ?? throw new InvalidOperationException("the callback was called without BeforeFit; register it on a learner."));
        state.Inputs = step.Inputs;
        state.LossFunction = (prediction, _) => mixupLoss.call(prediction, target);
        state.MetricFunction = metric => target.Evaluate(metric, state.Prediction);
    }

    /// <inheritdoc/>
    public void AfterBatch(TrainingState state)
    {
        step?.Dispose();
        step = null;
    }

    /// <inheritdoc/>
    public void AfterFit(TrainingState state)
    {
        MixupMemory.Release();
        if (!ReferenceEquals(loss, givenLoss))
        {
            loss?.Dispose();
        }

        loss = null;
    }

    /// <inheritdoc/>
    public string SaveState() => JsonSerializer.Serialize(strategy.State);

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
                root.GetProperty(nameof(MixupState.Step)).GetInt64(),
                root.GetProperty(nameof(MixupState.Alpha)).GetDouble());
        }
        catch (Exception e) when (e is JsonException or ArgumentException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new FormatException($"'{state}' is not the state of a mixup strategy.", e);
        }
    }
}
