using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What items of sources hold: themselves, or what is in tuples, in collections, and in the fields of other objects.</summary>
internal static class ItemParts
{
    private const BindingFlags AllFields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>The tensors and other disposable objects of an item.</summary>
    public static IEnumerable<IDisposable> Of(object? item) => item switch
    {
        null => [],
        Tensor or MixupStep => [(IDisposable)item],
        _ when Elements(item) is { } elements => elements.SelectMany(Of),
        IDisposable disposable => [disposable, .. TensorsIn(item)],
        _ => TensorsIn(item),
    };

    /// <summary>Whether an item surely holds no other tensors than those that <see cref="Of"/> finds.</summary>
    public static bool IsKnown(object? item) =>
        item is null or string or Tensor or MixupStep
        || item.GetType().IsPrimitive
        || (Elements(item) is { } elements
            ? elements.All(IsKnown)
            : item.GetType() is { BaseType: { } parent } type
                && (parent == typeof(object) || parent == typeof(ValueType))
                && type.GetFields(AllFields).All(field => field.FieldType.IsPrimitive || field.FieldType == typeof(string)
                    || field.FieldType == typeof(MixupStep) || HoldsTensors(field)));

    /// <summary>Whether something that an item holds is disposed.</summary>
    public static bool AnyIsDisposed(object? item) =>
        Of(item).Any(part => part is Tensor { IsInvalid: true } or MixupStep { IsDisposed: true });

    private static IEnumerable<object?>? Elements(object item) => item switch
    {
        ITuple tuple => Enumerable.Range(0, tuple.Length).Select(i => tuple[i]),
        IDictionary dictionary => dictionary.Values.Cast<object?>(),
        ICollection collection => collection.Cast<object?>(),
        _ => null,
    };

    private static IEnumerable<Tensor> TensorsIn(object item) => item.GetType().GetFields(AllFields)
        .Where(HoldsTensors)
        .SelectMany(field => field.GetValue(item) switch
        {
            Tensor tensor => [tensor],
            ICollection tensors => tensors.OfType<Tensor>(),
            _ => [],
        });

    private static bool HoldsTensors(FieldInfo field) =>
        field.FieldType == typeof(Tensor) || field.FieldType.IsAssignableTo(typeof(IEnumerable<Tensor>));
}
