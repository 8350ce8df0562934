namespace TorchSharp.Mixup;

/// <summary>
/// A field with weight 0 inside a box and 1 outside, so that the box shows the partner. Its borders are whole cells of the extent on which
/// it was drawn.
/// </summary>
/// <remarks>
/// At another resolution, the box may cover a border cell partly. The coverage is computed from integers, so the mean is the same at every
/// resolution.
/// </remarks>
public sealed record BoxField : Field
{
    private readonly Extent extent;
    private readonly long[] from;
    private readonly long[] to;

    /// <summary>Initializes a box.</summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="from">The first cell along each dimension.</param>
    /// <param name="to">
    /// The end along each dimension: the cell after the last one. Equal to <paramref name="from"/> for an empty box.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The number of dimensions differs from the extent's, or the box is not within the extent.
    /// </exception>
    public BoxField(Extent extent, ReadOnlySpan<long> from, ReadOnlySpan<long> to)
        : base(MeanOf(extent, from, to)) => (this.extent, this.from, this.to) = (extent, from.ToArray(), to.ToArray());

    /// <inheritdoc/>
    public override Extent Extent => extent;

    /// <summary>Gets the first cell of the box along each dimension.</summary>
    public IReadOnlyList<long> From => Array.AsReadOnly(from);

    /// <summary>Gets the end of the box along each dimension: the cell after the last one.</summary>
    public IReadOnlyList<long> To => Array.AsReadOnly(to);

    /// <summary>Makes a box around a centre and clips it at the borders of the extent.</summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="centre">The cell at the centre. It may lie outside of the extent.</param>
    /// <param name="sides">
    /// The length along each dimension, 0 or more. The box extends by half of it, rounded down, in both directions, so an odd length is
    /// reduced by one.
    /// </param>
    /// <returns>The clipped box.</returns>
    /// <exception cref="ArgumentException">The number of dimensions differs from that of the extent, or a side is negative.</exception>
    public static BoxField Around(Extent extent, ReadOnlySpan<long> centre, ReadOnlySpan<long> sides)
    {
        CheckCount(extent, centre.Length, nameof(centre));
        CheckCount(extent, sides.Length, nameof(sides));
        var (from, to) = (new long[extent.Count], new long[extent.Count]);
        for (var d = 0; d < from.Length; d++)
        {
            if (sides[d] < 0)
            {
                throw new ArgumentException($"The side along dimension {d} is {sides[d]}; expected 0 or more. " +
                    "Give the length in cells.", nameof(sides));
            }

            from[d] = Math.Clamp(centre[d] - (sides[d] / 2), 0, extent[d]);
            to[d] = Math.Clamp(centre[d] + (sides[d] / 2), 0, extent[d]);
        }

        return new BoxField(extent, from, to);
    }

    /// <summary>Draws the position of a box within the extent, uniform over all positions, so the box may touch every border.</summary>
    /// <param name="extent">The extent of the samples.</param>
    /// <param name="sides">The length along each dimension, from 0 to the size of the dimension.</param>
    /// <param name="random">The random generator.</param>
    /// <returns>The box.</returns>
    /// <exception cref="ArgumentException">
    /// The number of dimensions differs from that of the extent, or a side is negative or longer than the extent.
    /// </exception>
    public static BoxField Inside(Extent extent, ReadOnlySpan<long> sides, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        CheckCount(extent, sides.Length, nameof(sides));
        var (from, to) = (new long[extent.Count], new long[extent.Count]);
        for (var d = 0; d < from.Length; d++)
        {
            from[d] = sides[d] < 0 || sides[d] > extent[d]
                ? throw new ArgumentException($"The side along dimension {d} is {sides[d]}; expected 0 to {extent[d]}. " +
                    "Give the length in cells.", nameof(sides))
                : random.NextInt64(extent[d] - sides[d] + 1);
            to[d] = from[d] + sides[d];
        }

        return new BoxField(extent, from, to);
    }

