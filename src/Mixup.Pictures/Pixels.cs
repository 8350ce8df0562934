using SkiaSharp;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Pictures;

/// <summary>Images of tensors, as 8-bit pixels.</summary>
internal static class Pixels
{
    // Half precision rounds, and so does the restoring of a normalized image.
    private const double Tolerance = 0.01;

    /// <summary>Makes images floating, so that every method can blend them: bytes become 0 to 1.</summary>
    /// <param name="images">[N, 1 or 3, H, W] or [N, H, W].</param>
    /// <returns>The tensor itself, or a new one.</returns>
    public static Tensor Floating(Tensor images)
    {
        CheckShape(images);
        return images.dtype switch
        {
            ScalarType.Byte => images.to(ScalarType.Float32).div(byte.MaxValue),
            ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64 => images,
            _ => throw new ArgumentException(
                $"The images are of type {images.dtype}; expected bytes from 0 to 255, or floating point from 0 to 1. " +
                "Convert them by to(torch.float32).",
                nameof(images)),
        };
    }

    /// <summary>Makes pixels of each image.</summary>
    /// <param name="images">[N, 1 or 3, H, W] or [N, H, W], bytes or floating point.</param>
    /// <param name="options">How the images were normalized.</param>
    /// <returns>The pixels of each image.</returns>
    public static PixelImage[] Of(Tensor images, PictureOptions options)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var isByte = images.dtype == ScalarType.Byte;
        var values = Floating(images).detach().cpu().to(ScalarType.Float32);
        values = values.dim() == 3 ? values.unsqueeze(1) : values;
        values = isByte ? values : CheckRange(Restore(values, options));
        var (count, height, width) = ((int)values.shape[0], (int)values.shape[2], (int)values.shape[3]);
        var rounded = values.mul(byte.MaxValue).round().clamp(0, byte.MaxValue).to(ScalarType.Byte);
        var bytes = rounded.expand(count, 3, height, width).permute(0, 2, 3, 1).contiguous().data<byte>().ToArray();
        return [.. bytes.Chunk(3 * height * width).Select(rgb => new PixelImage(Opaque(rgb), width, height))];
    }

    /// <summary>Reads a bitmap back.</summary>
    /// <returns>A new tensor [3, H, W] of bytes.</returns>
    public static Tensor ToTensor(SKBitmap bitmap)
    {
        using var scope = NewDisposeScope();
        var rgba = tensor(bitmap.Bytes, ScalarType.Byte).view(bitmap.Height, bitmap.Width, 4);
        return rgba.narrow(2, 0, 3).permute(2, 0, 1).contiguous().MoveToOuterDisposeScope();
    }

    private static byte[] Opaque(ReadOnlySpan<byte> rgb)
    {
        var rgba = new byte[rgb.Length / 3 * 4];
        for (var i = 0; i < rgb.Length / 3; i++)
        {
            rgb.Slice(3 * i, 3).CopyTo(rgba.AsSpan(4 * i));
            rgba[(4 * i) + 3] = byte.MaxValue;
        }

        return rgba;
    }

    private static Tensor Restore(Tensor values, PictureOptions options)
    {
        Tensor Channels(IReadOnlyList<double> numbers, string name) => numbers.Count == 1 || numbers.Count == values.shape[1]
            ? tensor(numbers.ToArray(), ScalarType.Float32).view(1, -1, 1, 1)
            : throw new ArgumentException(
                $"{name} has {numbers.Count} numbers for images of {values.shape[1]} channels; expected 1 or {values.shape[1]}.", name);
        values = options.Std is { } std ? values.mul(Channels(std, nameof(options.Std))) : values;
        return options.Mean is { } mean ? values.add(Channels(mean, nameof(options.Mean))) : values;
    }

    private static Tensor CheckRange(Tensor images)
    {
        var (least, largest) = (images.min().item<float>(), images.max().item<float>());
        return least >= -Tolerance && largest <= 1 + Tolerance
            ? images
            : throw new ArgumentException(
                FormattableString.Invariant($"The images have values from {least:0.###} to {largest:0.###}; expected 0 to 1. ") +
                "If they were normalized, give PictureOptions.Mean and Std as they were; if they go to 255, divide by 255.",
                nameof(images));
    }

    private static void CheckShape(Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        var shape = images.shape;
        if (images.numel() == 0 || !(shape.Length == 3 || (shape.Length == 4 && shape[1] is 1 or 3)))
        {
            throw new ArgumentException(
                $"The images have shape [{string.Join(", ", shape)}]; expected [N, 1, H, W] or [N, H, W] for grey, or [N, 3, H, W] for " +
                "red, green and blue, with no dimension of 0. Give one image by unsqueeze(0), one channel of several by narrow(1, 0, 1), " +
                "and channels that come last by permute(0, 3, 1, 2).",
                nameof(images));
        }

        if (images.device_type == DeviceType.META)
        {
            throw new ArgumentException(
                "The images are on the META device, which holds no values to draw. Give them on the CPU or on a GPU.", nameof(images));
        }
    }
}

/// <summary>The pixels of one image, row by row: red, green, blue, opaque.</summary>
internal sealed record PixelImage(byte[] Rgba, int Width, int Height);
