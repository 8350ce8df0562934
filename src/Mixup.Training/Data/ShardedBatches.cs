using System.Collections;
using System.Collections.Concurrent;

namespace TorchSharp.Mixup.Training;

/// <summary>The shares of one rank of the batches of any source.</summary>
internal sealed class ShardedBatches(IEnumerable<Batch> source, int rank, int ranks)
    : IEnumerable<Batch>, IDerivedSequence, IShardedSource
{
    private ConcurrentDictionary<int, WholeBatch> wholes = []; // of the learner's enumeration, which another thread may make ahead
    private bool pads;

    public object Source => source;

    // A learner that shares out asks for padding, and leaves it out of figures and gradients. The rank stays that of the constructor.
    void IShardedSource.SetShard(int rank, int count) => pads = count > 1;

    WholeBatch IShardedSource.Whole(int index) => wholes[index];

    public IEnumerator<Batch> GetEnumerator()
    {
        var padded = pads;
        var own = new ConcurrentDictionary<int, WholeBatch>();
        pads = false; // for one enumeration
        wholes = padded ? own : wholes;
        return Cut(padded, own).GetEnumerator();
    }

    private IEnumerable<Batch> Cut(bool pads, ConcurrentDictionary<int, WholeBatch> wholes)
    {
        var index = 0;
        foreach (var batch in source)
        {
            var whole = wholes[index++] = Share.Whole(batch);
            var share = Share.Of(whole.Samples, rank, ranks);
            if (share.IsPadding && !pads)
            {
                throw new InvalidOperationException(
                    $"A batch has {whole.Samples} samples, fewer than two for each of {ranks} ranks, so rank " +
                    $"{rank} has none. Leave small batches out, for instance by TensorBatches.DropLast, or train " +
                    "by a learner, which knows what to do.");
            }

            yield return new Batch([.. batch.Inputs.Select(share.Take)], share.Take(batch.Target));
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
