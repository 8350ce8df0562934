using SkiaSharp;

namespace TorchSharp.Mixup.Pictures.Tests;

/// <summary>A PNG that was read again.</summary>
internal sealed class Decoded
{
    private readonly SKColor[] pixels;

    public Decoded(byte[] png)
    {
        using var bitmap = SKBitmap.Decode(png) ?? throw new InvalidDataException("The bytes are no picture.");
        (Width, Height, pixels) = (bitmap.Width, bitmap.Height, bitmap.Pixels);
    }

    public int Width { get; }

    public int Height { get; }

    /// <summary>The colours of the whole picture, [3, H, W].</summary>
    public byte[] Planes =>
        [.. pixels.Select(pixel => pixel.Red), .. pixels.Select(pixel => pixel.Green), .. pixels.Select(pixel => pixel.Blue)];

    /// <summary>Finds every place where an image stands, enlarged by a factor.</summary>
    /// <param name="image">[C, H, W] of bytes.</param>
    /// <param name="factor">The factor.</param>
    public IReadOnlyList<(int X, int Y)> Find(Tensor image, int factor)
    {
        var (height, width) = ((int)image.shape[1], (int)image.shape[2]);
        var bytes = image.expand(3, height, width).contiguous().data<byte>().ToArray();
        SKColor At(int x, int y) => new(bytes[(y * width) + x], bytes[((height + y) * width) + x], bytes[(((2 * height) + y) * width) + x]);
        bool IsHere(int left, int top)
        {
            for (var y = 0; y < factor * height; y++)
            {
                for (var x = 0; x < factor * width; x++)
                {
                    if (pixels[((top + y) * Width) + left + x] != At(x / factor, y / factor))
                    {
                        return false;
                    }
                }
            }

            return true;
        }

        return [..
            from y in Enumerable.Range(0, Height - (factor * height) + 1)
            from x in Enumerable.Range(0, Width - (factor * width) + 1)
            where IsHere(x, y)
            select (x, y)];
    }
}
