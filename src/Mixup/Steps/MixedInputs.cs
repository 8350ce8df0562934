using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The tensors that steps have mixed. A batch of them must not be mixed once more: its target tells of one mixing only.</summary>
internal static class MixedInputs
{
    private static readonly ConditionalWeakTable<Tensor, object> Known = [];
    private static readonly object Mark = new();

    /// <summary>Notes what a step has mixed, and owns.</summary>
    public static void Add(IReadOnlyList<Tensor> inputs)
    {
        foreach (var input in inputs)
        {
            Known.AddOrUpdate(input, Mark);
        }
    }

    /// <summary>Refuses what a step has mixed.</summary>
    /// <exception cref="ArgumentException">An input comes out of a step.</exception>
    public static void ThrowIfMixed(IReadOnlyList<Tensor> inputs)
    {
        if (inputs.Any(input => Known.TryGetValue(input, out _)))
        {
            throw new ArgumentException(
                "An input is mixed already: it comes out of a step, and its target tells of one mixing only. " +
                "Use that step as it is, or begin one with the plain batch.",
                nameof(inputs));
        }
    }
}
