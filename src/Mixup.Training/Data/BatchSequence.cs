using System.Collections;
using TorchSharp.Modules;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// A source whose items become batches one by one. It passes the epoch on, and knows the number of batches if the source does.
/// </summary>
internal sealed class BatchSequence<T>(IEnumerable<T> source, Func<T, Batch> convert) : IEnumerable<Batch>, IEpochAware, ICountsBatches
{
    private int epoch;

    public int Epoch
    {
        get => source is IEpochAware aware ? aware.Epoch : epoch;
        set
        {
            epoch = value;
            if (source is IEpochAware aware)
            {
                aware.Epoch = value;
            }
        }
    }

    public int? BatchCount => BatchSequence.CountOf(source);

    public IEnumerator<Batch> GetEnumerator()
    {
        foreach (var item in source)
        {
            yield return convert(item);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A source that may know its number of batches.</summary>
internal interface ICountsBatches
{
    int? BatchCount { get; }
}

/// <summary>The number of batches of any source.</summary>
internal static class BatchSequence
{
    /// <summary>The number of items that a source says it has; null where it cannot tell without being enumerated.</summary>
    public static int? CountOf<T>(IEnumerable<T> source) => source switch
    {
        ICountsBatches counts => counts.BatchCount,
        IReadOnlyCollection<T> collection => collection.Count,
        ICollection<T> collection => collection.Count,
        _ => CountOfLoader(source),
    };

    // TorchSharp's loader is no collection, and the type of its samples is not known here.
    private static int? CountOfLoader(object source)
    {
        for (var type = source.GetType(); type is not null; type = type.BaseType)
        {
            if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(DataLoader<,>))
            {
                var count = type.GetProperty(nameof(DataLoader.Count))?.GetValue(source) as long?;
                return count is >= 0 and <= int.MaxValue ? (int)count : null;
            }
        }

        return null;
    }
}
