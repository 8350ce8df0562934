using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A model whose forward passes are watched while a step is open. No pass is seen of a model that has no typed hooks or is run by
/// <c>forward()</c>.
/// </summary>
internal sealed class WatchedModel
{
    private readonly ModuleHook? before;
    private readonly ModuleHook? after;
    private Action? began;
    private Action<object>? ended;

    public WatchedModel(nn.Module model, IReadOnlyList<nn.Module> modules, bool givesSeveral, CalledModules called)
    {
        (Name, Modules, GivesSeveral, Called) = (model.GetType().Name, modules, givesSeveral, called);
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

    /// <summary>Whether any forward pass was ever seen.</summary>
    public bool ShowsPasses { get; set; }

    /// <summary>Whether the model returns something else than one tensor.</summary>
    public bool GivesSeveral { get; }

    /// <summary>The modules that ran by <c>call()</c> in the first forward pass.</summary>
    public CalledModules Called { get; }

    /// <summary>The numbers of the results that do not come from a module, by its name. A module has an entry once this is known.</summary>
    public Dictionary<string, HashSet<int>> Unmixed { get; } = [];

    public void Watch(Action passBegan, Action<object> passEnded)
    {
        (began, ended) = (passBegan, passEnded);
        Called.Watch();
        before?.Register();
        after?.Register();
    }

    public void Unwatch()
    {
        Called.Unwatch();
        before?.Remove();
        after?.Remove();
        (began, ended) = (null, null);
    }
}
