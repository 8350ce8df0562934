using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>A module whose output may be mixed, and the dimension of the batch in it.</summary>
internal sealed record EligibleModule(string Name, HookableModule Module, BatchDimension Batch);

/// <summary>Selects the eligible modules of a model, and explains why the others are not eligible.</summary>
internal sealed class PlaceFinder
{
    private static readonly string[] Recurrent = ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"];
    private readonly nn.Module model;
    private readonly List<(string Name, nn.Module Module)> modules;
    private readonly nn.Module? lastLinear;
    private readonly bool hasTimeFirst; // some module of the model
    private readonly StringBuilder explanation = new();

    public PlaceFinder(nn.Module model, ManifoldPlaces places, bool twoOutputs)
    {
        this.model = model;
        modules = [.. Below(model, string.Empty)];
        lastLinear = modules.LastOrDefault(pair => pair.Module is Linear).Module;
        GivesSeveral = ModuleHook.ResultOf(model) is { } result && result != typeof(Tensor);
        var (rule, chosen) = Choose(places, twoOutputs);
        explanation.AppendLine($"manifold mixup of {model.GetType().Name}: {rule}");
        CheckMatches(places.BatchDimensions.Select(pair => pair.Pattern), chosen);
        CheckMatches(places.ModuleWeights.Select(pair => pair.Pattern), chosen);
        hasTimeFirst = modules.Any(pair => BatchDimension.Of(pair.Module) == 1) || BatchDimension.Of(model) == 1;
        Eligible = [.. chosen.Select(pair => new EligibleModule(pair.Name, Hookable(pair), BatchDimensionOf(pair, places)))];
        Explain(places);
    }

    /// <summary>The model, and all modules below it.</summary>
    public IReadOnlyList<nn.Module> Modules => [model, .. modules.Select(pair => pair.Module)];

    /// <summary>All modules below the model, with their names.</summary>
    public IReadOnlyList<(string Name, nn.Module Module)> Named => modules;

    /// <summary>Whether the model returns something else than one tensor.</summary>
    public bool GivesSeveral { get; }

    /// <summary>The eligible modules, each before its parts, in the order of registration.</summary>
    public IReadOnlyList<EligibleModule> Eligible { get; }

    /// <summary>The rule that applied, and for each module whether it is eligible and why.</summary>
    public string Explanation => explanation.ToString();

