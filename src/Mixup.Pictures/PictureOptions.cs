namespace TorchSharp.Mixup.Pictures;

/// <summary>The options of a <see cref="PictureSheet"/>: its look, and how its images were normalized.</summary>
public sealed record PictureOptions
{
    /// <summary>Gets the heading above all rows. Default null: none.</summary>
    public string? Title { get; init; }

    /// <summary>Gets a line of small text below the heading. Default null: none.</summary>
    public string? Note { get; init; }

    /// <summary>
    /// Gets the least size of an image on the sheet, in pixels. The images of the first row are enlarged by the smallest whole factor that
    /// makes their longer side at least this long. Those of other rows are enlarged by the largest whole factor that fits into the size of
    /// the first row. Images are never made smaller. Default 96.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int TileSize
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The size of a tile must be 1 pixel or more.");
    } = 96;

    /// <summary>Gets the size of the text in pixels. Margins scale with it. Default 14.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not above 0, or is not finite.</exception>
    public float TextSize
    {
        get;
        init => field = value > 0 && float.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The size of the text must be above 0.");
    } = 14;

    /// <summary>
    /// Gets the mean of each channel that was subtracted to normalize the images, or one number for all channels. Default null: 0.
    /// Ignored for bytes.
    /// </summary>
    public IReadOnlyList<double>? Mean { get; init; }

    /// <summary>
    /// Gets the standard deviation of each channel by which the images were divided to normalize them, or one number for all channels.
    /// Default null: 1. Ignored for bytes.
    /// </summary>
    public IReadOnlyList<double>? Std { get; init; }
}
