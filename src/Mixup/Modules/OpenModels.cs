using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>A model that has an open step.</summary>
internal interface IOpenModel
{
    /// <summary>The name of the model's type.</summary>
    string ModelName { get; }

    /// <summary>The modules that no other open step may share.</summary>
    IReadOnlyList<nn.Module> Modules { get; }

    /// <summary>Whether the step was collected without having been disposed.</summary>
    bool IsLost { get; }

    /// <summary>Ends a step that was collected.</summary>
    void EndLost();
}

/// <summary>The models that have an open step. Two steps must not share a module, or its features would be mixed twice.</summary>
internal static class OpenModels
{
    private static readonly object Lock = new();

    // The hooks of a model hold its entry, so the entry is collected with the model.
    private static readonly List<WeakReference<IOpenModel>> Entries = [];

    /// <summary>Adds the model of a step.</summary>
    /// <exception cref="InvalidOperationException">An open step shares a module with it.</exception>
    public static void Add(IOpenModel added)
    {
        lock (Lock)
        {
            ReleaseLost();
            if (Conflict(added) is not null)
            {
                // The other step may be lost, which only a collection shows.
                GC.Collect();
                ReleaseLost();
            }

            if (Conflict(added) is { } open)
            {
                throw new InvalidOperationException(open.Modules[0] == added.Modules[0]
                    ? $"A step of {added.ModelName} is open: steps of one model cannot overlap. " +
                      "Dispose it before the next one begins, as 'using var step' inside the loop does."
                    : $"A step of {open.ModelName} is open, and {added.ModelName} shares a module with it " +
                      $"({Shared(open, added)!.GetType().Name}), whose features would be mixed twice: such steps cannot overlap. " +
                      "Dispose one before the other begins.");
            }

            Entries.Add(new WeakReference<IOpenModel>(added));
        }
    }

    public static void Remove(IOpenModel removed)
    {
        lock (Lock)
        {
            Entries.RemoveAll(entry => !entry.TryGetTarget(out var mix) || ReferenceEquals(mix, removed));
        }
    }

    private static IEnumerable<IOpenModel> All =>
        Entries.Select(entry => entry.TryGetTarget(out var mix) ? mix : null).OfType<IOpenModel>();

    private static IOpenModel? Conflict(IOpenModel added) => All.FirstOrDefault(open => Shared(open, added) is not null);

    private static nn.Module? Shared(IOpenModel open, IOpenModel added) => open.Modules.Intersect(added.Modules).FirstOrDefault();

    private static void ReleaseLost()
    {
        foreach (var lost in All.Where(mix => mix.IsLost).ToList())
        {
            lost.EndLost();
        }
    }
}
