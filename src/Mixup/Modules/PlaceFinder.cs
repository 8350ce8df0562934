using System.IO.Enumeration;
using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>An eligible module.</summary>
internal sealed record EligibleModule(string Name, HookableModule Module);

/// <summary>Which modules of a model may be mixed, and why the others may not.</summary>
internal sealed class PlaceFinder
{
    private static readonly string[] Recurrent = ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"];
    private readonly nn.Module model;
    private readonly List<(string Name, nn.Module Module)> modules;
    private readonly nn.Module? lastLinear;
    private readonly StringBuilder explanation = new();

    public PlaceFinder(nn.Module model, ManifoldPlaces places, bool twoOutputs)
    {
        this.model = model;
        modules = [.. Below(model, string.Empty)];
        lastLinear = modules.LastOrDefault(pair => pair.Module is Linear).Module;
        GivesSeveral = ModuleHook.ResultOf(model) is { } result && result != typeof(Tensor);
        var (rule, chosen) = Choose(places, twoOutputs);
        explanation.AppendLine($"manifold mixup of {model.GetType().Name}: {rule}");
        Eligible = [.. chosen.Select(pair => new EligibleModule(pair.Name, Hookable(pair)))];
        Explain(places);
    }

    /// <summary>The model, and all modules below it.</summary>
    public IReadOnlyList<nn.Module> Modules => [model, .. modules.Select(pair => pair.Module)];

    /// <summary>Whether the model returns something else than one tensor.</summary>
    public bool GivesSeveral { get; }

    /// <summary>The eligible modules, each before its parts, in the order of registration.</summary>
    public IReadOnlyList<EligibleModule> Eligible { get; }

    /// <summary>What was chosen, by which rule, and why not the rest.</summary>
    public string Explanation => explanation.ToString();

    /// <summary>Warnings about places that are known to be poor.</summary>
    public IEnumerable<string> Warnings =>
        from eligible in Eligible
        let branch = ResidualAncestor(eligible.Name)
        where branch is not null
        select $"module '{eligible.Name}' ({eligible.Module.Kind}) lies inside '{branch}', which looks residual: mixing one branch alone " +
            "spoils the sum. Prefer the whole block.";

    private (string Rule, List<(string Name, nn.Module Module)> Chosen) Choose(ManifoldPlaces places, bool twoOutputs)
    {
        if (places.GivenModules is { } given)
        {
            return ("the modules that were given", [.. given.Select(Find)]);
        }

        if (places.Patterns is { } patterns)
        {
            var unmatched = patterns.FirstOrDefault(pattern => !modules.Any(pair => Matches(pattern, pair.Name)));
            return unmatched is null
                ? ("the names that were given", [.. modules.Where(pair => patterns.Any(pattern => Matches(pattern, pair.Name)))])
                : throw new ArgumentException($"No module is called '{unmatched}'; the modules are {Listing()}.", nameof(places));
        }

        if (places.Predicate is { } predicate)
        {
            return NotEmpty("the predicate that was given", [.. modules.Where(pair => predicate(pair.Name, pair.Module))]);
        }

        if (twoOutputs && IsUNet() && !modules.Any(pair => pair.Module is MixupPoint))
        {
            // From a module on there are 2B rows, but what skips it keeps B, and the decoder cannot join the two.
            const string rule = "the input alone, since two outputs a pair do not fit the skipped connections of a U-Net; " +
                "a MixupPoint or names decide otherwise";
            return places.InputWeight is null ? NotEmpty(rule, []) : (rule, []);
        }

        (string Rule, Func<(string Name, nn.Module Module), bool> Applies)[] rules =
        [
            ("the modules marked by a MixupPoint", pair => pair.Module is MixupPoint),
            ("the decoder blocks of the U-Net", pair => IsUNet() && IsDecoderBlock(pair.Module) && Reason(pair) is null),
            ("the modules whose type says block or bottleneck, outermost first", pair =>
                    IsBlock(pair.Module) && Reason(pair) is null
                        && !modules.Any(outer => IsInside(pair.Name, outer.Name) && IsBlock(outer.Module))),
            ("all modules that can be mixed", pair => Reason(pair) is null),
        ];
        foreach (var (rule, applies) in rules)
        {
            var chosen = modules.Where(applies).ToList();
            if (chosen.Count > 0)
            {
                return (rule, chosen);
            }
        }

        return NotEmpty("any rule", []);
    }

    private (string Name, nn.Module Module) Find(nn.Module? given)
    {
        var found = modules.FirstOrDefault(pair => ReferenceEquals(pair.Module, given));
        return found.Module is not null
            ? found
            : throw Check.Error("places", ReferenceEquals(given, model)
                ? "The model itself is no place inside it: use OutputMixup."
                : $"A given module ({given?.GetType().Name ?? "null"}) is not in the model; its modules are {Listing()}.");
    }

    private (string Rule, List<(string Name, nn.Module Module)> Chosen) NotEmpty(
        string rule, List<(string Name, nn.Module Module)> chosen) => chosen.Count > 0
        ? (rule, chosen)
        : throw Check.Error(
            "model",
            $"No module of {model.GetType().Name} can be mixed by {rule}. {Seen()}. " +
            "Name some by ManifoldPlaces.Named, or put a MixupPoint into the model.");

