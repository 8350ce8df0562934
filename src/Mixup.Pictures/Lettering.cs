using System.Text;
using SkiaSharp;

namespace TorchSharp.Mixup.Pictures;

/// <summary>Text in the font <see cref="Inter"/>. Characters that it lacks use the fonts of the machine.</summary>
internal sealed class Lettering : IDisposable
{
    private readonly SKTypeface typeface;
    private readonly SKPaint paint;

    public Lettering(float size, SKColor color, bool isBold = false)
    {
        (Size, typeface) = (size, (isBold ? Inter.SemiBold : Inter.Regular).Value);
        paint = new SKPaint { Color = color, IsAntialias = true };
    }

    /// <summary>Gets the size in pixels.</summary>
    public float Size { get; }

    /// <summary>Measures a line.</summary>
    /// <returns>The width in pixels.</returns>
    public float WidthOf(string text) => Runs(text).Sum(run =>
    {
        using var font = Inter.Font(run.Typeface, Size);
        return font.MeasureText(run.Text);
    });

    /// <summary>Draws a line that starts at a point of its baseline.</summary>
    public void Draw(SKCanvas canvas, string text, float x, float baseline)
    {
        foreach (var run in Runs(text))
        {
            using var font = Inter.Font(run.Typeface, Size);
            canvas.DrawText(run.Text, x, baseline, font, paint);
            x += font.MeasureText(run.Text);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => paint.Dispose();

    private IEnumerable<(SKTypeface Typeface, string Text)> Runs(string text)
    {
        var (run, current) = (new StringBuilder(), typeface);
        foreach (var rune in text.EnumerateRunes())
        {
            var next = new[] { typeface, Inter.Greek.Value }.FirstOrDefault(own => own.ContainsGlyph(rune.Value))
                ?? SKFontManager.Default.MatchCharacter(rune.Value)
                ?? typeface;
            if (next != current && run.Length > 0)
            {
                yield return (current, run.ToString());
                run.Clear();
            }

            current = next;
            run.Append(rune);
        }

        if (run.Length > 0)
        {
            yield return (current, run.ToString());
        }
    }
}
