using System.Collections;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What items of sources hold, whatever their shape.</summary>
internal static class ItemParts
{
    /// <summary>
    /// The tensors and other disposable objects of an item: itself, or those in tuples, in collections, and the tensors that it has as
    /// properties.
    /// </summary>
    public static IEnumerable<IDisposable> Of(object? item) => item switch
    {
        null or string => [],
        IDisposable and (Tensor or MixupStep) => [(IDisposable)item],
        ITuple tuple => Enumerable.Range(0, tuple.Length).SelectMany(i => Of(tuple[i])),
        IDictionary dictionary => dictionary.Values.Cast<object?>().SelectMany(Of),
        ICollection collection => collection.Cast<object?>().SelectMany(Of),
        IDisposable disposable => [disposable, .. TensorsIn(item)],
        _ => TensorsIn(item),
    };

    /// <summary>Whether something that an item holds is disposed. One that cannot be looked into is not judged.</summary>
    public static bool AnyIsDisposed(object? item)
    {
        try
        {
            return Of(item).Any(part => part is Tensor { IsInvalid: true } or MixupStep { IsDisposed: true });
        }
        catch (Exception)
        {
            return false;
        }
    }

    private static IEnumerable<Tensor> TensorsIn(object item) => item.GetType().IsPrimitive
        ? []
        : item.GetType().GetProperties()
            .Where(property => property.GetIndexParameters().Length == 0)
            .Where(property => property.PropertyType == typeof(Tensor) || property.PropertyType.IsAssignableTo(typeof(IEnumerable<Tensor>)))
            .SelectMany(property => property.GetValue(item) switch
            {
                Tensor tensor => [tensor],
                ICollection tensors => tensors.OfType<Tensor>(),
                _ => [],
            });
}
