using static TorchSharp.torch;

namespace Mixup.Samples.Segmentation;

/// <summary>The colours of the classes of a scene.</summary>
internal static class ClassColours
{
    // The digits 0 to 9, the background, and pixels that are ignored.
    private static readonly int[] Colours =
    [
        0x4363d8, 0xf58231, 0xe6194b, 0x42d4f4, 0x3cb44b, 0xffe119, 0x911eb4, 0xfabed4, 0x9a6324, 0xbfef45, 0x000000, 0x707070,
    ];

    /// <summary>Colours each pixel by its class.</summary>
    /// <param name="classes">[N, H, W] as of <see cref="Scenes.PixelClasses"/>, on any device.</param>
    /// <returns>[N, 3, H, W] of bytes, on the CPU.</returns>
    public static Tensor Of(Tensor classes)
    {
        using var scope = NewDisposeScope();
        var background = Colours.Length - 2;
        var ids = classes.cpu();
        var index = ids.sub(1).masked_fill(ids.eq(0), background).masked_fill(ids.eq(Scenes.Ignored), background + 1);
        return Table()[index].permute(0, 3, 1, 2).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Makes an image of each colour: of the ten digits, of the background, and of ignored pixels.</summary>
    /// <param name="height">The height.</param>
    /// <param name="width">The width.</param>
    /// <returns>[12, 3, H, W] of bytes.</returns>
    public static Tensor Swatches(int height, int width)
    {
        using var scope = NewDisposeScope();
        return Table().view(-1, 3, 1, 1).expand(-1, 3, height, width).contiguous().MoveToOuterDisposeScope();
    }

    private static Tensor Table() =>
        tensor(Colours.SelectMany(c => new[] { (byte)(c >> 16), (byte)(c >> 8), (byte)c }).ToArray(), ScalarType.Byte).view(-1, 3);
}
