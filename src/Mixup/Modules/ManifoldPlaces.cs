using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Defines the places where manifold mixup may mix, how often each is chosen, and which dimension of an output is the batch. Immutable.
/// </summary>
/// <remarks>
/// <see cref="Found"/> is the default: the input, and modules that <see cref="ManifoldMixup"/> finds. If you name places yourself, those
/// are the only ones; add the input by <see cref="WithInput"/>.
/// <para>
/// Patterns are matched against names as in <c>named_modules</c>. <c>*</c> stands for any characters but a dot, <c>?</c> for one of these,
/// and <c>**</c> for any characters: <c>encoder.*</c> matches the children of <c>encoder</c>, <c>encoder.**</c> all modules below it, and
/// <c>**.conv</c> every module called <c>conv</c>. Case counts.
/// </para>
/// </remarks>
public sealed class ManifoldPlaces
{
    private ManifoldPlaces()
    {
    }

    private ManifoldPlaces(ManifoldPlaces other) =>
        (GivenModules, Patterns, Predicate, InputWeight, ModuleWeights, BatchDimensions) = (
            other.GivenModules, other.Patterns, other.Predicate, other.InputWeight, other.ModuleWeights, other.BatchDimensions);

    /// <summary>Gets the default: the input, and the modules that <see cref="ManifoldMixup"/> finds by its rules.</summary>
    public static ManifoldPlaces Found { get; } = new() { InputWeight = 1 };

    internal IReadOnlyList<nn.Module>? GivenModules { get; private init; }

    internal IReadOnlyList<NamePattern>? Patterns { get; private init; }

    internal Func<string, nn.Module, bool>? Predicate { get; private init; }

    /// <summary>The weight of the input; null if the input is not one of the places.</summary>
    internal double? InputWeight { get; private init; }

    /// <summary>The weights of modules. The first pattern that matches a name applies.</summary>
    internal IReadOnlyList<(NamePattern Pattern, double Weight)> ModuleWeights { get; private init; } = [];

    /// <summary>The dimensions of the batch in the outputs of modules. The first pattern that matches a name applies.</summary>
    internal IReadOnlyList<(NamePattern Pattern, int Dimension)> BatchDimensions { get; private init; } = [];

    /// <summary>Chooses modules by their names.</summary>
    /// <param name="patterns">
    /// Names or patterns of names, one or more: <c>layer?</c>, <c>encoder.*</c> within a name, <c>encoder.**</c> across dots.
    /// </param>
    /// <returns>These modules, without the input.</returns>
    /// <exception cref="ArgumentException">There is no pattern, or one of them is empty.</exception>
    public static ManifoldPlaces Named(params string[] patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        return patterns.Length > 0 && !patterns.Any(string.IsNullOrEmpty)
            ? new() { Patterns = [.. patterns.Select(pattern => new NamePattern(pattern))] }
            : throw new ArgumentException(
                "A name is empty, or there is none; expected one name of a module or more, and none that is empty. " +
                "Give names as in named_modules.", nameof(patterns));
    }

    /// <summary>Chooses given modules.</summary>
    /// <param name="modules">Modules inside the model, one or more.</param>
    /// <returns>These modules, without the input.</returns>
    /// <exception cref="ArgumentException">There is no module, or one of them is null.</exception>
    public static ManifoldPlaces Modules(params nn.Module[] modules)
    {
        ArgumentNullException.ThrowIfNull(modules);
        return modules.Length > 0 && !modules.Contains(null)
            ? new() { GivenModules = [.. modules] }
            : throw new ArgumentException(
                "A module is null, or there is none; expected one module or more, and none that is null. Give modules of the model.",
                nameof(modules));
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
    /// Patterns of names, as in <see cref="Named"/>, each with a relative weight of 0 or more. The first pattern that matches a module
    /// applies to it. A module that matches none has weight 1. A module of weight 0 is never chosen.
    /// </param>
    /// <returns>The same places with these weights instead of earlier ones.</returns>
    /// <exception cref="ArgumentException">A pattern is empty, or a weight is negative, infinite or not a number.</exception>
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

        return new(this) { ModuleWeights = [.. weights.Select(pair => (new NamePattern(pair.Pattern), pair.Weight))] };
    }

    /// <summary>Sets which dimension of a module's output is the batch, for modules that do not return the batch first.</summary>
    /// <param name="dimensions">
    /// Patterns of names, as in <see cref="Named"/>, each with a dimension, counted from 0: 1 for [T, B, F]. The first pattern that matches
    /// a module applies to it.
    /// </param>
    /// <returns>The same places with these dimensions instead of earlier ones.</returns>
    /// <remarks>
    /// TorchSharp's transformers and attention return [T, B, F], and its recurrent modules unless they were made with <c>batchFirst</c>:
    /// this is known without being set. Of any other module, dimension 0 is the batch. Only in a model with such a module, another module
    /// may also return [T, B, F]: dimension 1 is then taken if its size alone is that of the batch, and T is no multiple of it. An
    /// output whose sizes fit both is an error, unless an earlier output of the module left no doubt. With fields, such as CutMix,
    /// [T, B, F] is cut as [B, T, F] is: along T for <see cref="ExtentPosition.BehindBatch"/>.
    /// </remarks>
    /// <exception cref="ArgumentException">A pattern is empty, or a dimension is negative.</exception>
    public ManifoldPlaces WithBatchDimension(params (string Pattern, int Dimension)[] dimensions)
    {
        ArgumentNullException.ThrowIfNull(dimensions);
        foreach (var (pattern, dimension) in dimensions)
        {
            ArgumentException.ThrowIfNullOrEmpty(pattern, nameof(dimensions));
            if (dimension < 0)
            {
                throw new ArgumentException(
                    $"The batch dimension of '{pattern}' is {dimension}; expected 0 or more. Give 1 for outputs [T, B, F].",
                    nameof(dimensions));
            }
        }

        return new(this) { BatchDimensions = [.. dimensions.Select(pair => (new NamePattern(pair.Pattern), pair.Dimension))] };
    }
}
