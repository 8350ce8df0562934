using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Steps the optimizer once for several batches, by the mean of their gradients weighted by their numbers of samples. This is the gradient
/// of one large batch if the loss is a plain mean or a sum. The batches that are left at the end of an epoch get a step of their own.
/// </summary>
/// <remarks>
/// A loss with class weights or an <c>ignore_index</c> divides by the weights of its own batch, so the mean of such batches is not the loss
/// of the large batch, as in PyTorch. If an epoch fails or is stopped, the gradients that are left are dropped.
/// </remarks>
public sealed class GradientAccumulation : LearnerCallback
{
    private readonly int batches;
    private int count;
    private long firstSamples;
    private long samples;

    /// <summary>Creates the callback.</summary>
    /// <param name="batches">The number of batches for each step, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batches"/> is below 1.</exception>
    public GradientAccumulation(int batches)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batches, 1);
        this.batches = batches;
    }

    /// <inheritdoc/>
    public override void BeforeTrain(LearnerState state) => count = 0;

    /// <inheritdoc/>
    public override void BeforeBackward(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var batchSize = state.Target.shape[0];
        (firstSamples, samples) = count == 0 ? (batchSize, batchSize) : (firstSamples, samples + batchSize);
        if (batchSize != firstSamples && state.LossReduction != nn.Reduction.Sum)
        {
            state.BatchLoss = state.BatchLoss.mul((double)batchSize / firstSamples); // relative to the first, so that half types hold it
        }
    }

    /// <inheritdoc/>
    public override void AfterBackward(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        count++;
        if (count < batches)
        {
            state.StopBatch();
        }
        else
        {
            Average(state);
        }
    }

    /// <inheritdoc/>
    public override void AfterStep(LearnerState state) => count = 0;

    /// <inheritdoc/>
    public override void AfterTrain(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (count == 0)
        {
            return;
        }

        if (state.Exception is null && !state.IsStopping)
        {
            Average(state);
            state.StepOptimizer();
        }

        using var scope = NewDisposeScope();
        state.Learner.Optimizer.zero_grad();
        count = 0;
    }

    private void Average(LearnerState state)
    {
        if (samples == firstSamples || state.LossReduction == nn.Reduction.Sum)
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var parameter in state.Learner.Optimizer.parameters())
        {
            parameter.grad?.mul_((double)firstSamples / samples);
        }
    }
}
