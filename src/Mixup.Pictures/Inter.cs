using ScottPlot;
using SkiaSharp;

namespace TorchSharp.Mixup.Pictures;

/// <summary>The font Inter, which is embedded because containers often have no font. The samples compile this file as well.</summary>
internal static class Inter
{
    /// <summary>The name of the font in charts, once <see cref="UseInCharts"/> was called.</summary>
    public const string Name = "Inter";

    private static readonly Lazy<bool> IsInCharts = new(() =>
    {
        ScottPlot.Fonts.FontResolvers.Insert(0, new Resolver());
        return true;
    });

    public static Lazy<SKTypeface> Regular { get; } = new(() => Load("Inter-Regular"));

    public static Lazy<SKTypeface> SemiBold { get; } = new(() => Load("Inter-SemiBold"));

    public static Lazy<SKTypeface> Greek { get; } = new(() => Load("Inter-Greek"));

    /// <summary>Makes the font known to charts.</summary>
    public static void UseInCharts() => _ = IsInCharts.Value;

    /// <summary>Makes a font of a size in points of the canvas.</summary>
    public static SKFont Font(SKTypeface typeface, float size) => new(typeface, size)
    {
        Subpixel = true,
        Edging = SKFontEdging.Antialias,
        Hinting = SKFontHinting.None,
    };

    private static SKTypeface Load(string name)
    {
        using var stream = typeof(PictureSheet).Assembly.GetManifestResourceStream(name)!;
        return SKTypeface.FromStream(stream);
    }

    private sealed class Resolver : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) =>
            fontName == Name ? (bold ? SemiBold : Regular).Value : null;

        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
            CreateTypeface(fontName, weight >= FontWeight.SemiBold, italic: false);
    }
}
