using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Records which modules run by <c>call()</c> in the first forward pass of a model, and checks that every module that may be drawn does.
/// A module that is run by <c>forward()</c> bypasses hooks.
/// </summary>
/// <param name="modelName">The name of the model's type.</param>
/// <param name="modules">All modules of the model with their names.</param>
/// <param name="drawn">The names of those that may be drawn.</param>
internal sealed class CalledModules(
    string modelName, IReadOnlyList<(string Name, nn.Module Module)> modules, IReadOnlyList<string> drawn)
{
    private readonly List<ModuleHook> hooks = [];
    private readonly HashSet<string> called = [];
    private bool isDone = drawn.Count == 0;

    /// <summary>Starts recording, unless an earlier pass has run all of them.</summary>
    public void Watch()
    {
        Unwatch();
        foreach (var (name, module) in isDone ? [] : modules)
        {
            if (ModuleHook.Before(module, () => called.Add(name)) is { } hook)
            {
                hooks.Add(hook);
                hook.Register();
            }
        }
    }

    /// <summary>Forgets what ran. Call it when a pass begins.</summary>
    public void Clear() => called.Clear();

    /// <summary>Checks what ran. Call it when a pass ends, or when a prediction is there.</summary>
    /// <param name="isPassSeen">Whether the model itself ran by <c>call()</c>.</param>
    /// <exception cref="InvalidOperationException">A module that may be drawn did not run in it.</exception>
    public void Check(bool isPassSeen)
    {
        if (isDone)
        {
            return;
        }

        string[] ran = Describe(pair => called.Contains(pair.Name));
        string[] missing = Describe(pair => drawn.Contains(pair.Name) && !called.Contains(pair.Name));
        if (missing.Length > 0)
        {
            var pass = isPassSeen ? $"In the first forward pass of {modelName}," : $"{modelName} did not run by call() in this step, and";
            throw new InvalidOperationException(
                $"{pass} {missing.Length} of {drawn.Count} eligible modules did not run by call(): {NameList.Of(missing)}. " +
                $"These modules ran by call(): {(ran.Length == 0 ? "none" : NameList.Of(ran))}. " +
                "A batch cannot be mixed at a module that is run by forward(), since forward() bypasses hooks. " +
                "Run the model by call() within the step; in its forward method, write layer.call(x) instead of layer.forward(x). " +
                (isPassSeen ? "" : "If you ran another model, build the strategy with that one. ") +
                "If the model does not use a module in every pass, or the module was replaced or disposed, choose other places by " +
                "ManifoldPlaces.Named, or give the module weight 0 by WithWeights.");
        }

        isDone = true;
        Unwatch();
    }

    /// <summary>Stops recording, and removes the hooks.</summary>
    public void Unwatch()
    {
        hooks.ForEach(hook => hook.Remove());
        hooks.Clear();
        called.Clear();
    }

    private string[] Describe(Func<(string Name, nn.Module Module), bool> predicate) =>
        [.. modules.Where(predicate).Select(pair => $"'{pair.Name}' ({pair.Module.GetType().Name})")];
}
