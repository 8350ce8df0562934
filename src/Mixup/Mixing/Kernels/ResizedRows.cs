using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Resizes the rows of fields that resize, or applies the transpose. Along each dimension, a cell is a weighted sum of a few cells, its
/// taps. The taps of the transpose are the cells that read it. Both are therefore gathers, which are deterministic.
/// </summary>
internal sealed class ResizedRows(IReadOnlyList<Field> fields, bool transposed)
{
    /// <summary>Gets whether each cell of a resized row is a copy of one cell.</summary>
    public bool Picks => !transposed && fields.OfType<ResizedBoxField>().All(box => box.Resizing == Resizing.Nearest);

    /// <summary>Returns the source cells of each row at a resolution; null for a row that is not resized.</summary>
    public ResizedLines?[] LinesAt(Extent extent)
    {
        Dictionary<Field, ResizedLines> shared = new(ReferenceEqualityComparer.Instance);
        ResizedLines? Of(Field field)
        {
            if (!IsResized(field))
            {
                return null;
            }

            if (!shared.TryGetValue(field, out var lines))
            {
                shared.Add(field, lines = ResizedLines.Of((ResizedBoxField)field, extent));
            }

            return lines;
        }

        return [.. fields.Select(Of)];
    }

    /// <summary>Returns the same for the rows of an index.</summary>
    public ResizedRows Gather(long[] rows) => new([.. rows.Select(row => fields[(int)row])], transposed);

    /// <summary>Returns the transpose for the rows of an index.</summary>
    public ResizedRows Transpose(long[] rows) => new([.. rows.Select(row => fields[(int)row])], !transposed);

    /// <summary>Returns whether any row of a range is resized.</summary>
    public bool Any(int from, int count) => fields.Skip(from).Take(count).Any(IsResized);

    /// <summary>Resizes rows.</summary>
    /// <param name="x">The rows. Not modified.</param>
    /// <param name="from">The number of the first row.</param>
    /// <param name="at">The position of the extent.</param>
    /// <returns>New rows of the same type. Rows that are not resized are copied.</returns>
    public Tensor Apply(Tensor x, int from, ExtentWithin at)
    {
        using var scope = NewDisposeScope();
        long[] rows = [.. Enumerable.Range(0, (int)x.shape[0]).Where(row => IsResized(fields[from + row])).Select(row => (long)row)];
        ResizedBoxField[] boxes = [.. rows.Select(row => (ResizedBoxField)fields[from + (int)row])];
        if (boxes.Length == 0)
        {
            return x.clone().MoveToOuterDisposeScope();
        }

        var index = tensor(rows).to(x.device, non_blocking: true);
        var resized = boxes.Length == x.shape[0] ? x : x.index(TensorIndex.Tensor(index));
        for (var axis = 0; axis < at.Extent.Count; axis++)
        {
            resized = Along(resized, boxes, axis, at);
        }

        resized = resized.RoundedTo(x.dtype);
        return (boxes.Length == x.shape[0] ? resized : x.clone().index_copy_(0, index, resized)).MoveToOuterDisposeScope();
    }

    private static bool IsResized(Field field) => field is ResizedBoxField { Box.IsEmpty: false };

    private Tensor Along(Tensor x, ResizedBoxField[] boxes, int axis, ExtentWithin at)
    {
        var size = at.Extent[axis];
        var taps = boxes.SelectMany(box => Taps(box, axis, size)).ToArray();
        var wide = Check.AccumulationType(x);
        Tensor? sum = null;
        for (var tap = 0; tap < taps.Max(of => of.Count); tap++)
        {
            // A cell without a tap reads itself with the weight 0.
            var shape = at.Broadcast(boxes.Length, axis);
            long[] cells = [.. taps.Select((of, cell) => tap < of.Count ? of[tap].Source : cell % size)];
            var sources = tensor(cells, ScalarType.Int64).view(shape).to(x.device, non_blocking: true);
            double[] weights = [.. taps.Select(of => tap < of.Count ? of[tap].Weight : 0)];
            var picked = x.index(Cells(x, sources, at.First + axis));
            if (!transposed && Array.TrueForAll(taps, of => of.Count == 0 || (of.Count == 1 && of[0].Weight == 1)))
            {
                return picked; // a copy of any type; cells outside of the box are ignored
            }

            var factors = tensor(weights, shape, wide).to(x.device, non_blocking: true);
            var part = picked.to(wide).mul(factors).masked_fill_(factors.eq(Scalars.Zero), Scalars.NegativeZero);
            sum = sum is null ? part : sum.add_(part);
        }

        return sum!; // a box has a cell, so some cell has a tap
    }

    /// <summary>Returns the taps of each cell along an axis.</summary>
    private List<(long Source, double Weight)>[] Taps(ResizedBoxField box, int axis, long size)
    {
        var taps = new List<(long Source, double Weight)>[size];
        for (var cell = 0L; cell < size; cell++)
        {
            taps[cell] = [];
        }

        for (var cell = 0L; cell < size; cell++)
        {
            foreach (var (source, weight) in box.TapsAt(axis, size, cell))
            {
                var (reader, read) = transposed ? (source, cell) : (cell, source);
                taps[reader].Add((read, weight));
            }
        }

        return taps;
    }

    private static TensorIndex[] Cells(Tensor x, Tensor sources, int axis)
    {
        var indices = new TensorIndex[x.dim()];
        for (var d = 0; d < indices.Length; d++)
        {
            var all = Scalars.Range(x.shape[d], x.device).view(Check.Broadcast(x.shape[d], d, x.dim()));
            indices[d] = TensorIndex.Tensor(d == axis ? sources : all);
        }

        return indices;
    }
}
