using System.Reflection;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>A module whose result is a tensor, or a tuple that begins with one, and can be replaced while the module is hooked.</summary>
internal sealed class HookableModule
{
    private readonly ModuleHook hook;
    private Func<Tensor, Tensor>? replace;

    private HookableModule(nn.Module module, Type result)
    {
        Kind = module.GetType().Name;
        hook = ModuleHook.After(
            module, result == typeof(Tensor) ? output => Replace((Tensor)output) : output => ReplaceFirst(output, result))!;
    }

    /// <summary>The name of the module's type.</summary>
    public string Kind { get; }

    /// <summary>A module as one that can be hooked; null where it cannot.</summary>
    public static HookableModule? Of(nn.Module module) => ResultOf(module) is { } result ? new HookableModule(module, result) : null;

    /// <summary>The type of a module's result, if it can be hooked.</summary>
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
            // The output is a boxed copy, so it can be changed, whatever the number of its items.
            type.GetField("Item1")!.SetValue(output, first);
            return output;
        }

        // A Tuple<...> cannot: it is made anew. The parameters of its constructor are its properties, of which the eighth is the rest.
        var others = type.GetConstructors()[0].GetParameters().Skip(1).Select(parameter =>
            type.GetProperty(parameter.Name!, BindingFlags.IgnoreCase | BindingFlags.Public | BindingFlags.Instance)!.GetValue(output));
        return Activator.CreateInstance(type, [first, .. others])!;
    }
}
