namespace TorchSharp.Mixup;

/// <summary>A published recipe: its options of mixing and its loss. <see cref="Recipes"/> has the recipes.</summary>
/// <remarks>
/// Use <c>new InputMixup(Recipes.DeiT.Options with { Seed = 1 })</c> as the strategy and <c>Recipes.DeiT.MakeLoss()</c> as the loss.
/// Learning rates, other augmentations and the like are not included.
/// </remarks>
public sealed class MixupRecipe
{
    private readonly Func<MixupLoss> makeLoss;

    internal MixupRecipe(string name, MixupOptions options, Func<MixupLoss> makeLoss) =>
        (Name, Options, this.makeLoss) = (name, options, makeLoss);

    /// <summary>Gets the name of the recipe.</summary>
    public string Name { get; }

    /// <summary>Gets the options of mixing. Their seed is random unless you set one.</summary>
    public MixupOptions Options { get; }

    /// <summary>Makes the loss for class ids [B] and logits [B, K]. It also accepts plain targets, for validation.</summary>
    /// <returns>A new loss.</returns>
    public MixupLoss MakeLoss() => makeLoss();

    /// <summary>Returns the name of the recipe.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;
}
