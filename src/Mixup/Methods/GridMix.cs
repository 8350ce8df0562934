using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Pastes the partner into a grid of holes (Baek, Bang and Shim 2021, "GridMix: Strong regularization through local context mapping", in
/// the form of I. Dobrynin's GridMixup and OpenMixup). The grid lies within a random box. <see cref="Holes"/> is the number of patches
/// along the last dimension. The fraction <c>1 - lambda</c> of each patch is a hole. Lambda is then corrected to the area of the holes.
/// </summary>
/// <param name="Alpha">
/// The parameter of the Beta(alpha, alpha) distribution of the fraction that a patch keeps: 0 (no mixing) or more. Default 1.
/// </param>
public sealed record GridMix(double Alpha = 1) : Method
{
    /// <summary>Gets the parameter of the Beta(alpha, alpha) distribution of the fraction that a patch keeps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Alpha
    {
        get;
        init => field = Check.Alpha(value);
    } = Check.Alpha(Alpha);

    /// <summary>
    /// Gets the smallest and the largest number of patches along the last dimension, 1 or more. At most one patch for every two cells is
    /// used. Default 2 to 6.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1, or the first is the larger one.</exception>
    public (int Least, int Largest) Holes
    {
        get;
        init => field = value.Least >= 1 && value.Least <= value.Largest
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The numbers of holes must be 1 or more, the smaller one first.");
    } = (2, 6);

    /// <summary>
    /// Gets the smallest and the largest length of a patch along the other dimensions, as a multiple of its length along the last. Default
    /// 1 to 1: patches are square.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A ratio is not above 0 or not finite, or the first is the larger one.</exception>
    public (double Least, double Largest) PatchAspect
    {
        get;
        init => field = Check.Ratios(value);
    } = (1, 1);

    /// <summary>Gets the smallest and the largest area of the box, as a fraction of the extent from 0 to 1. Default 0.5 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A fraction is outside [0, 1], or the first is the larger one.</exception>
    public (double Least, double Largest) BoxShare
    {
        get;
        init => field = Check.Shares(value);
    } = (0.5, 1);

    /// <summary>
    /// Gets the smallest and the largest aspect of the box. The aspect is the relative length of each other side over that of the last;
    /// lengths are relative to the extent. Sides are limited to the extent. Default 0.5 to 2.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A ratio is not above 0 or not finite, or the first is the larger one.</exception>
    public (double Least, double Largest) BoxAspect
    {
        get;
        init => field = Check.Ratios(value);
    } = (0.5, 2);

    /// <inheritdoc/>
    public override bool Copies => true;

    /// <summary>Computes the sides of the box of the grid.</summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="share">The area of the box as a fraction of the extent, from 0 to 1.</param>
    /// <param name="aspect">The relative length of each other side over that of the last, above 0. Sides are limited to the extent.</param>
    /// <returns>The length along each dimension, in cells.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="share"/> is outside [0, 1], or <paramref name="aspect"/> is not above 0.
    /// </exception>
    public static long[] BoxSides(Extent extent, double share, double aspect)
    {
        ArgumentNullException.ThrowIfNull(extent);
        Check.Shares((share, share), nameof(share));
        Check.Ratios((aspect, aspect), nameof(aspect));

        // Rounded as in OpenMixup: first the area, then the last side, then the other sides.
        var area = Math.Floor(extent.Cells * share) / extent.Cells;
        var root = area / Math.Pow(aspect, extent.Count - 1);
        var last = (long)(extent[^1] * (extent.Count == 2 ? Math.Sqrt(root) : Math.Pow(root, 1.0 / extent.Count)));
        long[] sides = [.. extent.Select(size => (long)Math.Min(size, (double)last * size / extent[^1] * aspect))];
        sides[^1] = Math.Min(last, extent[^1]);
        return sides;
    }

    /// <summary>Makes the mask of a grid.</summary>
    /// <param name="box">The box of the grid.</param>
    /// <param name="lambda">
    /// The fraction of a patch that the sample keeps, from 0 to 1. With 1 there is no hole. Otherwise a hole has at least one cell along
    /// each dimension, but is never the whole patch.
    /// </param>
    /// <param name="holes">
    /// The number of patches along the last dimension, 1 or more. At most one patch for every two cells is used.
    /// </param>
    /// <param name="patchAspect">
    /// The length of a patch along the other dimensions, as a multiple of its length along the last, above 0. Default 1.
    /// </param>
    /// <returns>The mask: 0 in the holes, 1 elsewhere.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="lambda"/> is outside [0, 1], <paramref name="holes"/> is below 1, or <paramref name="patchAspect"/> is not above 0.
    /// </exception>
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
