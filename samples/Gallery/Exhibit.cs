using TorchSharp.Mixup;

namespace Mixup.Samples.Gallery;

/// <summary>A method on show: its title, its source, and the seed of a draw that shows what it does.</summary>
public sealed record Exhibit(string Title, string Source, Method Method, ulong Seed)
{
    /// <summary>All methods, one line for each.</summary>
    public static IReadOnlyList<Exhibit> All { get; } =
    [
        new("mixup", "Zhang et al. 2018", new Interpolation(1) { Fold = false }, 1),
        new("CutMix", "Yun et al. 2019", new CutMix(), 2),
        new("one of several", "timm's switch", new OneOf(new Interpolation(1) { Fold = false }, new CutMix()), 3),
    ];
}
