using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The places where manifold mixup may mix, and how often it chooses each. Immutable.</summary>
/// <remarks>
/// <see cref="Found"/> is the default: the input, and modules that <see cref="ManifoldMixup"/> finds. If you name places yourself, those
/// are the only ones; add the input by <see cref="WithInput"/>.
/// </remarks>
public sealed class ManifoldPlaces
{
    private ManifoldPlaces()
    {
    }

    private ManifoldPlaces(ManifoldPlaces other) =>
        (GivenModules, Patterns, Predicate, InputWeight, ModuleWeights) = (
            other.GivenModules, other.Patterns, other.Predicate, other.InputWeight, other.ModuleWeights);

    /// <summary>Gets the default: the input, and the modules that <see cref="ManifoldMixup"/> finds by its rules.</summary>
    public static ManifoldPlaces Found { get; } = new() { InputWeight = 1 };

    internal IReadOnlyList<nn.Module>? GivenModules { get; private init; }

    internal IReadOnlyList<string>? Patterns { get; private init; }

    internal Func<string, nn.Module, bool>? Predicate { get; private init; }

    /// <summary>The weight of the input; null if it is no place.</summary>
    internal double? InputWeight { get; private init; }

    /// <summary>The weights of modules: the first pattern that matches counts.</summary>
    internal IReadOnlyList<(string Pattern, double Weight)> ModuleWeights { get; private init; } = [];

    /// <summary>Chooses modules by their names.</summary>
    /// <param name="patterns">
    /// Names as in <c>named_modules</c>, one or more. <c>*</c> stands for any characters and <c>?</c> for one.
    /// </param>
    /// <returns>These modules, without the input.</returns>
    /// <exception cref="ArgumentException">There is no pattern, or one of them is empty.</exception>
    public static ManifoldPlaces Named(params string[] patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        return patterns.Length > 0 && !patterns.Any(string.IsNullOrEmpty)
            ? new() { Patterns = [.. patterns] }
            : throw new ArgumentException("Give one name of a module or more, and none that is empty.", nameof(patterns));
    }

    /// <summary>Chooses modules themselves.</summary>
    /// <param name="modules">Modules inside the model, one or more.</param>
    /// <returns>These modules, without the input.</returns>
    /// <exception cref="ArgumentException">There is no module, or one of them is null.</exception>
    public static ManifoldPlaces Modules(params nn.Module[] modules)
    {
        ArgumentNullException.ThrowIfNull(modules);
        return modules.Length > 0 && !modules.Contains(null)
            ? new() { GivenModules = [.. modules] }
            : throw new ArgumentException("Give one module or more, and none that is null.", nameof(modules));
    }

    /// <summary>Chooses modules by a predicate.</summary>
    /// <param name="predicate">Takes the name, as in <c>named_modules</c>, and the module, and returns whether it is eligible.</param>
    /// <returns>These modules, without the input.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="predicate"/> is null.</exception>
    public static ManifoldPlaces Where(Func<string, nn.Module, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        return new() { Predicate = predicate };
    }

    /// <summary>Adds the input. It is never chosen for batches with an input of integers, such as token ids.</summary>
    /// <param name="weight">Its relative weight, 0 or more. Default 1, as every module has.</param>
    /// <returns>The same places with the input.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="weight"/> is negative, infinite or not a number.</exception>
    public ManifoldPlaces WithInput(double weight = 1) => double.IsFinite(weight) && weight >= 0
        ? new(this) { InputWeight = weight }
        : throw new ArgumentOutOfRangeException(nameof(weight), weight, "The weight of the input must be a finite number, 0 or more.");

    /// <summary>Removes the input.</summary>
    /// <returns>The same places without the input.</returns>
    public ManifoldPlaces WithoutInput() => new(this) { InputWeight = null };

    /// <summary>Sets how often each module is chosen (Verma et al. 2019, table 5).</summary>
    /// <param name="weights">
    /// Patterns of names, as in <see cref="Named"/>, each with a relative weight of 0 or more. For a module the first pattern that matches
    /// counts; one that matches none has weight 1.
    /// </param>
    /// <returns>The same places with these weights instead of earlier ones.</returns>
    /// <exception cref="ArgumentException">A weight is negative, infinite or not a number.</exception>
    public ManifoldPlaces WithWeights(params (string Pattern, double Weight)[] weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        foreach (var (pattern, weight) in weights)
        {
            ArgumentException.ThrowIfNullOrEmpty(pattern, nameof(weights));
            if (!double.IsFinite(weight) || weight < 0)
            {
                throw new ArgumentException($"The weight of '{pattern}' is {weight}; give a finite number, 0 or more.", nameof(weights));
            }
        }

        return new(this) { ModuleWeights = [.. weights] };
    }
}
