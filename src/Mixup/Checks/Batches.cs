using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Checks that tensors belong to one batch.</summary>
internal static class Batches
{
    /// <summary>Checks the inputs of a model.</summary>
    /// <param name="inputs">One tensor or more, each [B, ...].</param>
    /// <param name="name">The name of the parameter.</param>
    /// <returns>The batch size B.</returns>
    /// <exception cref="ArgumentException">
    /// The list is empty, an input is null or a scalar, the batch is empty, or the inputs differ in their batch size.
    /// </exception>
    public static int Size(IReadOnlyList<Tensor> inputs, string name = "inputs")
    {
        ArgumentNullException.ThrowIfNull(inputs, name);
        if (inputs.Count == 0 || inputs.Contains(null))
        {
            throw new ArgumentException("An input is null, or there is none; expected one tensor or more. Give each input of the " +
                "model.", name);
        }

        if (inputs[0].dim() == 0)
        {
            throw new ArgumentException("The input is a scalar tensor; its first dimension must be the batch. Give a tensor [B, " +
                "...].", name);
        }

        var batchSize = checked((int)inputs[0].size(0));
        if (batchSize == 0)
        {
            throw new ArgumentException(
                $"The batch is empty (shape {Check.Shape(inputs[0])}); expected one sample or more. Drop empty batches in the loader.",
                name);
        }

        foreach (var input in inputs)
        {
            Check.HasBatch(input, batchSize, "an input", name);
        }

        return batchSize;
    }
}
