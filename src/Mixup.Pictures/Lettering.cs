using System.Text;
using SkiaSharp;

namespace TorchSharp.Mixup.Pictures;

/// <summary>
/// Text in the font Inter, which is embedded because containers often have no font. Characters that it lacks use the fonts of the
/// machine.
/// </summary>
internal sealed class Lettering : IDisposable
{
    private static readonly Lazy<SKTypeface> Regular = new(() => Load("Inter-Regular"));
    private static readonly Lazy<SKTypeface> SemiBold = new(() => Load("Inter-SemiBold"));
    private static readonly Lazy<SKTypeface> Greek = new(() => Load("Inter-Greek"));
    private readonly SKTypeface typeface;
    private readonly SKPaint paint;

    public Lettering(float size, SKColor color, bool isBold = false)
    {
        (Size, typeface) = (size, TypefaceOf(isBold));
        paint = new SKPaint { Color = color, IsAntialias = true };
    }

    /// <summary>Returns the typeface of the font.</summary>
    public static SKTypeface TypefaceOf(bool isBold) => (isBold ? SemiBold : Regular).Value;

    /// <summary>Gets the size in pixels.</summary>
    public float Size { get; }

    /// <summary>Measures a line.</summary>
    /// <returns>The width in pixels.</returns>
    public float WidthOf(string text) => Runs(text).Sum(run =>
    {
        using var font = Font(run.Typeface);
        return font.MeasureText(run.Text);
    });

    /// <summary>Draws a line that starts at a point of its baseline.</summary>
    public void Draw(SKCanvas canvas, string text, float x, float baseline)
    {
        foreach (var run in Runs(text))
        {
            using var font = Font(run.Typeface);
            canvas.DrawText(run.Text, x, baseline, font, paint);
            x += font.MeasureText(run.Text);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => paint.Dispose();

    private SKFont Font(SKTypeface of) => new(of, Size) { Subpixel = true, Edging = SKFontEdging.Antialias, Hinting = SKFontHinting.None };

    private IEnumerable<(SKTypeface Typeface, string Text)> Runs(string text)
    {
        var (run, current) = (new StringBuilder(), typeface);
        foreach (var rune in text.EnumerateRunes())
        {
            var next = new[] { typeface, Greek.Value }.FirstOrDefault(own => own.ContainsGlyph(rune.Value))
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

    private static SKTypeface Load(string name)
    {
        using var stream = typeof(Lettering).Assembly.GetManifestResourceStream(name)!;
        return SKTypeface.FromStream(stream);
    }
}
