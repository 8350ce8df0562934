using System.Collections;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The batches of a source, each mixed on enumeration.</summary>
internal sealed class MixedSequence<T>(
    IMixupStrategy strategy, IEnumerable<T> batches, Func<T, (IReadOnlyList<Tensor> Inputs, Tensor Target)> convert)
    : IEnumerable<MixupStep>, IDerivedSequence
{
    public object Source => batches;

    public IEnumerator<MixupStep> GetEnumerator()
    {
        foreach (var batch in batches)
        {
            yield return LoaderStep.Begin(strategy, () => convert(batch));
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
