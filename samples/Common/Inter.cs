using ScottPlot;
using SkiaSharp;
using TorchSharp.Mixup.Pictures;

namespace Mixup.Samples;

/// <summary>The font of all pictures, which the package of pictures brings along: containers often have no font.</summary>
internal static class Inter
{
    /// <summary>The name of the font.</summary>
    public const string Name = "Inter";

    private static readonly Lazy<SKTypeface> Regular = new(() => Load("Inter-Regular")), SemiBold = new(() => Load("Inter-SemiBold"));

    /// <summary>Makes the font known to plots.</summary>
    public static void Use() => Fonts.FontResolvers.Insert(0, new Resolver());

    /// <summary>Makes a font of a size.</summary>
    /// <param name="size">The size, in points of the canvas.</param>
    public static SKFont Font(float size) => new(Regular.Value, size)
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
