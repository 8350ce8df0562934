namespace TorchSharp.Mixup;

/// <summary>
/// The random streams of a draw: that of the rank, and that of rank 0, from which all ranks draw what they have in common.
/// </summary>
/// <param name="Own">The stream of the rank.</param>
/// <param name="Shared">The stream of rank 0 at the same position. On rank 0 it is the same object.</param>
internal readonly record struct RankStreams(SplitMix Own, SplitMix Shared)
{
    /// <summary>Makes the streams of a batch.</summary>
    public static RankStreams Of(ulong seed, long batch, int rank)
    {
        var shared = new SplitMix(seed, batch);
        return new(rank == 0 ? shared : new SplitMix(SplitMix.SeedOfRank(seed, rank), batch), shared);
    }

    private bool AreOne => ReferenceEquals(Own, Shared);

    /// <summary>Returns independent copies that continue the same streams.</summary>
    public RankStreams Copy() => Both(stream => stream.Copy());

    /// <summary>Returns new streams. The number of draws from them does not affect these.</summary>
    public RankStreams Fork() => Both(stream => stream.Fork());

    /// <summary>Draws a number from 0 to 1 for the rank alone. The shared stream moves on as well.</summary>
    public double NextDouble()
    {
        _ = AreOne ? 0 : Shared.NextDouble();
        return Own.NextDouble();
    }

    private RankStreams Both(Func<SplitMix, SplitMix> make)
    {
        var own = make(Own);
        return new(own, AreOne ? own : make(Shared));
    }
}
