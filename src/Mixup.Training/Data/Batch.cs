using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>One batch of a data set, or one that was mixed in the loader.</summary>
public sealed class Batch : IDisposable
{
    /// <summary>Creates a batch with several inputs.</summary>
    /// <param name="inputs">One tensor or more, [B, ...] each, in the order in which the model takes them.</param>
    /// <param name="target">[B, ...]: integers for class ids, floating for everything else.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public Batch(IReadOnlyList<Tensor> inputs, Tensor target)
        : this(inputs ?? throw new ArgumentNullException(nameof(inputs)), target ?? throw new ArgumentNullException(nameof(target)), null)
    {
    }

    /// <summary>Creates a batch with one input.</summary>
    /// <param name="input">[B, ...].</param>
    /// <param name="target">[B, ...]: integers for class ids, floating for everything else.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public Batch(Tensor input, Tensor target)
        : this([input ?? throw new ArgumentNullException(nameof(input))], target)
    {
    }

    /// <summary>Creates a batch that was mixed in the loader.</summary>
    /// <param name="step">The step. The batch owns it.</param>
    /// <exception cref="ArgumentNullException"><paramref name="step"/> is null.</exception>
    public Batch(MixupStep step)
        : this((step ?? throw new ArgumentNullException(nameof(step))).Inputs, step.Target.Unmixed, step)
    {
    }

    private Batch(IReadOnlyList<Tensor> inputs, Tensor target, MixupStep? step) => (Inputs, Target, Step) = (inputs, target, step);

    /// <summary>Gets the tensors that the model is called with, [B, ...] each.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>Gets the target, [B, ...].</summary>
    public Tensor Target { get; }

    /// <summary>Gets the step of a batch that was mixed in the loader; null for a plain batch.</summary>
    public MixupStep? Step { get; }

    /// <summary>Takes apart a batch of one input: <c>var (x, y) = batch</c>.</summary>
    /// <param name="input">The input, [B, ...].</param>
    /// <param name="target">The target, [B, ...].</param>
    /// <exception cref="InvalidOperationException">The batch has several inputs.</exception>
    public void Deconstruct(out Tensor input, out Tensor target)
    {
        if (Inputs.Count != 1)
        {
            throw new InvalidOperationException(
                $"The batch has {Inputs.Count} inputs, and cannot be taken apart as a pair. Use Inputs and Target.");
        }

        (input, target) = (Inputs[0], Target);
    }

    /// <summary>Disposes the step of a mixed batch. A plain batch does not own its tensors, and does nothing.</summary>
    public void Dispose() => Step?.Dispose();

    /// <summary>A batch to predict, without a target.</summary>
    internal static Batch OfInput(Tensor input) => new([input], null!, null);
}
