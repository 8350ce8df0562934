namespace TorchSharp.Mixup.Pictures;

/// <summary>The options of a <see cref="PictureSheet"/>: its texts and sizes, and the normalization of its images.</summary>
public sealed record PictureOptions
{
    /// <summary>Gets the heading above all rows. Default null: none.</summary>
    public string? Title { get; init; }

    /// <summary>Gets a line of small text below the heading. Default null: none.</summary>
    public string? Note { get; init; }

    /// <summary>
    /// Gets the size of an image on the sheet in pixels, 1 or more. Images of the first row are enlarged by the smallest integer factor
    /// that makes their longer side at least this long. Images of other rows get the largest integer factor that does not exceed the size
    /// of the first row. No image is reduced. Default 96.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int TileSize
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The size of a tile must be 1 pixel or more.");
    } = 96;

    /// <summary>Gets the size of the text in pixels, above 0. Margins are proportional to it. Default 14.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not above 0, or is not finite.</exception>
    public float TextSize
    {
        get;
        init => field = value > 0 && float.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The size of the text must be above 0.");
    } = 14;

    /// <summary>
    /// Gets the mean of each channel, or one for all channels, by which the images were normalized. Bytes are drawn unchanged. Default
    /// null: 0.
    /// </summary>
    public IReadOnlyList<double>? Mean { get; init; }

    /// <summary>
    /// Gets the standard deviation of each channel, or one for all channels, by which the images were normalized. Default null: 1.
    /// </summary>
    public IReadOnlyList<double>? Std { get; init; }
}
