using System.Collections.Concurrent;

namespace TorchSharp.Mixup;

/// <summary>
/// Tracks the draws made while a source is prefetched. They continue the numbering of the consumer, but a strategy counts a draw only when
/// the consumer takes its item. Until then the state of the strategy is unchanged.
/// </summary>
internal sealed class DrawAhead
{
    private static readonly AsyncLocal<DrawAhead?> Here = new();
    private readonly DrawAhead? outer = Here.Value; // prefetching may be nested
    private readonly ConcurrentDictionary<object, (ulong Seed, long Batch)> next = new(ReferenceEqualityComparer.Instance);
    private List<DrawnAhead> draws = [];

    /// <summary>Gets the tracker of the current prefetch; null if the code does not run in one.</summary>
    public static DrawAhead? Current => Here.Value;

    /// <summary>Makes this the tracker of the current thread and of the tasks that it starts.</summary>
    public void Enter() => Here.Value = this;

    /// <summary>Gets the seed and the number of a strategy's next draw; null if it has drawn nothing in this prefetch.</summary>
    public (ulong Seed, long Batch)? NextOf(object strategy) =>
        next.TryGetValue(strategy, out var found) ? found : outer?.NextOf(strategy);

    /// <summary>Records a draw of a strategy, and the number after it.</summary>
    public void Count(object strategy, (ulong Seed, long Batch) after, DrawnAhead drawn)
    {
        next[strategy] = after;
        draws.Add(drawn);
    }

    /// <summary>Records a draw of a strategy that counts its own draws.</summary>
    public void Note(DrawnAhead drawn) => draws.Add(drawn);

    /// <summary>Returns the draws since the last call.</summary>
    public IReadOnlyList<DrawnAhead> Take()
    {
        var taken = draws;
        draws = [];
        return taken;
    }
}

/// <summary>A prefetched draw, with the actions for when its item is taken and when it is dropped.</summary>
internal sealed record DrawnAhead(Action Taken, Action? Dropped = null);
