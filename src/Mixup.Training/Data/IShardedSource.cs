namespace TorchSharp.Mixup.Training;

/// <summary>A source that gathers one rank's share of every batch, so that the rest is never read.</summary>
internal interface IShardedSource
{
    /// <summary>Sets which share the next enumeration has.</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="count">The number of ranks; 1 for whole batches.</param>
    void SetShard(int rank, int count);

    /// <summary>Describes a whole batch of the current enumeration.</summary>
    WholeBatch Whole(int index);
}

/// <summary>A batch before it is shared out.</summary>
/// <param name="Samples">The number of its samples.</param>
/// <param name="Fingerprint">A hash of its data or of where they come from.</param>
internal readonly record struct WholeBatch(long Samples, ulong Fingerprint);
