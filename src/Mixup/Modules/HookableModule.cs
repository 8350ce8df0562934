using System.Linq.Expressions;
using System.Reflection;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A module whose output can be replaced, whatever the number of its arguments. Only the typed <c>register_forward_hook</c> can do that; its type differs with every
/// arity, so the hook is built once for a module and registered for a step at a time.
/// </summary>
internal sealed class HookableModule
{
    private readonly Func<object> register;
    private Func<Tensor, Tensor>? replace;
    private object? remover;

    private HookableModule(nn.Module module, MethodInfo registration, Type result)
    {
        Kind = module.GetType().Name;
        if (module is nn.Module<Tensor, Tensor> simple)
        {
            Func<nn.Module<Tensor, Tensor>, Tensor, Tensor, Tensor> hook = (_, _, output) => Replace(output);
            register = () => simple.register_forward_hook(hook);
            return;
        }

        var hookType = registration.GetParameters()[0].ParameterType;
        var built = BuildHook(hookType, result);
        register = () => registration.Invoke(module, [built])!;
    }

    /// <summary>The name of the module's type.</summary>
    public string Kind { get; }

    /// <summary>A module as one that can be hooked; null where it cannot, or gives neither a tensor nor a tuple that begins with one.</summary>
    public static HookableModule? Of(nn.Module module) => Find(module) is { } found ? new HookableModule(module, found.Registration, found.Result) : null;

    /// <summary>The type of a module's output, if it can be hooked.</summary>
    public static Type? ResultOf(nn.Module module) => Find(module)?.Result;

    private static (MethodInfo Registration, Type Result)? Find(nn.Module module)
    {
        // One overload takes a plain action, which cannot replace anything.
        var registration = module.GetType().GetMethods().FirstOrDefault(method =>
            method.Name == "register_forward_hook" && method.GetParameters()[0].ParameterType is { } type && type.Name.StartsWith("Func`", StringComparison.Ordinal));
        var result = registration?.GetParameters()[0].ParameterType.GetGenericArguments()[^1];
        return result is not null && (result == typeof(Tensor) || BeginsWithTensor(result)) ? (registration!, result) : null;
    }

    public void Arm(Func<Tensor, Tensor> replacement)
    {
        replace = replacement;
        remover = register();
    }

    public void Disarm()
    {
        remover?.GetType().GetMethod("remove")!.Invoke(remover, null);
        (remover, replace) = (null, null);
    }

    private static bool BeginsWithTensor(Type type) => type.IsAssignableTo(typeof(ITuple)) && type.IsGenericType && type.GetGenericArguments()[0] == typeof(Tensor);

    private Tensor Replace(Tensor output) => replace?.Invoke(output) ?? output;

    /// <summary>A delegate of the hook's own type: (module, inputs..., output) => the output, replaced.</summary>
    private Delegate BuildHook(Type hookType, Type result)
    {
        var parameters = hookType.GetMethod("Invoke")!.GetParameters().Select(parameter => Expression.Parameter(parameter.ParameterType)).ToArray();
        Func<object, object> swap = result == typeof(Tensor)
            ? output => Replace((Tensor)output)
            : output => ReplaceFirst((ITuple)output, result);
        var body = Expression.Convert(Expression.Invoke(Expression.Constant(swap), Expression.Convert(parameters[^1], typeof(object))), result);
        return Expression.Lambda(hookType, body, parameters).Compile();
    }

    private object ReplaceFirst(ITuple output, Type type)
    {
        var items = Enumerable.Range(0, output.Length).Select(i => output[i]).ToArray();
        items[0] = Replace((Tensor)items[0]!);
        return Activator.CreateInstance(type, items)!;
    }
}
