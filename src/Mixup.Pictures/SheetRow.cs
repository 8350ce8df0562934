namespace TorchSharp.Mixup.Pictures;

/// <summary>A row of a sheet: title lines, images and captions.</summary>
internal sealed record SheetRow(string[] Lines, PixelImage[] Images, string[] Captions, bool IsSeparated)
{
    /// <summary>Gets the size of an image before it is enlarged.</summary>
    public (int Width, int Height) ImageSize => (Images[0].Width, Images[0].Height);

    /// <summary>
    /// Computes the size of an image after the smallest integer enlargement that makes its longer side at least as long as a number.
    /// </summary>
    public (int Width, int Height) SizeOver(int side)
    {
        var longer = Math.Max(ImageSize.Width, ImageSize.Height);
        return Times((side + longer - 1) / longer);
    }

    /// <summary>Computes the size of an image after the largest integer enlargement that fits into a tile; 1 if none fits.</summary>
    public (int Width, int Height) SizeWithin((int Width, int Height) tile) =>
        Times(Math.Max(1, Math.Min(tile.Width / ImageSize.Width, tile.Height / ImageSize.Height)));

    private (int Width, int Height) Times(int factor) => (factor * ImageSize.Width, factor * ImageSize.Height);
}
