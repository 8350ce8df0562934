using TorchSharp.Modules;

namespace TorchSharp.Mixup.Training;

/// <summary>A source that may know its number of batches.</summary>
internal interface ICountsBatches
{
    int? BatchCount { get; }
}

/// <summary>What a learner asks and tells any source, through all that is derived from it.</summary>
internal static class BatchSource
{
    private static readonly Type[] Counting = [typeof(IReadOnlyCollection<>), typeof(ICollection<>), typeof(DataLoader<,>)];

    /// <summary>Tells the source the epoch, if it wants to know.</summary>
    public static void SetEpoch(object source, int epoch)
    {
        foreach (var one in Derivation(source).OfType<IEpochAware>())
        {
            one.Epoch = epoch;
        }
    }

    /// <summary>The number of items that a source says it has; null where it cannot tell without being enumerated.</summary>
    public static int? CountOf(object source)
    {
        var origin = Derivation(source).Last();
        if (origin is ICountsBatches counts)
        {
            return counts.BatchCount;
        }

        // TorchSharp's loader is no collection, and the type of its samples is not known here.
        var type = Lineage(origin.GetType())
            .FirstOrDefault(type => type.IsGenericType && Counting.Contains(type.GetGenericTypeDefinition()));
        return type?.GetProperty("Count")?.GetValue(origin) switch
        {
            int count => count,
            long count and >= 0 and <= int.MaxValue => (int)count,
            _ => null,
        };
    }

    /// <summary>A source, what it is derived from, and so on.</summary>
    public static IEnumerable<object> Derivation(object source)
    {
        yield return source;
        while (source is IDerivedSequence derived)
        {
            source = derived.Source;
            yield return source;
        }
    }

    private static IEnumerable<Type> Lineage(Type? type)
    {
        foreach (var contract in type?.GetInterfaces() ?? [])
        {
            yield return contract;
        }

        for (; type is not null; type = type.BaseType)
        {
            yield return type;
        }
    }
}
