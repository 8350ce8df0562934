using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Where manifold mixup may mix. Give at most one of <see cref="Modules"/>, <see cref="Names"/> and <see cref="Where"/>; given none, the places are found as
/// <see cref="ManifoldMixup"/> tells.
/// </summary>
public sealed record ManifoldPlaces
{
    /// <summary>The eligible modules themselves. Default null: not chosen this way.</summary>
    public IReadOnlyList<nn.Module>? Modules { get; init; }

    /// <summary>Their names as in <c>named_modules</c>, in which <c>*</c> stands for anything and <c>?</c> for one character. Default null: not chosen this way.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>Which ones, by name and module. Default null: not chosen this way.</summary>
    public Func<string, nn.Module, bool>? Where { get; init; }

    /// <summary>Whether the input is eligible, too; never for inputs of integers, such as token ids. Default true.</summary>
    public bool Input { get; init; } = true;

    /// <summary>
    /// Relative weights of places by name, with wildcards as in <see cref="Names"/>, and <c>input</c> for the input; others have weight 1 (Verma et al. 2019, table 5). Each is finite, 0 or more.
    /// Default null: all alike.
    /// </summary>
    public IReadOnlyDictionary<string, double>? Weights { get; init; }

    /// <summary>Where the choice of modules is told, once, and warnings go. Default: <see cref="System.Diagnostics.Trace"/>.</summary>
    public Action<string> Log { get; init; } = message => System.Diagnostics.Trace.WriteLine(message, "mixup");
}
