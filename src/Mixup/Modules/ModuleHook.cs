using System.Linq.Expressions;
using System.Reflection;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A hook on the calls of a module with any number of arguments. TorchSharp has a base class and a hook type for each number, so the hook
/// is built by reflection, once for a module. It is registered for one step at a time.
/// </summary>
internal sealed class ModuleHook(Func<object> register)
{
    private object? remover;

    /// <summary>Makes a hook that runs before each call; null if the type of the module has no hooks.</summary>
    public static ModuleHook? Before(nn.Module module, Action action)
    {
        Action<nn.Module> hook = _ => action();
        return Registration(module.GetType(), "register_forward_pre_hook", typeof(Action<nn.Module>).Name) is { } registration
            ? new ModuleHook(() => registration.Invoke(module, [hook])!)
            : null;
    }

    /// <summary>Makes a hook that may replace the result of each call; null if the type of the module has no typed hooks.</summary>
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

        // (module, inputs..., output) => replace(output)
        var type = registration.GetParameters()[0].ParameterType;
        var parameters = type.GetMethod("Invoke")!.GetParameters().Select(
            parameter => Expression.Parameter(parameter.ParameterType)).ToArray();
        var output = Expression.Convert(parameters[^1], typeof(object));
        var body = Expression.Convert(Expression.Invoke(Expression.Constant(replace), output), parameters[^1].Type);
        var built = Expression.Lambda(type, body, parameters).Compile();
        return new ModuleHook(() => registration.Invoke(module, [built])!);
    }

    /// <summary>The type of a module's result; null if the type of the module has no typed hooks.</summary>
    public static Type? ResultOf(nn.Module module) =>
        AfterRegistration(module.GetType())?.GetParameters()[0].ParameterType.GetGenericArguments()[^1];

    public void Register() => remover ??= register();

    public void Remove()
    {
        remover?.GetType().GetMethod("remove")!.Invoke(remover, null);
        remover = null;
    }

    // Another overload takes an Action, which cannot replace the result.
    private static MethodInfo? AfterRegistration(Type type) => Registration(type, "register_forward_hook", "Func`");

    private static MethodInfo? Registration(Type type, string name, string hook) =>
        type.GetMethods().FirstOrDefault(
            method => method.Name == name && method.GetParameters()[0].ParameterType.Name.StartsWith(hook, StringComparison.Ordinal));
}
