using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Steps the optimizer once for several batches, by the gradient of one large batch. Means are weighted by what they divide by, with class
/// weights and without ignored class ids; see <see cref="MixupLoss.WeightOf(Tensor, MixedTarget)"/>. Sums are added. The batches that are
/// left at the end of an epoch get a step of their own.
/// </summary>
/// <remarks>
/// A loss of your own type, or one given as a function, is weighted by its number of rows. If an epoch fails or is stopped, the gradients
/// that are left are dropped. A batch that a callback stops before its backward pass does not count. A loss that is the sum of two means,
/// of <see cref="MixupOutputs.CleanAndMixed"/>, throws an <see cref="InvalidOperationException"/> if they divide by different numbers.
/// </remarks>
public sealed class GradientAccumulation : LearnerCallback
{
    private readonly int batches;
    private int count;
    private bool isNarrow; // whether gradients are of type Float16
    private Tensor? total; // the weight of the batches since the last step
    private Tensor? unit; // the gradients are the sum of weight * gradient over these batches, divided by this

    /// <summary>Creates the callback.</summary>
    /// <param name="batches">The number of batches for each step, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batches"/> is below 1.</exception>
    public GradientAccumulation(int batches)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batches, 1);
        this.batches = batches;
    }

    /// <inheritdoc/>
    public override void BeforeTrain(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        count = 0;
        using var scope = NewDisposeScope();
        isNarrow = state.Learner.Optimizer.parameters().Any(parameter => parameter.dtype == ScalarType.Float16);
    }

    /// <inheritdoc/>
    public override void BeforeBackward(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.LossReduction == nn.Reduction.Sum)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var scale = Ratio(state.LossWeight, RaiseUnit(state)).to(state.BatchLoss.dtype, state.BatchLoss.device);

        // The mean of a batch that is ignored as a whole is not a number.
        var scaled = state.BatchLoss.mul(scale).masked_fill(scale.eq(Scalars.Zero), Scalars.Zero);
        state.BatchLoss = scaled.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void AfterBackward(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.LossReduction != nn.Reduction.Sum)
        {
            // Not before: a callback may have stopped the batch.
            using var scope = NewDisposeScope();
            Keep(ref total, count == 0 ? state.LossWeight.clone() : total! + state.LossWeight);
        }

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
        try
        {
            StepByTheRest(state);
        }
        finally
        {
            total?.Dispose();
            unit?.Dispose();
            (total, unit) = (null, null);
        }
    }

    private void StepByTheRest(LearnerState state)
    {
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

    /// <summary>
    /// Chooses the unit of the gradients: the weight of the first batch that has any, so that their size is that of a gradient. Float16
    /// would overflow if a later batch weighs much more, so there it is the largest weight.
    /// </summary>
    private Tensor RaiseUnit(LearnerState state)
    {
        using var noGrad = no_grad();
        var weight = state.LossWeight;
        if (count == 0)
        {
            return Keep(ref unit, weight.clone());
        }

        if (!isNarrow && state.BatchLoss.dtype != ScalarType.Float16)
        {
            return Keep(ref unit, where(unit!.eq(Scalars.Zero), weight, unit)); // as long as it is 0, so are the gradients
        }

        var raised = maximum(unit!, weight);
        Rescale(state, Ratio(unit!, raised));
        return Keep(ref unit, raised);
    }

    private void Average(LearnerState state)
    {
        if (state.LossReduction == nn.Reduction.Sum)
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Rescale(state, Ratio(unit!, total!));
        Keep(ref unit, total!.clone()); // if another callback postpones the step, the next batch adds to the mean
    }

    private static void Rescale(LearnerState state, Tensor factor)
    {
        using var noGrad = no_grad();
        foreach (var parameter in state.Learner.Optimizer.parameters())
        {
            if (parameter.grad is { } gradient)
            {
                gradient.mul_(factor.to(gradient.dtype, gradient.device));
            }
        }
    }

    // If the divisor is 0, so is the weight.
    private static Tensor Ratio(Tensor weight, Tensor divisor) => weight.div(divisor.masked_fill(divisor.eq(Scalars.Zero), Scalars.One));

    private static Tensor Keep(ref Tensor? kept, Tensor value)
    {
        var before = kept;
        kept = value.DetachFromDisposeScope();
        before?.Dispose();
        return kept;
    }
}
