using TorchSharp.Mixup;

namespace Mixup.Samples;

/// <summary>What the command line says of mixing: one of the methods, or a published recipe.</summary>
public static class Mixing
{
    /// <summary>All methods by name, made of alpha.</summary>
    public static IReadOnlyDictionary<string, Func<double, Method>> Methods { get; } = new Dictionary<string, Func<double, Method>>
    {
        ["interpolation"] = alpha => new Interpolation(alpha),
        ["cutmix"] = alpha => new CutMix(alpha),
        ["either"] = alpha => new OneOf(new Interpolation(alpha), new CutMix(alpha)),
    };

    /// <summary>The recipe that was asked for; null if none was.</summary>
    public static MixupRecipe? RecipeOf(SampleOptions options) => Recipes.All.FirstOrDefault(recipe => recipe.Name == options.Recipe);

    /// <summary>How batches are mixed with alpha, which a recipe has of its own.</summary>
    public static MixupOptions OptionsFor(SampleOptions options, double? alpha) => RecipeOf(options)?.Options ?? new MixupOptions
    {
        Method = Methods[options.Method](alpha ?? Interpolation.DefaultAlpha),
    };
}
