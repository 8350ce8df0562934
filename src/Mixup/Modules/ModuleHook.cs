using System.Linq.Expressions;
using System.Reflection;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A hook on the calls of a module, whatever the number of its arguments. Each arity has a base class and a hook type of its own, so a hook
/// is built once for a module, and registered for one step at a time.
/// </summary>
internal sealed class ModuleHook(Func<object> register)
{
    private object? remover;

    /// <summary>A hook that runs before each call; null where the module has none.</summary>
    public static ModuleHook? Before(nn.Module module, Action action)
    {
        Action<nn.Module> hook = _ => action();
        return Registration(module.GetType(), "register_forward_pre_hook", typeof(Action<nn.Module>).Name) is { } registration
            ? new ModuleHook(() => registration.Invoke(module, [hook])!)
            : null;
    }

    /// <summary>A hook that may replace the result of each call; null where the module has none.</summary>
    public static ModuleHook? After(nn.Module module, Func<object, object> replace)
    {
        if (module is nn.Module<Tensor, Tensor> simple)
        {
            Func<nn.Module<Tensor, Tensor>, Tensor, Tensor, Tensor> hook = (_, _, output) => (Tensor)replace(output);
            return new ModuleHook(() => simple.register_forward_hook(hook));
        }

        if (AfterRegistration(module.GetType()) is not { } registration)
        {
            return null;
        }

        // (module, inputs..., output) => the output, replaced
        var type = registration.GetParameters()[0].ParameterType;
        var parameters = type.GetMethod("Invoke")!.GetParameters().Select(
            parameter => Expression.Parameter(parameter.ParameterType)).ToArray();
        var output = Expression.Convert(parameters[^1], typeof(object));
        var body = Expression.Convert(Expression.Invoke(Expression.Constant(replace), output), parameters[^1].Type);
        var built = Expression.Lambda(type, body, parameters).Compile();
        return new ModuleHook(() => registration.Invoke(module, [built])!);
    }

    /// <summary>The type of a module's result; null where it has no typed hook.</summary>
    public static Type? ResultOf(nn.Module module) =>
        AfterRegistration(module.GetType())?.GetParameters()[0].ParameterType.GetGenericArguments()[^1];

    public void Register() => remover ??= register();

    public void Remove()
    {
        remover?.GetType().GetMethod("remove")!.Invoke(remover, null);
        remover = null;
    }

    // One overload takes a plain action, which cannot replace anything.
    private static MethodInfo? AfterRegistration(Type type) => Registration(type, "register_forward_hook", "Func`");

    private static MethodInfo? Registration(Type type, string name, string hook) =>
        type.GetMethods().FirstOrDefault(
            method => method.Name == name && method.GetParameters()[0].ParameterType.Name.StartsWith(hook, StringComparison.Ordinal));
}
