using SkiaSharp;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Pictures;

/// <summary>A picture of images in rows. Each row has a title, and each image may have a caption.</summary>
/// <remarks>
/// An image is enlarged by a whole factor, so each of its pixels keeps its exact colour. The background is white and opaque. Not
/// thread-safe.
/// </remarks>
public sealed class PictureSheet
{
    private readonly PictureOptions options;
    private readonly List<SheetRow> rows = [];
    private bool isSeparated;

    /// <summary>Creates an empty sheet.</summary>
    /// <param name="options">The options. Default null: the defaults of <see cref="PictureOptions"/>.</param>
    public PictureSheet(PictureOptions? options = null) => this.options = options ?? new PictureOptions();

    /// <summary>Adds a row of images below the existing ones.</summary>
    /// <param name="title">The title, to the left of the row. Lines after the first, separated by '\n', are smaller.</param>
    /// <param name="images">
    /// [N, 1, H, W] or [N, H, W] for grey, or [N, 3, H, W] for red, green and blue: bytes from 0 to 255, or floating point from 0 to 1, or
    /// normalized if the options have mean and standard deviation. On any device. Copied.
    /// </param>
    /// <param name="captions">The text below each image. Default null: none.</param>
    /// <returns>This sheet.</returns>
    /// <exception cref="ArgumentException">
    /// The shape, type or values are not those of images, or the number of captions is not N.
    /// </exception>
    public PictureSheet Add(string title, Tensor images, IReadOnlyList<string>? captions = null)
    {
        ArgumentNullException.ThrowIfNull(title);
        ArgumentNullException.ThrowIfNull(images);
        var count = images.dim() == 0 ? 0 : images.shape[0];
        if (captions is not null && captions.Count != count)
        {
            throw new ArgumentException(
                $"There are {captions.Count} captions for {count} images; expected one for each.", nameof(captions));
        }

        rows.Add(new SheetRow(title.Split('\n'), Pixels.Of(images, options), captions?.ToArray() ?? [], isSeparated));
        isSeparated = false;
        return this;
    }

    /// <summary>Draws a thin line between the existing rows and the next one.</summary>
    /// <returns>This sheet.</returns>
    public PictureSheet Separate()
    {
        isSeparated = rows.Count > 0;
        return this;
    }

    /// <summary>Draws the sheet and saves it as a PNG file.</summary>
    /// <param name="path">The file. An existing file is replaced, a missing folder is created.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="InvalidOperationException">The sheet has no row.</exception>
    public void SavePng(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var png = ToPng();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllBytes(path, png);
    }

    /// <summary>Draws the sheet and encodes it as PNG.</summary>
    /// <returns>The bytes of the file.</returns>
    /// <exception cref="InvalidOperationException">The sheet has no row.</exception>
    public byte[] ToPng()
    {
        using var bitmap = Draw();
        using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    /// <summary>Draws the sheet as a tensor, for example for an image summary of TensorBoard.</summary>
    /// <returns>A new tensor [3, H, W] of bytes, on the CPU.</returns>
    /// <exception cref="InvalidOperationException">The sheet has no row.</exception>
    public Tensor ToTensor()
    {
        using var bitmap = Draw();
        return Pixels.ToTensor(bitmap);
    }

    private SKBitmap Draw()
    {
        if (rows.Count == 0)
        {
            throw new InvalidOperationException("The sheet has no row to draw. Call Add first.");
        }

        using var drawing = new SheetDrawing(rows, options);
        return drawing.Draw();
    }
}