    /// <summary>Returns the same box with a lambda that differs from its mean, as in CutMix without the correction of lambda.</summary>
    /// <param name="lambda">The weight of the target of the sample, from 0 to 1.</param>
    /// <returns>The box with this lambda.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The weight is outside [0, 1] or not a number.</exception>
    public BoxField WithLambda(double lambda) => this with { Lambda = new NumberField(lambda).Lambda };

    /// <inheritdoc/>
    public override bool IsHardAt(Extent extent)
    {
        this.extent.CheckDimensionsOf(extent);
        if (IsEmpty)
        {
            return true;
        }

        for (var d = 0; d < from.Length; d++)
        {
            if (from[d] * extent[d] % this.extent[d] != 0 || to[d] * extent[d] % this.extent[d] != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Compares two boxes by their extent, borders and lambda.</summary>
    /// <param name="other">The other box.</param>
    /// <returns>True if all are equal.</returns>
    public bool Equals(BoxField? other) =>
        other is not null && extent == other.extent && Lambda.Equals(other.Lambda) && from.AsSpan().SequenceEqual(other.from)
            && to.AsSpan().SequenceEqual(other.to);

    /// <inheritdoc/>
    public override int GetHashCode() => from.Concat(to).Aggregate(HashCode.Combine(extent, Lambda), HashCode.Combine);

    /// <inheritdoc/>
    public override string ToString() =>
        $"BoxField {{ Extent = {extent}, From = [{string.Join(", ", from)}], To = [{string.Join(", ", to)}], Lambda = {Lambda:R} }}";

    /// <summary>Gets whether the box has no cell.</summary>
    internal bool IsEmpty => from.Zip(to).Any(side => side.First == side.Second);

    /// <summary>
    /// Returns the fraction of each cell inside the box, along one dimension at a resolution. It is exactly 1 for whole cells.
    /// </summary>
    internal double[] CoverageAlong(int dimension, long size)
    {
        var coverage = new double[size];
        for (var cell = 0L; cell < size; cell++)
        {
            coverage[cell] = CoverageOf(dimension, size, cell);
        }

        return coverage;
    }

    /// <summary>Returns the fraction of one cell inside the box, along one dimension at a resolution.</summary>
    internal double CoverageOf(int dimension, long size, long cell)
    {
        // In units of 1 / (old size * new size), all borders are integers.
        var drawn = extent[dimension];
        return (double)Math.Max(
            0, Math.Min((cell + 1) * drawn, to[dimension] * size) - Math.Max(cell * drawn, from[dimension] * size)) / drawn;
    }

    internal override double[] ValuesAt(Extent extent)
    {
        this.extent.CheckDimensionsOf(extent);
        double[] covered = [1];
        for (var d = 0; d < extent.Count; d++)
        {
            var along = CoverageAlong(d, extent[d]);
            covered = [.. covered.SelectMany(_ => along, (outer, inner) => outer * inner)];
        }

        return Array.ConvertAll(covered, share => 1 - share);
    }

    private static double MeanOf(Extent extent, ReadOnlySpan<long> from, ReadOnlySpan<long> to)
    {
        CheckCount(extent, from.Length, nameof(from));
        CheckCount(extent, to.Length, nameof(to));
        var inside = 1L;
        for (var d = 0; d < extent.Count; d++)
        {
            if (from[d] < 0 || to[d] < from[d] || to[d] > extent[d])
            {
                throw new ArgumentException(
                    $"Along dimension {d} the box reaches from {from[d]} to {to[d]}; expected 0 <= from <= to <= {extent[d]}. " +
                    "Clip it, or use BoxField.Around.", nameof(from));
            }

            inside *= to[d] - from[d];
        }

        return (double)(extent.Cells - inside) / extent.Cells;
    }

    private static void CheckCount(Extent extent, int count, string name)
    {
        ArgumentNullException.ThrowIfNull(extent);
        if (count != extent.Count)
        {
            throw new ArgumentException($"The extent {extent} has {extent.Count} dimensions, but there are {count} numbers; expected " +
                "one for each dimension. Give as many numbers.", name);
        }
    }
}
