using System.Collections;

namespace TorchSharp.Mixup.Training;

/// <summary>Batches that are a rank's own.</summary>
internal sealed class OwnBatches(IEnumerable<Batch> source) : IEnumerable<Batch>, IDerivedSequence
{
    public object Source => source;

    public IEnumerator<Batch> GetEnumerator() => source.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
