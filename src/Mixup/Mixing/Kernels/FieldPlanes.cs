using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The position of the extent in a tensor: its first dimension and its sizes.</summary>
internal readonly record struct ExtentWithin(int First, Extent Extent, int Rank)
{
    public static ExtentWithin Of(Tensor x, int first, int count) => new(first, new Extent(x.shape.AsSpan(first, count)), (int)x.dim());

    /// <summary>Returns a shape that broadcasts against the tensor: rows, with all cells or one dimension of them.</summary>
    public long[] Broadcast(long rows, int? axis = null, bool cells = false)
    {
        var shape = Check.Broadcast(rows, 0, Rank);
        for (var d = 0; d < Extent.Count; d++)
        {
            shape[First + d] = cells || axis == d ? Extent[d] : 1;
        }

        return shape;
    }
}

/// <summary>
/// Makes a plane of weights for each row: the field, or 1 minus the field. Planes are not cached, since each needs the memory of an image
/// of one channel.
/// </summary>
internal sealed class FieldPlanes(IReadOnlyList<Field> all, bool ofPartner)
{
    // The weights of a resized partner are those of its box.
    private readonly Field[] fields = [.. all.Select(field => field is ResizedBoxField resized ? resized.Box : field)];

    private NumberField Nothing => new(ofPartner ? 1 : 0);

    public IReadOnlyList<Field> Fields => fields;

    /// <summary>Gets whether a plane is 1 minus its field, the weight of the partner.</summary>
    public bool OfPartner => ofPartner;

    /// <summary>Returns the planes of the rows of an index. A negative index gives a plane of zeros.</summary>
    public FieldPlanes Gather(IEnumerable<long> rows) => new([.. rows.Select(row => row < 0 ? Nothing : fields[row])], ofPartner);

    /// <summary>Makes the planes of some rows.</summary>
    /// <returns>
    /// A tensor that broadcasts against these rows of a tensor with the extent <paramref name="at"/>. Weights of 0 and 1 are exact.
    /// </returns>
    public Tensor Of(int from, int count, ExtentWithin at, ScalarType type, Device device)
    {
        Tensor Upload(double[] values, long[] shape) => tensor(values, shape, type).to(device, non_blocking: true);

        // A number is a constant, and a box is a constant plus a slope times its coverage. Masks are written over both.
        var (constants, slopes) = (new double[count], new double[count]);
        List<long> masks = [];
        for (var row = 0; row < count; row++)
        {
            switch (fields[from + row])
            {
                case BoxField:
                    (constants[row], slopes[row]) = ofPartner ? (0, 1) : (1, -1);
                    break;
                case MaskField:
                    masks.Add(row);
                    break;
                case var number:
                    constants[row] = ofPartner ? 1 - number.Lambda : number.Lambda;
                    break;
            }
        }

        if (masks.Count == count)
        {
            return Upload(Cells(masks, from, at.Extent), at.Broadcast(count, cells: true));
        }

        var planes = Upload(constants, at.Broadcast(count));
        if (Array.Exists(slopes, slope => slope != 0))
        {
            var covered = Upload(slopes, at.Broadcast(count));
            for (var axis = 0; axis < at.Extent.Count; axis++)
            {
                covered = covered.mul(Upload(Coverage(from, count, axis, at.Extent[axis]), at.Broadcast(count, axis)));
            }

            planes = planes.add(covered);
        }

        if (masks.Count > 0)
        {
            planes = planes.expand(at.Broadcast(count, cells: true)).clone();
            var cells = Upload(Cells(masks, from, at.Extent), at.Broadcast(masks.Count, cells: true));
            planes.index_copy_(0, tensor(masks.ToArray()).to(device, non_blocking: true), cells);
        }

        return planes;
    }

    /// <summary>Returns the fraction of each cell inside the boxes of some rows, along one axis.</summary>
    private double[] Coverage(int from, int count, int axis, long size)
    {
        var coverage = new double[count * size];
        for (var row = 0; row < count; row++)
        {
            if (fields[from + row] is BoxField box)
            {
                box.CoverageAlong(axis, size).CopyTo(coverage, row * size);
            }
        }

        return coverage;
    }

    private double[] Cells(List<long> rows, int from, Extent extent)
    {
        var values = new double[rows.Count * extent.Cells];
        for (var i = 0; i < rows.Count; i++)
        {
            fields[from + (int)rows[i]].ValuesAt(extent).CopyTo(values, i * extent.Cells);
        }

        return ofPartner ? Array.ConvertAll(values, weight => 1 - weight) : values;
    }
}
