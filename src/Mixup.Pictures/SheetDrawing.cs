using SkiaSharp;

namespace TorchSharp.Mixup.Pictures;

/// <summary>
/// Draws a sheet: computes the positions of rows and columns, then draws heading, titles, images and captions. All margins scale with the
/// size of the text.
/// </summary>
internal sealed class SheetDrawing : IDisposable
{
    private static readonly SKColor Ink = new(0x1f, 0x23, 0x28), Muted = new(0x65, 0x6d, 0x76), Hairline = new(0xd0, 0xd7, 0xde);
    private readonly IReadOnlyList<SheetRow> rows;
    private readonly PictureOptions options;
    private readonly Lettering heading, bold, small;
    private readonly float text, gap, margin, captionHeight, left, top;
    private readonly (int Width, int Height)[] sizes; // of an image, by row
    private readonly float[] columns; // widths

    public SheetDrawing(IReadOnlyList<SheetRow> rows, PictureOptions options)
    {
        (this.rows, this.options, text) = (rows, options, options.TextSize);
        (heading, bold) = (new Lettering(1.6f * text, Ink, isBold: true), new Lettering(text, Ink, isBold: true));
        small = new Lettering(0.85f * text, Muted);
        (gap, margin, captionHeight) = (MathF.Round(0.8f * text), MathF.Round(1.6f * text), MathF.Round(1.4f * text));
        var tile = rows[0].SizeOver(options.TileSize);
        sizes = [.. rows.Select(row => row.SizeWithin(tile))];
        columns = [.. Enumerable.Range(0, rows.Max(row => row.Images.Length)).Select(WidthOfColumn)];
        var titles = rows.Max(row => row.Lines.Select((line, i) => TitleLettering(i).WidthOf(line)).Max());
        left = margin + (titles > 0 ? MathF.Ceiling(titles) + (2 * gap) : 0);
        top = MathF.Round(margin + HeadingHeight + NoteHeight + (HeadingHeight + NoteHeight > 0 ? gap : 0));
    }

    private float HeadingHeight => options.Title is null ? 0 : 2.1f * text;

    private float NoteHeight => options.Note is null ? 0 : 1.4f * text;

    public SKBitmap Draw()
    {
        var right = Math.Max(
            left + columns.Sum() + (gap * (columns.Length - 1)),
            margin + Math.Max(heading.WidthOf(options.Title ?? string.Empty), small.WidthOf(options.Note ?? string.Empty)));
        var bottom = top + Enumerable.Range(0, rows.Count).Sum(HeightOfRow) - gap;
        var (width, height) = ((int)MathF.Ceiling(right + margin), (int)MathF.Ceiling(bottom + margin));
        var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColors.White);
        heading.Draw(canvas, options.Title ?? string.Empty, margin, margin + (1.4f * text));
        small.Draw(canvas, options.Note ?? string.Empty, margin, margin + HeadingHeight + text);
        var y = top;
        for (var r = 0; r < rows.Count; r++)
        {
            var first = y + RuleHeight(rows[r]);
            if (rows[r].IsSeparated)
            {
                using var rule = new SKPaint { Color = Hairline, StrokeWidth = MathF.Max(1, MathF.Round(text / 13)) };
                canvas.DrawLine(margin, y + (gap / 2), right, y + (gap / 2), rule);
            }

            DrawTitle(canvas, rows[r].Lines, first + (sizes[r].Height / 2f));
            DrawImages(canvas, rows[r], sizes[r], first);
            y += HeightOfRow(r);
        }

        return bitmap;
    }

    public void Dispose()
    {
        heading.Dispose();
        bold.Dispose();
        small.Dispose();
    }

    private void DrawTitle(SKCanvas canvas, string[] lines, float middle)
    {
        var baseline = middle - (0.65f * text * (lines.Length - 1)) + (0.36f * text);
        for (var i = 0; i < lines.Length; i++)
        {
            TitleLettering(i).Draw(canvas, lines[i], margin, baseline + (1.3f * text * i));
        }
    }

    private void DrawImages(SKCanvas canvas, SheetRow row, (int Width, int Height) size, float y)
    {
        var x = left;
        for (var i = 0; i < row.Images.Length; i++)
        {
            var (pixels, width, height) = row.Images[i];
            using var image = SKImage.FromPixelCopy(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque), pixels);
            var place = SKRect.Create(MathF.Round(x + ((columns[i] - size.Width) / 2)), y, size.Width, size.Height);
            canvas.DrawImage(image, place, new SKSamplingOptions(SKFilterMode.Nearest));
            if (row.Captions.Length > 0)
            {
                var start = x + ((columns[i] - small.WidthOf(row.Captions[i])) / 2);
                small.Draw(canvas, row.Captions[i], start, y + size.Height + (1.15f * text));
            }

            x += columns[i] + gap;
        }
    }

    private Lettering TitleLettering(int line) => line == 0 ? bold : small;

    private float RuleHeight(SheetRow row) => row.IsSeparated ? 2 * gap : 0;

    private float HeightOfRow(int r) => RuleHeight(rows[r]) + sizes[r].Height + (rows[r].Captions.Length > 0 ? captionHeight : 0) + gap;

    private float WidthOfColumn(int i) => MathF.Ceiling(rows.Select((row, r) =>
        i >= row.Images.Length ? 0 : Math.Max(sizes[r].Width, row.Captions.Length > 0 ? small.WidthOf(row.Captions[i]) : 0)).Max());
}
