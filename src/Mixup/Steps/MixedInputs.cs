using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The tensors that steps have mixed. They must not be mixed again, since the target describes one mixing only.</summary>
internal static class MixedInputs
{
    private static readonly ConditionalWeakTable<Tensor, object> Known = [];
    private static readonly object Mark = new();

    /// <summary>Records the mixed tensors of a step.</summary>
    public static void Add(IReadOnlyList<Tensor> inputs)
    {
        foreach (var input in inputs)
        {
            Known.AddOrUpdate(input, Mark);
        }
    }

    /// <summary>Throws if a step has mixed one of the tensors.</summary>
    /// <exception cref="ArgumentException">An input comes from a step.</exception>
    public static void ThrowIfMixed(IReadOnlyList<Tensor> inputs)
    {
        if (inputs.Any(input => Known.TryGetValue(input, out _)))
        {
            throw new ArgumentException(
                "An input is mixed already: it comes from a step, and its target describes one mixing only. Use that step as it is, " +
                "or begin one with the plain batch.",
                nameof(inputs));
        }
    }
}
