using System.Collections.Concurrent;

namespace TorchSharp.Mixup;

/// <summary>
/// What is drawn while a source is enumerated ahead of its consumer. Draws are numbered on from where the consumer stands, and count only
/// when the consumer takes the item that they were made for: until then a strategy is as it was.
/// </summary>
internal sealed class DrawAhead
{
    private static readonly AsyncLocal<DrawAhead?> Here = new();
    private readonly DrawAhead? outer = Here.Value; // the consumer may itself be ahead of another one
    private readonly ConcurrentDictionary<object, (ulong Seed, long Batch)> next = new(ReferenceEqualityComparer.Instance);
    private List<DrawnAhead> draws = [];

    /// <summary>Gets what this code runs ahead in; null where it does not run ahead.</summary>
    public static DrawAhead? Current => Here.Value;

    /// <summary>Has this thread, and what it starts, run ahead.</summary>
    public void Enter() => Here.Value = this;

    /// <summary>The seed and the number of a strategy's next draw; null where nothing was drawn ahead.</summary>
    public (ulong Seed, long Batch)? NextOf(object strategy) =>
        next.TryGetValue(strategy, out var found) ? found : outer?.NextOf(strategy);

    /// <summary>Counts a draw of a strategy, ahead of its consumer.</summary>
    public void Count(object strategy, (ulong Seed, long Batch) after, DrawnAhead drawn)
    {
        next[strategy] = after;
        draws.Add(drawn);
    }

    /// <summary>Notes a draw of a strategy that counts by itself.</summary>
    public void Note(DrawnAhead drawn) => draws.Add(drawn);

    /// <summary>Gives what was drawn since the last call.</summary>
    public IReadOnlyList<DrawnAhead> Take()
    {
        var taken = draws;
        draws = [];
        return taken;
    }
}

/// <summary>A draw that was made ahead: what to do when its item is taken, and what when it is dropped.</summary>
internal sealed record DrawnAhead(Action Taken, Action? Dropped = null);
