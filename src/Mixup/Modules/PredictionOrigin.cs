using System.Collections;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The step that a result of a model belongs to.</summary>
/// <param name="Step">The object that mixed the pass; null for a pass that was not mixed.</param>
/// <param name="IsMixed">Whether the result depends on the output that was mixed in the pass.</param>
internal sealed record PredictionOrigin(object? Step, bool IsMixed)
{
    private static readonly ConditionalWeakTable<Tensor, PredictionOrigin> Known = [];

    /// <summary>The origin of a prediction; null for any other tensor, also for one computed from a prediction.</summary>
    public static PredictionOrigin? Of(Tensor prediction) => Known.TryGetValue(prediction, out var origin) ? origin : null;

    /// <summary>Records the origin of a result.</summary>
    public static void Set(Tensor result, object? step, bool isMixed = true) =>
        Known.AddOrUpdate(result, new PredictionOrigin(step, isMixed));

    /// <summary>The tensors among the results of a model.</summary>
    public static IEnumerable<Tensor> TensorsOf(object? result) => result switch
    {
        Tensor tensor => [tensor],
        ITuple tuple => Enumerable.Range(0, tuple.Length).SelectMany(i => TensorsOf(tuple[i])),
        IDictionary dictionary => dictionary.Values.OfType<Tensor>(),
        IEnumerable<Tensor?> tensors => tensors.OfType<Tensor>(),
        _ => [],
    };
}
