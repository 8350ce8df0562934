using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Notes which modules run by <c>call()</c>, until one pass has run all modules that may be drawn. Others are run by <c>forward()</c>,
/// which bypasses hooks, or not at all.
/// </summary>
/// <param name="modelName">The name of the model's type.</param>
/// <param name="modules">All modules of the model with their names.</param>
/// <param name="drawn">The names of those that may be drawn.</param>
internal sealed class CalledModules(
    string modelName, IReadOnlyList<(string Name, nn.Module Module)> modules, IReadOnlyList<string> drawn)
{
    private const int MostNames = 8;
    private readonly List<ModuleHook> hooks = [];
    private readonly HashSet<string> called = [];
    private bool isDone = drawn.Count == 0;

    /// <summary>Begins to note, unless an earlier pass has run them all.</summary>
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

    /// <summary>Forgets what ran, at the beginning of a pass.</summary>
    public void Clear() => called.Clear();

    /// <summary>Checks a whole pass.</summary>
    /// <exception cref="InvalidOperationException">A module that may be drawn did not run in it.</exception>
    public void Check()
    {
        string[] missing = isDone ? [] : [.. drawn.Where(name => !called.Contains(name))];
        if (missing.Length > 0)
        {
            var ran = modules.Select(pair => pair.Name).Where(called.Contains).ToArray();
            throw new InvalidOperationException(
                $"The first forward pass of {modelName} did not run {missing.Length} of the {drawn.Count} eligible modules by call(): " +
                $"{List(missing)}. It ran {(ran.Length == 0 ? "no module" : List(ran))} by call(). " +
                "A batch cannot be mixed at a module that is run by forward(), since forward() bypasses hooks. " +
                "Run the model by call() within the step; in its forward method, write layer.call(x) instead of layer.forward(x). " +
                "If the model does not use a module in every pass, choose the places without it by ManifoldPlaces.Named, or give it the " +
                "weight 0 by WithWeights.");
        }

        isDone = true;
        Unwatch();
    }

    /// <summary>Ends noting, at the end of a step.</summary>
    public void Unwatch()
    {
        hooks.ForEach(hook => hook.Remove());
        hooks.Clear();
        called.Clear();
    }

    private static string List(string[] names) =>
        string.Join(", ", names.Take(MostNames).Select(name => $"'{name}'"))
        + (names.Length > MostNames ? $" and {names.Length - MostNames} more" : string.Empty);
}
