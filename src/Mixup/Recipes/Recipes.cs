using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// Provides the input mixing of published recipes for image classification. Use <c>new InputMixup(Recipes.DeiT.Options)</c> with
/// <c>Recipes.DeiT.MakeLoss()</c>.
/// </summary>
public static class Recipes
{
    private const double Smoothing = 0.1;

    /// <summary>
    /// Gets the recipe of DeiT (Touvron et al. 2021, <c>main.py</c>). Each batch uses mixup with alpha 0.8 or CutMix with alpha 1, with
    /// equal probability. The batch shares one lambda, which is not folded. The pairing is <see cref="Pairing.Flip"/>, the loss soft
    /// cross-entropy with label smoothing 0.1, as in timm's <c>Mixup</c>.
    /// </summary>
    public static MixupRecipe DeiT { get; } = new("DeiT", Timm(0.8), SmoothCrossEntropy);

    /// <summary>Gets the recipe of Swin transformers (Liu et al. 2021, <c>config.py</c>). It mixes as <see cref="DeiT"/>.</summary>
    public static MixupRecipe Swin { get; } = new("Swin", DeiT.Options, SmoothCrossEntropy);

    /// <summary>Gets the recipe of ConvNeXt (Liu et al. 2022, <c>main.py</c>). It mixes as <see cref="DeiT"/>.</summary>
    public static MixupRecipe ConvNeXt { get; } = new("ConvNeXt", DeiT.Options, SmoothCrossEntropy);

    /// <summary>
    /// Gets recipe A1 of "ResNet strikes back" (Wightman, Touvron and Jégou 2021; mmpretrain's
    /// <c>resnet50_8xb256-rsb-a1-600e_in1k.py</c>). It mixes as <see cref="DeiT"/>, but with alpha 0.2 for mixup. The loss is binary
    /// cross-entropy over all classes with label smoothing 0.1 (timm's <c>BinaryCrossEntropy</c>).
    /// </summary>
    public static MixupRecipe ResNetStrikesBackA1 { get; } = new(
        "ResNetStrikesBackA1", Timm(0.2), () => BinaryCrossEntropy(new() { LabelSmoothing = Smoothing }));

    /// <summary>
    /// Gets recipe A2 of "ResNet strikes back". It mixes as <see cref="DeiT"/>, but with alpha 0.1 for mixup. The loss is binary
    /// cross-entropy in which labels above 0.2 become 1 (timm's <c>--bce-target-thresh 0.2</c>). Both labels of a pair are 1 if lambda lies
    /// between 0.2 and 0.8.
    /// </summary>
    public static MixupRecipe ResNetStrikesBackA2 { get; } = new(
        "ResNetStrikesBackA2", Timm(0.1), () => BinaryCrossEntropy(new() { TargetThreshold = 0.2 }));

    /// <summary>
    /// Gets recipe A3 of "ResNet strikes back" (values from OpenMixup's configurations). It mixes as <see cref="DeiT"/>, but with alpha 0.1
    /// for mixup. The loss is binary cross-entropy. The source trains on images of 160 pixels.
    /// </summary>
    public static MixupRecipe ResNetStrikesBackA3 { get; } = new("ResNetStrikesBackA3", Timm(0.1), () => BinaryCrossEntropy(null));

    /// <summary>
    /// Gets torchvision's newer recipe (<c>references/classification</c>). Each batch uses mixup with alpha 0.2 or CutMix with alpha 1,
    /// with equal probability. The batch shares one lambda, which is not folded. The pairing is <see cref="Pairing.Roll"/>, the loss
    /// cross-entropy with label smoothing 0.1.
    /// </summary>
    public static MixupRecipe Torchvision { get; } = new("Torchvision", Timm(0.2) with { Pairing = Pairing.Roll }, SmoothCrossEntropy);

    /// <summary>
    /// Gets fastai's mixup (<c>callback/mixup.py</c>, <c>MixUp</c>): alpha 0.4, a folded lambda per sample,
    /// <see cref="Pairing.Permutation"/>, and cross-entropy.
    /// </summary>
    public static MixupRecipe FastaiMixup { get; } = new("FastaiMixup", new MixupOptions(), PlainCrossEntropy);

    /// <summary>
    /// Gets fastai's CutMix (<c>callback/mixup.py</c>, <c>CutMix</c>): alpha 1, one box per batch, lambda corrected to its area,
    /// <see cref="Pairing.Permutation"/>, and cross-entropy.
    /// </summary>
    public static MixupRecipe FastaiCutMix { get; } = new(
        "FastaiCutMix", new MixupOptions { Method = new CutMix(), CoefficientPer = CoefficientPer.Batch }, PlainCrossEntropy);

    /// <summary>Gets all recipes.</summary>
    public static IReadOnlyList<MixupRecipe> All { get; } = [
        DeiT,
        Swin,
        ConvNeXt,
        ResNetStrikesBackA1,
        ResNetStrikesBackA2,
        ResNetStrikesBackA3,
        Torchvision,
        FastaiMixup,
        FastaiCutMix
    ];

    // timm's Mixup in its mode "batch", with the default switch_prob of 0.5.
    private static MixupOptions Timm(double alpha) => new()
    {
        Method = new OneOf(new Interpolation(alpha) { Fold = false }, new CutMix()),
        CoefficientPer = CoefficientPer.Batch,
        Pairing = Pairing.Flip,
    };

    private static MixupLoss BinaryCrossEntropy(MixupLossOptions? options) => new(BCEWithLogitsLoss(), options);

    private static MixupLoss PlainCrossEntropy() => new(CrossEntropyLoss());

    private static MixupLoss SmoothCrossEntropy() => new(new CrossEntropyLoss(null, null, Reduction.Mean, Smoothing));
}