    /// <summary>Warnings about eligible modules that are known to be poor places.</summary>
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
            CheckMatches(patterns, modules);
            return ("the names that were given", [.. modules.Where(pair => patterns.Any(pattern => pattern.Matches(pair.Name)))]);
        }

        if (places.Predicate is { } predicate)
        {
            return NotEmpty("the predicate that was given", [.. modules.Where(pair => predicate(pair.Name, pair.Module))]);
        }

        if (twoOutputs && IsUNet() && !modules.Any(pair => pair.Module is MixupPoint))
        {
            // A mixed module returns 2B rows, but a skip connection around it keeps B, and the decoder cannot join the two.
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

    /// <summary>Refuses a pattern that matches none of some modules.</summary>
    private void CheckMatches(IEnumerable<NamePattern> patterns, List<(string Name, nn.Module Module)> among)
    {
        if (patterns.FirstOrDefault(pattern => !among.Any(pair => pattern.Matches(pair.Name))) is not { } unmatched)
        {
            return;
        }

        var kind = among == modules ? "module" : "eligible module";
        string[] names = [.. among.Select(pair => pair.Name)];
        string[] nearest = [.. unmatched.OrderByLikeness(names).Take(NameList.Most).Select(name => $"'{name}'")];
        var wider = unmatched.AcrossDots();
        string[] deeper = [.. names.Where(wider.Matches).Select(name => $"'{name}'")];
        var hint = (deeper.Length, nearest.Length) switch
        {
            ( > 0, _) => $"* does not cross a dot. '{wider.Text}' matches {NameList.Of(deeper)}. Use ** where dots may follow.",
            (_, 0) => "there is none. Leave the pattern out, or name modules by ManifoldPlaces.Named.",
            _ => $"the {(names.Length > nearest.Length ? "nearest of the " : string.Empty)}{kind}s are {string.Join(", ", nearest)}. " +
                "Give one of them, or a pattern: * within a name, ** across dots.",
        };
        throw Check.Error("places", $"No {kind} is called '{unmatched.Text}'; {hint}");
    }

    private BatchDimension BatchDimensionOf((string Name, nn.Module Module) pair, ManifoldPlaces places)
    {
        var stated = places.BatchDimensions
            .Where(entry => entry.Pattern.Matches(pair.Name))
            .Select(entry => (int?)entry.Dimension)
            .FirstOrDefault();
        return new BatchDimension(stated, BatchDimension.Of(pair.Module), hasTimeFirst);
    }

    private (string Name, nn.Module Module) Find(nn.Module given)
    {
        var found = modules.FirstOrDefault(pair => ReferenceEquals(pair.Module, given));
        if (found.Module is not null)
        {
            return found;
        }

        throw Check.Error("places", ReferenceEquals(given, model)
            ? "The model itself is no place inside it. Use OutputMixup, which mixes the prediction."
            : $"A given module ({given.GetType().Name}) is not in the model; its modules are " +
                $"{NameList.Of(modules.Select(pair => $"'{pair.Name}'"))}. Give one of them.");
    }

    private (string Rule, List<(string Name, nn.Module Module)> Chosen) NotEmpty(
        string rule, List<(string Name, nn.Module Module)> chosen)
    {
        if (chosen.Count > 0)
        {
            return (rule, chosen);
        }

        throw Check.Error(
            "model",
            $"No module of {model.GetType().Name} can be mixed by {rule}. {Seen()}. " +
            "Name some by ManifoldPlaces.Named, or put a MixupPoint into the model.");
    }

    private string Seen() => modules.Count == 0
        ? "It has no modules inside"
        : $"Seen: {string.Join("; ", modules.Select(pair => $"'{pair.Name}' {Reason(pair) ?? pair.Module.GetType().Name}"))}";

    private HookableModule Hookable((string Name, nn.Module Module) pair)
    {
        if (ScriptedAncestor(pair.Name) is { } scripted)
        {
            throw Check.Error("places", $"'{pair.Name}' is part of the scripted module '{scripted}', which runs without hooks. Choose " +
                "a module outside of it.");
        }

        if (HookableModule.Of(pair.Module) is { } hookable)
        {
            return hookable;
        }

        var reason = pair.Module is jit.ScriptModule
            ? "is a scripted module without typed hooks"
            : "gives no tensor, and no tuple that begins with one";
        throw Check.Error("places", $"'{pair.Name}' ({pair.Module.GetType().Name}) cannot be mixed: it {reason}. " +
            "Choose another module, or put a MixupPoint behind it.");
    }

    /// <summary>The reason why a rule leaves out a module that was not asked for; null if there is none.</summary>
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
        var chosen = Eligible.ToDictionary(eligible => eligible.Name);
        explanation.AppendLine(places.InputWeight is null ? "  not mixed  input: not chosen" : "  mixed      input (if it is floating)");
        foreach (var pair in modules)
        {
            var kind = pair.Module.GetType().Name;
            if (!chosen.TryGetValue(pair.Name, out var eligible))
            {
                explanation.AppendLine($"  not mixed  {pair.Name} ({kind}): {Reason(pair) ?? "not chosen"}");
                continue;
            }

            string?[] notes =
            [
                eligible.Module.GivesTuple ? "the first of its outputs" : null,
                eligible.Batch.Known > 0 ? $"the batch is dimension {eligible.Batch.Known}" : null,
            ];
            var noted = string.Join("; ", notes.OfType<string>());
            explanation.AppendLine($"  mixed      {pair.Name} ({kind}){(noted.Length > 0 ? ": " : string.Empty)}{noted}");
        }
    }

    // In the order of the layers. TorchSharp's own named_modules lists all children before any of their parts.
    private static IEnumerable<(string Name, nn.Module Module)> Below(nn.Module module, string prefix) =>
        module.named_children().SelectMany(
            child => Below(child.module, $"{prefix}{child.name}.").Prepend((prefix + child.name, child.module)));

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
}
