using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A grid of holes through which the partner is seen (Baek, Bang and Shim 2021, "GridMix: Strong regularization through local context
/// mapping", in the form of I. Dobrynin's GridMixup and OpenMixup).
/// The grid lies within a box; its patches are as many along the last dimension as <see cref="Holes"/> says, and each has a hole of a
/// share of <c>1 - lambda</c>. Lambda is corrected to the area.
/// </summary>
/// <param name="Alpha">Concentration of the Beta(alpha, alpha) distribution of the share that a patch keeps, 0 (no mixing) or more.
/// Default 1.</param>
public sealed record GridMix(double Alpha = 1) : Method
{
    /// <summary>Gets the concentration of the Beta(alpha, alpha) distribution.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Alpha
    {
        get;
        init => field = Check.Alpha(value);
    } = Check.Alpha(Alpha);

    /// <summary>Gets the least and the largest number of patches along the last dimension. At most one for every two cells is used.
    /// Default 2 to 6.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The numbers are not in order, or below 1.</exception>
    public (int Least, int Largest) Holes
    {
        get;
        init => field = value.Least >= 1 && value.Least <= value.Largest
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The numbers of holes must lie in order, from 1 on.");
    } = (2, 6);

    /// <summary>Gets the least and the largest length of a patch along each other dimension, as a multiple of that along the last. Default
    /// 1: patches are square.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The ratios are not in order, not above 0, or not finite.</exception>
    public (double Least, double Largest) PatchAspect
    {
        get;
        init => field = Check.Ratios(value);
    } = (1, 1);

    /// <summary>Gets the least and the largest share of the extent that the box of the grid has. Default 0.5 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The shares are not in order, or outside [0, 1].</exception>
    public (double Least, double Largest) BoxShare
    {
        get;
        init => field = Check.Shares(value);
    } = (0.5, 1);

    /// <summary>
    /// Gets the least and the largest ratio of the sides of the box: the share of each other dimension over that of the last. A side ends
    /// at the borders. Default 0.5 to 2.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The ratios are not in order, not above 0, or not finite.</exception>
    public (double Least, double Largest) BoxAspect
    {
        get;
        init => field = Check.Ratios(value);
    } = (0.5, 2);

    /// <inheritdoc/>
    public override bool Copies => true;

    /// <summary>Computes the sides of the box that the grid lies in.</summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="share">The share of the extent that the box has, from 0 to 1.</param>
    /// <param name="aspect">The share of each other side over that of the last, above 0. A side ends at the borders.</param>
    /// <returns>The length along each dimension, in cells.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is outside [0, 1], or the aspect is not above 0.</exception>
    public static long[] BoxSides(Extent extent, double share, double aspect)
    {
        ArgumentNullException.ThrowIfNull(extent);
        Check.Shares((share, share), nameof(share));
        Check.Ratios((aspect, aspect), nameof(aspect));

        // Rounded as in OpenMixup: first the area, then the last side, then the others after that.
        var area = Math.Floor(extent.Cells * share) / extent.Cells;
        var root = area / Math.Pow(aspect, extent.Count - 1);
        var last = (long)(extent[^1] * (extent.Count == 2 ? Math.Sqrt(root) : Math.Pow(root, 1.0 / extent.Count)));
        long[] sides = [.. extent.Select(size => (long)Math.Min(size, (double)last * size / extent[^1] * aspect))];
        sides[^1] = Math.Min(last, extent[^1]);
        return sides;
    }

    /// <summary>Makes the mask of a given grid.</summary>
    /// <param name="box">The box that the grid lies in.</param>
    /// <param name="lambda">The share of a patch that the sample keeps, from 0 to 1. With 1 there is no hole; otherwise a hole has one
    /// cell along each dimension or more, but not the whole patch.</param>
    /// <param name="holes">The number of patches along the last dimension, 1 or more. At most one for every two cells is used.</param>
    /// <param name="patchAspect">The length of a patch along each other dimension as a multiple of that along the last, above 0. Default
    /// 1.</param>
    /// <returns>The mask: 0 in the holes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Lambda is outside [0, 1], there is no hole, or the aspect is not above 0.</exception>
    public static MaskField MaskOf(BoxField box, double lambda, int holes, double patchAspect = 1)
    {
        ArgumentNullException.ThrowIfNull(box);
        ArgumentOutOfRangeException.ThrowIfLessThan(holes, 1);
        Check.Ratios((patchAspect, patchAspect), nameof(patchAspect));
        var extent = box.Extent;
        var rest = 1 - new NumberField(lambda).Lambda;
        var share = extent.Count == 2 ? Math.Sqrt(rest) : Math.Pow(rest, 1.0 / extent.Count);
        var width = box.To[^1] - box.From[^1];
        var columns = Math.Clamp(holes, 1, Math.Max(1, width / 2));
        var last = (width + columns - 1) / columns;

        using var scope = NewDisposeScope();
        var inHole = ones(1, ScalarType.Bool);
        for (var d = 0; d < extent.Count; d++)
        {
            var patch = d == extent.Count - 1 ? last : Math.Max(1, (long)Math.Min(extent[d], last * patchAspect));
            var hole = lambda == 1 ? 0 : Math.Clamp((long)(patch * share), Math.Min(1, patch - 1), Math.Max(0, patch - 1));
            var along = new bool[extent[d]];
            for (var cell = box.From[d]; cell < box.To[d]; cell++)
            {
                along[cell] = (cell - box.From[d]) % patch < hole;
            }

            inHole = inHole.logical_and(tensor(along).view(Check.Broadcast(extent[d], d, extent.Count)));
        }

        return new MaskField(inHole.logical_not());
    }

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing)
    {
        ArgumentNullException.ThrowIfNull(drawing);
        var (extent, random) = (drawing.Extent, drawing.Random);
        double Uniform((double Least, double Largest) range) => range.Least + ((range.Largest - range.Least) * random.NextDouble());
        var lambda = drawing.Beta(Alpha);
        var holes = (int)random.NextInt64(Holes.Least, Holes.Largest + 1L);
        var aspect = Uniform(PatchAspect);
        var sides = BoxSides(extent, Uniform(BoxShare), Uniform(BoxAspect));
        return MaskOf(BoxField.Inside(extent, sides, random), lambda, holes, aspect);
    }
}
