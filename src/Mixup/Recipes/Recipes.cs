using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup;

/// <summary>
/// What published recipes for image classification do at the input, each in one line: <c>new InputMixup(Recipes.DeiT.Options)</c> with
/// <c>Recipes.DeiT.MakeLoss()</c>.
/// </summary>
public static class Recipes
{
    private const double Smoothing = 0.1;

    /// <summary>
    /// Gets the recipe of DeiT (Touvron et al. 2021, <c>main.py</c>): mixup with alpha 0.8 or CutMix with alpha 1, drawn alike for each
    /// batch, one coefficient a batch, not folded; partners by flipping the batch; soft cross-entropy with label smoothing 0.1, as timm's
    /// <c>Mixup</c> makes its targets.
    /// </summary>
    public static MixupRecipe DeiT { get; } = new("DeiT", Timm(0.8), SmoothCrossEntropy);

    /// <summary>Gets the recipe of Swin transformers (Liu et al. 2021, <c>config.py</c>): as <see cref="DeiT"/>.</summary>
    public static MixupRecipe Swin { get; } = new("Swin", DeiT.Options, SmoothCrossEntropy);

    /// <summary>Gets the recipe of ConvNeXt (Liu et al. 2022, <c>main.py</c>): as <see cref="DeiT"/>.</summary>
    public static MixupRecipe ConvNeXt { get; } = new("ConvNeXt", DeiT.Options, SmoothCrossEntropy);

    /// <summary>
    /// Gets recipe A1 of "ResNet strikes back" (Wightman, Touvron and Jégou 2021; mmpretrain's
    /// <c>resnet50_8xb256-rsb-a1-600e_in1k.py</c>):
    /// as <see cref="DeiT"/> with mixup of alpha 0.2; binary cross-entropy over all classes, with label
    /// smoothing 0.1 (timm's <c>BinaryCrossEntropy</c>).
    /// </summary>
    public static MixupRecipe ResNetStrikesBackA1 { get; } = new(
        "ResNetStrikesBackA1", Timm(0.2), () => BinaryCrossEntropy(new() { LabelSmoothing = Smoothing }));

    /// <summary>
    /// Gets recipe A2 of "ResNet strikes back" (the same): mixup with alpha 0.1; binary cross-entropy in which a label of more than 0.2 is
    /// 1, both labels of a pair if lambda lies between 0.2 and 0.8 (timm's <c>--bce-target-thresh 0.2</c>).
    /// </summary>
    public static MixupRecipe ResNetStrikesBackA2 { get; } = new(
        "ResNetStrikesBackA2", Timm(0.1), () => BinaryCrossEntropy(new() { TargetThreshold = 0.2 }));

    /// <summary>
    /// Gets recipe A3 of "ResNet strikes back" (the same; OpenMixup's configurations): mixup with alpha 0.1; binary cross-entropy. The
    /// source trains on images of 160 pixels.
    /// </summary>
    public static MixupRecipe ResNetStrikesBackA3 { get; } = new("ResNetStrikesBackA3", Timm(0.1), () => BinaryCrossEntropy(null));

    /// <summary>
    /// Gets torchvision's newer recipe (<c>references/classification</c>): mixup with alpha 0.2 or CutMix with alpha 1, drawn alike for
    /// each batch, one coefficient a batch, not folded; partners by rolling the batch; cross-entropy with label smoothing 0.1.
    /// </summary>
    public static MixupRecipe Torchvision { get; } = new("Torchvision", Timm(0.2) with { Pairing = Pairing.Roll }, SmoothCrossEntropy);

    /// <summary>
    /// Gets fastai's mixup (<c>callback/mixup.py</c>, <c>MixUp</c>): alpha 0.4, a coefficient for each sample, folded; partners by a
    /// permutation; cross-entropy.
    /// </summary>
    public static MixupRecipe FastaiMixup { get; } = new("FastaiMixup", new MixupOptions(), PlainCrossEntropy);

    /// <summary>
    /// Gets fastai's CutMix (<c>callback/mixup.py</c>, <c>CutMix</c>): alpha 1, one box for the batch, lambda corrected to its area;
    /// partners by a permutation; cross-entropy.
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
