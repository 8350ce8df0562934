using TorchSharp.Modules;

namespace TorchSharp.Mixup;

/// <summary>What must be known of TorchSharp's loaders, whatever they load.</summary>
internal static class Loaders
{
    /// <summary>The loader behind a source; null where there is none, or it cannot be seen.</summary>
    public static object? Behind(object source)
    {
        while (source is IDerivedSequence derived)
        {
            source = derived.Source;
        }

        return LoaderType(source) is null ? null : source;
    }

    /// <summary>Refuses a loader whose batches do not live until they are taken. Steps own what they hold.</summary>
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
                    "The DataLoader disposes each batch when it makes the next one, so none would live until it is taken. " +
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
