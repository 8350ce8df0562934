using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Calls a model with the inputs of a batch.</summary>
internal static class ModelCall
{
    private const string Remedy = "Give the learner a function that calls it, by the parameter 'forward'.";

    /// <summary>Returns the call of a model of one to three tensors.</summary>
    /// <exception cref="ArgumentException">The model takes something else.</exception>
    public static Func<IReadOnlyList<Tensor>, Tensor> Of(nn.Module model) => model switch
    {
        nn.Module<Tensor, Tensor> m => inputs => m.call(Counted(inputs, 1)[0]),
        nn.Module<Tensor, Tensor, Tensor> m => inputs => m.call(Counted(inputs, 2)[0], inputs[1]),
        nn.Module<Tensor, Tensor, Tensor, Tensor> m => inputs => m.call(Counted(inputs, 3)[0], inputs[1], inputs[2]),
        _ => throw new ArgumentException(
            $"{model.GetType().Name} is not a module that takes one to three tensors and returns a tensor. {Remedy}", nameof(model)),
    };

    private static IReadOnlyList<Tensor> Counted(IReadOnlyList<Tensor> inputs, int expected) => inputs.Count == expected
        ? inputs
        : throw new ArgumentException($"The model takes {expected} tensor(s), but the batch has {inputs.Count}. {Remedy}");
}