    private string Seen() => modules.Count == 0
        ? "It has no modules inside"
        : $"Seen: {string.Join("; ", modules.Select(pair => $"'{pair.Name}' {Reason(pair) ?? pair.Module.GetType().Name}"))}";

    private HookableModule Hookable((string Name, nn.Module Module) pair) =>
        ScriptedAncestor(pair.Name) is { } scripted
            ? throw Check.Error("places", $"'{pair.Name}' is part of the scripted module '{scripted}', which runs without hooks: choose " +
                "a module outside of it.")
            : HookableModule.Of(pair.Module) ?? throw new ArgumentException(
                $"'{pair.Name}' ({pair.Module.GetType().Name}) cannot be mixed: it " +
                (pair.Module is jit.ScriptModule
                    ? "is a scripted module without typed hooks"
                    : "gives no tensor, and no tuple that begins with one") +
                ". Choose another module, or put a MixupPoint behind it.");

    /// <summary>Why a module is not chosen unless it is asked for; null if it may be.</summary>
    private string? Reason((string Name, nn.Module Module) pair)
    {
        var kind = pair.Module.GetType().Name.Split('`')[0];
        return pair.Module switch
        {
            Sequential => "is a container",
            _ when kind is "ModuleList" or "ModuleDict" or "Sequential" => "is a container",
            _ when kind.Contains("Dropout", StringComparison.Ordinal)
                || kind.Contains("DropPath", StringComparison.Ordinal) => "is dropout",
            _ when kind.Contains("Norm", StringComparison.Ordinal) => "is a normalisation",
            _ when Recurrent.Contains(kind) => "is recurrent",
            _ when kind is "Flatten" or "Unflatten" => "only changes the shape",
            _ when kind is "Identity" => "is the identity",
            _ when ReferenceEquals(pair.Module, lastLinear) => "is the last linear layer",
            _ when IsHead(pair) => "is a head, since the model returns several results: the others would not be mixed",
            _ when ScriptedAncestor(pair.Name) is not null => "is inside a scripted module",
            _ when HookableModule.ResultOf(pair.Module) is null => "cannot be hooked",
            _ when HookableModule.ResultOf(pair.Module) != typeof(Tensor) => "gives a tuple",
            _ => null,
        };
    }

    private void Explain(ManifoldPlaces places)
    {
        var chosen = Eligible.Select(eligible => eligible.Name).ToHashSet();
        explanation.AppendLine(places.InputWeight is null ? "  not mixed  input: not chosen" : "  mixed      input (if it is floating)");
        foreach (var pair in modules)
        {
            var kind = pair.Module.GetType().Name;
            explanation.AppendLine(chosen.Contains(pair.Name)
                ? $"  mixed      {pair.Name} " +
                    $"({kind}){(HookableModule.ResultOf(pair.Module) == typeof(Tensor) ? string.Empty : ": the first of its outputs")}"
                : $"  not mixed  {pair.Name} ({kind}): {Reason(pair) ?? "not chosen"}");
        }
    }

    // TorchSharp's own named_modules gives all children before any of their parts: the last of these need not be the last layer.
    private static IEnumerable<(string Name, nn.Module Module)> Below(nn.Module module, string prefix) =>
        module.named_children().SelectMany(
            child => Below(child.module, $"{prefix}{child.name}.").Prepend((prefix + child.name, child.module)));

    private string Listing() => string.Join(", ", modules.Select(pair => $"'{pair.Name}'"));

    private bool IsHead((string Name, nn.Module Module) pair) =>
        GivesSeveral && pair.Module is Linear && !pair.Name.Contains('.', StringComparison.Ordinal);

    private bool IsUNet() =>
        modules.Select(pair => pair.Module).Append(model).Any(
            module => module.GetType().Name.Contains("UNet", StringComparison.OrdinalIgnoreCase));

    private static bool IsDecoderBlock(nn.Module module)
    {
        var kind = module.GetType().Name;
        return kind.Contains("Decoder", StringComparison.OrdinalIgnoreCase)
            || kind.Contains("UNetBlock", StringComparison.OrdinalIgnoreCase)
            || (kind.StartsWith("Up", StringComparison.Ordinal)
                && kind is not ("Upsample" or "UpsamplingNearest2d" or "UpsamplingBilinear2d"));
    }

    private static bool IsBlock(nn.Module module)
    {
        var kind = module.GetType().Name;
        return kind.Contains("Block", StringComparison.OrdinalIgnoreCase)
            || kind.Contains("Bottleneck", StringComparison.OrdinalIgnoreCase);
    }

    private string? ResidualAncestor(string name) => modules
        .Where(outer => IsInside(name, outer.Name) && outer.Module.GetType().Name is var kind
            && (kind.Contains("Res", StringComparison.Ordinal)
                || kind.Contains("BasicBlock", StringComparison.Ordinal)
                || kind.Contains("Bottleneck", StringComparison.Ordinal)
                || kind is "TransformerEncoderLayer" or "TransformerDecoderLayer"))
        .Select(outer => outer.Name)
        .LastOrDefault();

    private string? ScriptedAncestor(string name) =>
        modules.Where(outer => IsInside(name, outer.Name) && outer.Module is jit.ScriptModule).Select(outer => outer.Name).FirstOrDefault()
        ?? (model is jit.ScriptModule ? model.GetType().Name : null);

    private static bool IsInside(string name, string outer) => name.StartsWith(outer + ".", StringComparison.Ordinal);

    internal static bool Matches(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
}
