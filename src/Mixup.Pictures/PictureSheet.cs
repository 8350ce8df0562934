using SkiaSharp;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Pictures;

/// <summary>A picture of images in rows. Each row has a title, and each image a caption. The picture is drawn when it is saved.</summary>
/// <remarks>
/// Images are enlarged by an integer factor, so each pixel keeps its exact colour. The background is white. Not thread-safe.
/// </remarks>
public sealed class PictureSheet
{
    private readonly PictureOptions options;
    private readonly List<SheetRow> rows = [];
    private bool isSeparated;

    /// <summary>Initializes an empty sheet.</summary>
    /// <param name="options">The options of the picture. Default null: the defaults of <see cref="PictureOptions"/>.</param>
    public PictureSheet(PictureOptions? options = null) => this.options = options ?? new PictureOptions();

    /// <summary>Adds a row of images below the other rows.</summary>
    /// <param name="title">The title, to the left of the row. Lines after the first '\n' are small.</param>
    /// <param name="images">
    /// The images, [N, 1, H, W] or [N, H, W] for grey, or [N, 3, H, W] for RGB. The values are bytes from 0 to 255, or floating-point from
    /// 0 to 1. For normalized images set <see cref="PictureOptions.Mean"/> and <see cref="PictureOptions.Std"/>. The tensor may be on any
    /// device; it is copied.
    /// </param>
    /// <param name="captions">The caption of each image, shown below it. Default null: no captions.</param>
    /// <returns>The same sheet.</returns>
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
                $"There are {captions.Count} captions for {count} images; expected one for each. Give a caption for every image, or " +
                "none.", nameof(captions));
        }

        rows.Add(new SheetRow(title.Split('\n'), Pixels.Of(images, options), captions?.ToArray() ?? [], isSeparated));
        isSeparated = false;
        return this;
    }

    /// <summary>Draws a thin line between the last row and the next one.</summary>
    /// <returns>The same sheet.</returns>
    public PictureSheet Separate()
    {
        isSeparated = rows.Count > 0;
        return this;
    }

    /// <summary>Saves the sheet as a PNG file.</summary>
    /// <param name="path">The path of the file. An existing file is replaced, and a missing folder is created.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="InvalidOperationException">The sheet has no row.</exception>
    public void SavePng(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var png = ToPng();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllBytes(path, png);
    }

    /// <summary>Returns the sheet as the bytes of a PNG file.</summary>
    /// <returns>The bytes of the file.</returns>
    /// <exception cref="InvalidOperationException">The sheet has no row.</exception>
    public byte[] ToPng()
    {
        using var bitmap = Draw();
        using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    /// <summary>Returns the sheet as a tensor, for instance for an image summary of TensorBoard.</summary>
    /// <returns>A new tensor [3, H, W] of type Byte on the CPU.</returns>
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
