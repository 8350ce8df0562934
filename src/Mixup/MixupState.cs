namespace TorchSharp.Mixup;

/// <summary>The state of the random numbers of a strategy. The same state and options give the same draws.</summary>
/// <param name="Seed">The seed of all draws.</param>
/// <param name="Batch">The number of batches drawn so far, from 0 to <see cref="long.MaxValue"/> - 1.</param>
/// <param name="Epoch">The epoch, from 0. Only schedules read it. Default null: unknown.</param>
/// <param name="Rank">The number of this process, from 0: see <see cref="IMixupStrategy.Rank"/>. Default 0.</param>
public sealed record MixupState(ulong Seed, long Batch, int? Epoch = null, int Rank = 0);
