namespace TorchSharp.Mixup;

/// <summary>How a published recipe mixes, and the loss that goes with it. <see cref="Recipes"/> has them.</summary>
/// <remarks>
/// <c>new InputMixup(Recipes.DeiT.Options with { Seed = 1 })</c> mixes, and <c>Recipes.DeiT.MakeLoss()</c> judges. Learning rates,
/// augmentation and the like are not part of it.
/// </remarks>
public sealed class MixupRecipe
{
    private readonly Func<MixupLoss> makeLoss;

    internal MixupRecipe(string name, MixupOptions options, Func<MixupLoss> makeLoss) =>
        (Name, Options, this.makeLoss) = (name, options, makeLoss);

    /// <summary>Gets the name.</summary>
    public string Name { get; }

    /// <summary>Gets how batches are mixed, with a fresh seed unless you set one.</summary>
    public MixupOptions Options { get; }

    /// <summary>Makes the loss for class ids [B] and logits [B, K]. It takes plain targets as well, as in validation.</summary>
    /// <returns>A new loss.</returns>
    public MixupLoss MakeLoss() => makeLoss();

    /// <summary>Returns the name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;
}
