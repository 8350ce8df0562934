using SkiaSharp;
using static TorchSharp.torch;

namespace Mixup.Samples.Gallery;

/// <summary>
/// The 24 images of Fashion-MNIST that ship with the sample. Samples are drawn in a warm colour and partners in a cool one, so that the
/// source of each pixel can be seen.
/// </summary>
public static class Clothes
{
    private const int Side = 28, Columns = 6;

    // The colours of the background and of the clothes.
    private static readonly SKColor[] Warm = [new(0xfd, 0xf0, 0xe1), new(0xa8, 0x3a, 0x0a)];
    private static readonly SKColor[] Cool = [new(0xe3, 0xee, 0xf8), new(0x0b, 0x3f, 0x7a)];

    // The colours of weights of 0 and 1.
    private static readonly SKColor[] Sides = [new(0x5a, 0x8f, 0xc4), new(0xdd, 0x84, 0x52)];

    /// <summary>Makes a batch of samples in a warm colour, followed by their partners in a cool one.</summary>
    /// <param name="samples">The numbers of the samples, from 0 to 23.</param>
    /// <param name="partners">The numbers of their partners.</param>
    /// <returns>[2N, 3, 28, 28], from 0 to 1.</returns>
    public static Tensor Pairs(int[] samples, int[] partners)
    {
        using var scope = NewDisposeScope();
        using var sheet = SKBitmap.Decode(Path.Combine(AppContext.BaseDirectory, "data", "fashion.png"));
        var grey = tensor(sheet.Pixels.Select(pixel => pixel.Red / 255f).ToArray()).view(sheet.Height, sheet.Width);
        Tensor Image(int i, SKColor[] inks) => Tint(grey.narrow(0, Side * (i / Columns), Side).narrow(1, Side * (i % Columns), Side), inks);
        return stack([.. samples.Select(i => Image(i, Warm)), .. partners.Select(i => Image(i, Cool))]).MoveToOuterDisposeScope();
    }

    /// <summary>Makes images of weights: a warm colour for the sample, a cool one for the partner.</summary>
    /// <param name="weights">[N, H, W], from 0 to 1.</param>
    /// <returns>[N, 3, H, W].</returns>
    public static Tensor OfWeights(Tensor weights)
    {
        using var scope = NewDisposeScope();
        return stack([.. weights.to(ScalarType.Float32).unbind().Select(image => Tint(image, Sides))]).MoveToOuterDisposeScope();
    }

    // From the first colour, at 0, to the second, at 1.
    private static Tensor Tint(Tensor grey, SKColor[] colours)
    {
        Tensor Wide(Tensor tensor) => tensor.expand(3, grey.shape[0], grey.shape[1]);
        Tensor Colour(SKColor colour) => Wide(tensor(new[] { colour.Red / 255f, colour.Green / 255f, colour.Blue / 255f }).view(3, 1, 1));
        return lerp(Colour(colours[0]), Colour(colours[1]), Wide(grey));
    }
}
