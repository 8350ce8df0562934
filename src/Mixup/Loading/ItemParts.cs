using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Finds the tensors and other disposable objects in an item: the item itself, elements of tuples and collections, and fields of other
/// objects.
/// </summary>
internal static class ItemParts
{
    private const BindingFlags AllFields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>Returns the tensors and other disposable objects of an item.</summary>
    public static IEnumerable<IDisposable> Of(object? item) => item switch
    {
        null => [],
        Tensor or MixupStep => [(IDisposable)item],
        _ when Elements(item) is { } elements => elements.SelectMany(Of),
        IDisposable disposable => [disposable, .. TensorsIn(item)],
        _ => TensorsIn(item),
    };

    /// <summary>Returns whether <see cref="Of"/> certainly finds all tensors of an item.</summary>
    public static bool IsKnown(object? item) => item is null or string or Tensor or MixupStep
        || item.GetType().IsPrimitive
        || (Elements(item) is { } elements
            ? elements.All(IsKnown)
            : FieldsOf(item.GetType()).All(field => field.FieldType.IsPrimitive || field.GetValue(item) is null or string or Tensor
                or MixupStep or IReadOnlyCollection<Tensor>));

    /// <summary>Returns whether an object in an item is disposed.</summary>
    public static bool AnyIsDisposed(object? item) =>
        Of(item).Any(part => part is Tensor { IsInvalid: true } or MixupStep { IsDisposed: true });

    private static IEnumerable<object?>? Elements(object item) => item switch
    {
        ITuple tuple => Enumerable.Range(0, tuple.Length).Select(i => tuple[i]),
        IDictionary dictionary => dictionary.Keys.Cast<object?>().Concat(dictionary.Values.Cast<object?>()),
        ICollection collection => HoldsNumbers(collection.GetType()) ? [] : collection.Cast<object?>(),
        IReadOnlyCollection<Tensor> tensors => tensors,
        _ => null,
    };

    /// <summary>Returns whether the elements of a collection are numbers. They are skipped, since there may be millions.</summary>
    private static bool HoldsNumbers(Type type) =>
        type.GetElementType() is { IsPrimitive: true } || (type.IsGenericType && type.GetGenericArguments() is [{ IsPrimitive: true }]);

    private static IEnumerable<Tensor> TensorsIn(object item) => FieldsOf(item.GetType()).SelectMany(field => field.GetValue(item) switch
    {
        Tensor tensor => [tensor],
        IReadOnlyCollection<Tensor> tensors => tensors,
        _ => Enumerable.Empty<Tensor>(),
    });

    /// <summary>Returns the fields of a type and of its base classes.</summary>
    private static IEnumerable<FieldInfo> FieldsOf(Type? type)
    {
        for (; type is not null && !type.IsPrimitive; type = type.BaseType)
        {
            foreach (var field in type.GetFields(AllFields | BindingFlags.DeclaredOnly))
            {
                yield return field;
            }
        }
    }
}
