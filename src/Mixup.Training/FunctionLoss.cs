using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>A loss for a <see cref="Learner"/> that is given as a function. It is the mean of the function's values.</summary>
public sealed class FunctionLoss : Loss<Tensor, Tensor, Tensor>
{
    /// <summary>Creates a loss.</summary>
    /// <param name="values">
    /// Takes prediction and target and returns one value or more for each sample, so that mixing can weigh them. It may return a scalar if
    /// batches are not mixed.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="values"/> is null.</exception>
    public FunctionLoss(Func<Tensor, Tensor, Tensor> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        Values = values;
    }

    /// <summary>Gets the function.</summary>
    internal Func<Tensor, Tensor, Tensor> Values { get; }

    /// <summary>Computes the loss. Call it by <c>call</c>, as any module.</summary>
    /// <param name="prediction">[B, ...].</param>
    /// <param name="target">[B, ...].</param>
    /// <returns>The mean of the function's values, a scalar.</returns>
    /// <exception cref="ArgumentException">Prediction and target broadcast against each other, such as [B, 1] and [B].</exception>
    public override Tensor forward(Tensor prediction, Tensor target)
    {
        var loss = Shapes.Unbroadcast("The loss", Values(prediction, target), prediction, target);
        return loss.numel() == 1 ? loss : loss.mean();
    }
}
