using TorchSharp.Mixup;

namespace Mixup.Samples;

/// <summary>The methods and recipes that the command line can name.</summary>
public static class Mixing
{
    /// <summary>Gets functions that make each method from alpha, by its name.</summary>
    public static IReadOnlyDictionary<string, Func<double, Method>> Methods { get; } = new Dictionary<string, Func<double, Method>>
    {
        ["interpolation"] = alpha => new Interpolation(alpha),
        ["cutmix"] = alpha => new CutMix(alpha),
        ["resizemix"] = _ => new ResizeMix(),
        ["fmix"] = alpha => new FMix(alpha),
        ["gridmix"] = alpha => new GridMix(alpha),
        ["smoothmix"] = _ => new SmoothMix(),
        ["saliencymix"] = alpha => new SaliencyMix(alpha),
        ["either"] = alpha => new OneOf(new Interpolation(alpha), new CutMix(alpha)),
    };

    /// <summary>Gets the methods that ignore alpha, since they do not draw from a Beta distribution.</summary>
    public static IReadOnlyList<string?> WithoutAlpha { get; } = ["resizemix", "smoothmix"];

    /// <summary>Finds the recipe that the command line names; null for none.</summary>
    public static MixupRecipe? RecipeOf(SampleOptions options) => Recipes.All.FirstOrDefault(recipe => recipe.Name == options.Recipe);

    /// <summary>Makes the options of mixing from the command line. A recipe has its own alpha.</summary>
    public static MixupOptions OptionsFor(SampleOptions options, double? alpha) => RecipeOf(options)?.Options ?? new MixupOptions
    {
        Method = Methods[options.Method](alpha ?? Interpolation.DefaultAlpha),
    };
}
