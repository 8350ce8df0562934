using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The models that have an open step. Two steps must not share a module, or its features would be mixed twice.</summary>
internal static class OpenModels
{
    private static readonly object Lock = new();

    // Weak: the hooks hold their step's entry, so a model that is forgotten takes its entry along.
    private static readonly List<WeakReference<ModelMix>> Entries = [];

    /// <summary>Adds the model of a step.</summary>
    /// <exception cref="InvalidOperationException">An open step shares a module with it.</exception>
    public static void Add(ModelMix added)
    {
        lock (Lock)
        {
            ReleaseLost();
            if (Conflict(added) is not null)
            {
                // Nobody may be left who could dispose that step, but only a collection shows it.
                GC.Collect();
                ReleaseLost();
            }

            if (Conflict(added) is { } open)
            {
                throw new InvalidOperationException(open.Modules[0] == added.Modules[0]
                    ? $"A step of {added.ModelName} is open: steps of one model cannot overlap. Dispose it before the next one begins, as 'using var step' inside the loop does."
                    : $"A step of {open.ModelName} is open, and {added.ModelName} shares a module with it ({Shared(open, added)!.GetType().Name}), whose features would be mixed twice: such steps cannot overlap. Dispose one before the other begins.");
            }

            Entries.Add(new WeakReference<ModelMix>(added));
        }
    }

    public static void Remove(ModelMix removed)
    {
        lock (Lock)
        {
            Entries.RemoveAll(entry => !entry.TryGetTarget(out var mix) || ReferenceEquals(mix, removed));
        }
    }

    private static IEnumerable<ModelMix> All => Entries.Select(entry => entry.TryGetTarget(out var mix) ? mix : null).OfType<ModelMix>();

    private static ModelMix? Conflict(ModelMix added) => All.FirstOrDefault(open => Shared(open, added) is not null);

    private static nn.Module? Shared(ModelMix open, ModelMix added) => open.Modules.Intersect(added.Modules).FirstOrDefault();

    private static void ReleaseLost()
    {
        foreach (var lost in All.Where(mix => mix.IsLost).ToList())
        {
            lost.EndLost();
        }
    }
}
