using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A model whose forward passes are watched while a step is open. A model without typed hooks, or one that is run by <c>forward()</c>,
/// shows no pass.
/// </summary>
internal sealed class WatchedModel
{
    private readonly ModuleHook? before;
    private readonly ModuleHook? after;
    private Action? began;
    private Action<object>? ended;

    public WatchedModel(nn.Module model, IReadOnlyList<nn.Module> modules, bool givesSeveral)
    {
        (Name, Modules, GivesSeveral) = (model.GetType().Name, modules, givesSeveral);
        before = ModuleHook.Before(model, () => began?.Invoke());
        after = ModuleHook.After(model, result =>
        {
            ended?.Invoke(result);
            return result;
        });
    }

    /// <summary>The name of the model's type.</summary>
    public string Name { get; }

    /// <summary>The model and all modules below it.</summary>
    public IReadOnlyList<nn.Module> Modules { get; }

    /// <summary>Whether any pass of it was ever seen.</summary>
    public bool ShowsPasses { get; set; }

    /// <summary>Whether it returns something else than one tensor.</summary>
    public bool GivesSeveral { get; }

    /// <summary>For each module where it was asked, the results that do not come from there.</summary>
    public Dictionary<string, HashSet<int>> Unmixed { get; } = [];

    public void Watch(Action passBegan, Action<object> passEnded)
    {
        (began, ended) = (passBegan, passEnded);
        before?.Register();
        after?.Register();
    }

    public void Unwatch()
    {
        before?.Remove();
        after?.Remove();
        (began, ended) = (null, null);
    }
}
