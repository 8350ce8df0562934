using System.Reflection;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>A module that returns a tensor, or a tuple whose first item is one. A hook can replace this tensor.</summary>
internal sealed class HookableModule
{
    private readonly ModuleHook hook;
    private Func<Tensor, Tensor>? replace;

    private HookableModule(nn.Module module, Type result)
    {
        (Kind, GivesTuple) = (module.GetType().Name, result != typeof(Tensor));
        hook = ModuleHook.After(
            module, result == typeof(Tensor) ? output => Replace((Tensor)output) : output => ReplaceFirst(output, result))!;
    }

    /// <summary>The name of the module's type.</summary>
    public string Kind { get; }

    /// <summary>Whether the module returns a tuple, whose first item alone is replaced.</summary>
    public bool GivesTuple { get; }

    /// <summary>Makes a hookable module; null if the module cannot be hooked.</summary>
    public static HookableModule? Of(nn.Module module) => ResultOf(module) is { } result ? new HookableModule(module, result) : null;

    /// <summary>The type of a module's result; null if the module cannot be hooked.</summary>
    public static Type? ResultOf(nn.Module module) =>
        ModuleHook.ResultOf(module) is { } result && (result == typeof(Tensor) || BeginsWithTensor(result)) ? result : null;

    public void Hook(Func<Tensor, Tensor> replacement)
    {
        replace = replacement;
        hook.Register();
    }

    public void Unhook()
    {
        hook.Remove();
        replace = null;
    }

    private static bool BeginsWithTensor(Type type) =>
        type.IsAssignableTo(typeof(ITuple)) && type.IsGenericType && type.GetGenericArguments()[0] == typeof(Tensor);

    private Tensor Replace(Tensor output) => replace?.Invoke(output) ?? output;

    private object ReplaceFirst(object output, Type type)
    {
        var first = Replace((Tensor)((ITuple)output)[0]!);
        if (type.IsValueType)
        {
            // The output is a boxed copy, so its field can be set, whatever the number of items.
            type.GetField("Item1")!.SetValue(output, first);
            return output;
        }

        // A Tuple<...> is immutable, so a new one is made. Its constructor takes its properties in order; the eighth holds the rest.
        var others = type.GetConstructors()[0].GetParameters().Skip(1).Select(parameter =>
            type.GetProperty(parameter.Name!, BindingFlags.IgnoreCase | BindingFlags.Public | BindingFlags.Instance)!.GetValue(output));
        return Activator.CreateInstance(type, [first, .. others])!;
    }
}
