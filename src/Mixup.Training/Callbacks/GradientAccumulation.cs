using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Steps the optimizer once for several batches, by the mean of their gradients weighted by their numbers of samples. This is the gradient
/// of one large batch if the loss is a plain mean or a sum. The batches that are left at the end of an epoch get a step of their own.
/// </summary>
/// <remarks>
/// A loss with class weights or an <c>ignore_index</c> divides by the weights of its own batch, so the mean of such batches is not the loss
/// of the large batch, as in PyTorch. If an epoch fails or is stopped, the gradients that are left are dropped. A batch that a callback
/// stops before its backward pass does not count.
/// </remarks>
public sealed class GradientAccumulation : LearnerCallback
{
    private readonly int batches;
    private int count;
    private long samples; // of the batches since the last step
    private long divisor; // the gradients are a sum over these samples, divided by this

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
        divisor = count == 0 ? batchSize : divisor; // that of the first batch, so that half types hold the gradients
        if (batchSize != divisor && state.LossReduction != nn.Reduction.Sum)
        {
            state.BatchLoss = state.BatchLoss.mul((double)batchSize / divisor);
        }
    }

    /// <inheritdoc/>
    public override void AfterBackward(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var batchSize = state.Target.shape[0];
        samples = count == 0 ? batchSize : samples + batchSize; // not before: a callback may have stopped the batch
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
    public override void BeforeStep(LearnerState state) => count = 0;

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
        if (samples == divisor || state.LossReduction == nn.Reduction.Sum)
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var parameter in state.Learner.Optimizer.parameters())
        {
            parameter.grad?.mul_((double)divisor / samples);
        }

        divisor = samples; // if another callback postpones the step, the next batch adds to the mean
    }
}
