using TorchSharp.Modules;

namespace TorchSharp.Mixup;

/// <summary>Inspects TorchSharp's data loaders of any item type.</summary>
internal static class Loaders
{
    /// <summary>Returns the data loader behind a source; null if there is none, or it cannot be found.</summary>
    public static object? Behind(object source)
    {
        while (source is IDerivedSequence derived)
        {
            source = derived.Source;
        }

        return LoaderType(source) is null ? null : source;
    }

    /// <summary>
    /// Throws for a data loader that disposes its batches before they are taken. Steps own their tensors, so they are safe.
    /// </summary>
    public static void ThrowIfItDisposesBatches(object source)
    {
        for (var at = source; at is not IEnumerable<MixupStep>; at = ((IDerivedSequence)at).Source)
        {
            if (at is IDerivedSequence)
            {
                continue;
            }

            if (LoaderType(at)?.GetProperty(nameof(DataLoader.DisposeBatch))?.GetValue(at) is true)
            {
                throw Check.Error(
                    nameof(source),
                    "The DataLoader disposes each batch when it makes the next one, so prefetched batches would be disposed before " +
                    "they are taken. " +
                    "Build it with disposeBatch: false, or mix in the loader by strategy.Collate or strategy.Mix, whose batches own " +
                    "their memory.");
            }

            return;
        }
    }

    private static Type? LoaderType(object source)
    {
        var type = source.GetType();
        while (type is not null && !(type.IsGenericType && type.GetGenericTypeDefinition() == typeof(DataLoader<,>)))
        {
            type = type.BaseType;
        }

        return type;
    }
}
