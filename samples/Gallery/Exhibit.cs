using TorchSharp.Mixup;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mixup.Samples.Gallery;

/// <summary>A method on show: its title, its source, and the seed of draws in which both images can be seen.</summary>
public sealed record Exhibit(string Title, string Source, Method Method, ulong Seed)
{
    /// <summary>All methods, one line for each.</summary>
    public static IReadOnlyList<Exhibit> All { get; } =
    [
        new("mixup", "Zhang et al. 2018", Mixup, 49),
        new("CutMix", "Yun et al. 2019", new CutMix(), 8),
        new("ResizeMix", "Qin et al. 2020", new ResizeMix(), 73),
        new("FMix", "Harris et al. 2020", new FMix(), 23),
        new("GridMix", "Baek et al. 2021", new GridMix(), 51),
        new("SmoothMix", "Lee et al. 2020", new SmoothMix(), 15),
        new("SaliencyMix", "Uddin et al. 2021", new SaliencyMix(), 48),
        new("Attentive CutMix", "Walawalkar et al. 2020", new AttentiveMix(Contrast, cells: 20), 1),
        new("one of several", "as in timm", new OneOf(Mixup, new CutMix()), 3),
    ];

    // Half and half more often than not: it is to be seen.
    private static Interpolation Mixup => new(3) { Fold = false };

    // What a trained network would look at: here, where an image varies the most.
    private static Tensor Contrast(Tensor images)
    {
        Tensor Cells(Tensor tensor) => functional.avg_pool2d(tensor.mean([1], keepdim: true), 4).squeeze(1);
        return Cells(images.square()).sub(Cells(images).square());
    }
}
