using System.Runtime.InteropServices;

namespace TorchSharp.Mixup.Training;

/// <summary>The random state of a strategy, on its way from rank 0 to all.</summary>
internal static class StrategyState
{
    /// <summary>Takes seed and batch number from rank 0. All ranks have met before.</summary>
    public static void Broadcast(IMixupStrategy strategy, Communicator communicator)
    {
        ulong[] state = [strategy.State.Seed, (ulong)strategy.State.Batch];
        communicator.SendAll(MemoryMarshal.AsBytes(state.AsSpan()), from: 0);
        strategy.State = strategy.State with { Seed = state[0], Batch = (long)state[1], Rank = communicator.Rank };
    }
}
