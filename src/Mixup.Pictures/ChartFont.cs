using ScottPlot;
using SkiaSharp;

namespace TorchSharp.Mixup.Pictures;

/// <summary>Makes the embedded font known to charts, because containers often have no font.</summary>
internal static class ChartFont
{
    /// <summary>The name of the font.</summary>
    public const string Name = "Inter";

    private static readonly Lazy<bool> IsKnown = new(() =>
    {
        ScottPlot.Fonts.FontResolvers.Insert(0, new Resolver());
        return true;
    });

    /// <summary>Makes the font known, once in a process.</summary>
    public static void Use() => _ = IsKnown.Value;

    private sealed class Resolver : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) =>
            fontName == Name ? Lettering.TypefaceOf(bold) : null;

        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
            CreateTypeface(fontName, weight >= FontWeight.SemiBold, italic: false);
    }
}
