namespace TorchSharp.Mixup.Pictures;

/// <summary>A row of a sheet.</summary>
internal sealed record SheetRow(string[] Lines, PixelImage[] Images, string[] Captions, bool IsSeparated)
{
    /// <summary>Gets the size of an image before it is enlarged.</summary>
    public (int Width, int Height) ImageSize => (Images[0].Width, Images[0].Height);

    /// <summary>Computes the size of an image that is enlarged by a whole factor until a side is as long as asked for, or longer.</summary>
    public (int Width, int Height) SizeOver(int side)
    {
        var longer = Math.Max(ImageSize.Width, ImageSize.Height);
        return Times((side + longer - 1) / longer);
    }

    /// <summary>Computes the size of an image that is enlarged by the largest whole factor that fits into a tile; 1 if none does.</summary>
    public (int Width, int Height) SizeWithin((int Width, int Height) tile) =>
        Times(Math.Max(1, Math.Min(tile.Width / ImageSize.Width, tile.Height / ImageSize.Height)));

    private (int Width, int Height) Times(int factor) => (factor * ImageSize.Width, factor * ImageSize.Height);
}
