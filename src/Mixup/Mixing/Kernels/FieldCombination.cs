using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A combination whose weights vary over the extent of a sample, <c>y[i] = own[i] * x[i] + other[i] * x[sources[i]]</c>. A weight of 0 means that the cell is not read.
/// In a blend a cell of weight 1 is copied, whatever its type and value. The CPU has a kernel of its own. All else goes by torch's operations, by parts of the batch, so that temporaries stay below
/// the size of the batch, and reads nothing back. META has neither <c>where</c> nor <c>logical_not</c>, and <c>gather</c>
/// changes bits of what is not a number in half precision: <c>index</c> does not.
/// </summary>
internal sealed class FieldCombination : LinearMap
{
    private const int Parts = 16;

    // Below this many elements a part would cost more in calls than it saves in memory.
    private const long LeastElements = 1 << 16;
    private readonly FieldPlanes own;
    private readonly FieldPlanes other;
    private readonly ResizedRows resized;
    private readonly long[] sources;
    private readonly int first;
    private readonly int dimensions;
    private readonly bool isBlend;
    private FieldCombination? transposed;
    private Step[]? walk;
    private Known? known;

    /// <summary>Makes a blend: the weights of each row are a field and its rest.</summary>
    /// <param name="own">The weights of the row itself.</param>
    /// <param name="other">The weights of the other row.</param>
    /// <param name="resized">How the other rows are resized.</param>
    /// <param name="sources">The other row of each row: a permutation.</param>
    /// <param name="first">The first dimension of the extent.</param>
    /// <param name="dimensions">The number of dimensions of the extent.</param>
    public FieldCombination(FieldPlanes own, FieldPlanes other, ResizedRows resized, long[] sources, int first, int dimensions)
        : this(own, other, resized, sources, first, dimensions, isBlend: true)
    {
    }

    private FieldCombination(FieldPlanes own, FieldPlanes other, ResizedRows resized, long[] sources, int first, int dimensions, bool isBlend) =>
        (this.own, this.other, this.resized, this.sources, this.first, this.dimensions, this.isBlend) = (own, other, resized, sources, first, dimensions, isBlend);

    // A sample gets back its own weight and that of its reader, which do not sum to one. A gather, no scatter: the same bits on every run.
    public override LinearMap Transposed => transposed ??= Transpose();

    /// <summary>The fields of all rows.</summary>
    public IEnumerable<Field> Fields => own.Fields;

    /// <summary>Whether a row is resized.</summary>
    public bool Resizes => resized.Any(0, sources.Length);

    /// <summary>The other row of each row.</summary>
    public long[] Sources => sources;

    /// <summary>The rows, cycle by cycle of the permutation.</summary>
    public Step[] Walk => walk ??= Cycles.Of(sources);

    /// <summary>The first dimension of the extent.</summary>
    public int First => first;

    /// <summary>The number of dimensions of the extent.</summary>
    public int Dimensions => dimensions;

    /// <summary>The weights of each row on the host, remembered for the resolution that was asked for last.</summary>
    /// <param name="extent">The resolution.</param>
    /// <param name="leastMean">How many cells a run of one weight must have in the mean.</param>
    public RowWeights[] WeightsAt(Extent extent, int leastMean)
    {
        var last = known;
        if (last is null || last.Extent != extent || last.LeastMean != leastMean)
        {
            known = last = new Known(extent, leastMean, RowWeightsAt(extent, leastMean));
        }

        return last.Weights;
    }

    public override Tensor Apply(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return (FieldKernel.TryApply([this], x) ?? ApplyByTorch(x)).MoveToOuterDisposeScope();
    }

    public override void Overwrite(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (!FieldKernel.TryOverwrite(this, x))
        {
            base.Overwrite(x);
        }
    }

    public override void Dispose()
    {
        // Planes are made anew, so there is nothing to free.
    }

    private RowWeights[] RowWeightsAt(Extent extent, int leastMean)
    {
        // Those who share a coefficient share a field, and so all that follows from it.
        var weights = new RowWeights[sources.Length];
        for (var row = 0; row < weights.Length; row++)
        {
            weights[row] = row > 0 && ReferenceEquals(own.Fields[row], own.Fields[row - 1]) && ReferenceEquals(other.Fields[row], other.Fields[row - 1])
                ? weights[row - 1]
                : RowWeights.Of((own.Fields[row], own.OfPartner), (other.Fields[row], other.OfPartner), extent, leastMean);
        }

        return weights;
    }

    private Tensor ApplyByTorch(Tensor x)
    {
        var at = ExtentWithin.Of(x, first, dimensions);
        var isHard = isBlend && own.Fields.All(field => field.IsHardAt(at.Extent));
        var result = empty_like(x);
        var rowElements = Math.Max(1, x.numel() / sources.Length);
        var rows = (int)Math.Min(sources.Length, Math.Max((sources.Length + Parts - 1) / Parts, LeastElements / rowElements));
        for (var from = 0; from < sources.Length; from += rows)
        {
            using var part = NewDisposeScope();
            var count = Math.Min(rows, sources.Length - from);
            var target = result.narrow(0, from, count);
            if (isHard)
            {
                Copy(from, count, at, x, target);
            }
            else
            {
                Sum(from, count, at, x, target);
            }
        }

        return result;
    }

    /// <summary>Where all weights are 0 or 1, each element is that of one row: its own, or the other one.</summary>
    private void Copy(int from, int count, ExtentWithin at, Tensor x, Tensor target)
    {
        var fromOther = other.Of(from, count, at, ScalarType.Float32, x.device).ne(0);
        if (resized.Any(from, count))
        {
            var both = cat([x.narrow(0, from, count), resized.Apply(Partners(from, count, x), from, at)]);
            target.copy_(Pick(both, fromOther.to(ScalarType.Int64).mul_(count).add_(Rows(Enumerable.Range(0, count).Select(i => (long)i), at, x.device))));
            return;
        }

        var row = Rows(Enumerable.Range(from, count).Select(i => (long)i), at, x.device);
        var distance = Rows(Enumerable.Range(from, count).Select(i => sources[i] - i), at, x.device);
        target.copy_(Pick(x, fromOther.to(ScalarType.Int64).mul_(distance).add_(row)));
    }

    private void Sum(int from, int count, ExtentWithin at, Tensor x, Tensor target)
    {
        var wide = Check.AccumulationType(x);
        var sample = x.narrow(0, from, count);
        var partner = Partners(from, count, x);
        var isResized = resized.Any(from, count);
        if (isBlend && isResized)
        {
            partner = resized.Apply(partner.to(wide), from, at);
        }

        var (ofSample, ofPartner) = (own.Of(from, count, at, wide, x.device), other.Of(from, count, at, wide, x.device));
        var (notSample, notPartner) = (ofSample.eq(0), ofPartner.eq(0));

        // 0 times infinity is not a number; adding -0.0 changes no bit of a number.
        var sum = sample.to(wide).mul(ofSample).masked_fill_(notSample, -0.0);
        var rest = partner.to(wide).mul(ofPartner).masked_fill_(notPartner, -0.0);
        sum = sum.add_(isResized && !isBlend ? resized.Apply(rest, from, at) : rest).to(x.dtype);
        if (!isBlend)
        {
            sum.masked_fill_(notSample.bitwise_and(notPartner), 0); // nobody reads this cell
        }
        else if (own.Fields.Skip(from).Take(count).Any(MayCopy))
        {
            // Arithmetic changes what is not a number: such a cell is taken from the sample or the partner, which stand behind the sums.
            var source = notPartner.to(ScalarType.Int64).add_(notSample.to(ScalarType.Int64), alpha: 2).mul_(count);
            sum = Pick(cat([sum, sample, partner.to(x.dtype)]), source.add_(Rows(Enumerable.Range(0, count).Select(i => (long)i), at, x.device)));
        }

        target.copy_(sum);
    }

    private Tensor Partners(int from, int count, Tensor x) =>
        x.index(TensorIndex.Tensor(tensor(sources.AsSpan(from, count).ToArray()).to(x.device, non_blocking: true)));

    /// <summary>The elements of the rows that an index names, cell by cell: [rows, 1, cells].</summary>
    private static Tensor Pick(Tensor x, Tensor rows)
    {
        var indices = new TensorIndex[x.dim()];
        indices[0] = TensorIndex.Tensor(rows);
        for (var d = 1; d < indices.Length; d++)
        {
            indices[d] = TensorIndex.Tensor(arange(x.shape[d], ScalarType.Int64, x.device).view(Check.Broadcast(x.shape[d], d, x.dim())));
        }

        return x.index(indices);
    }

    private static Tensor Rows(IEnumerable<long> rows, ExtentWithin at, Device device)
    {
        var numbers = tensor(rows.ToArray()).to(device, non_blocking: true);
        return numbers.view(at.Broadcast(numbers.shape[0]));
    }

    private static bool MayCopy(Field field) => field is not NumberField || (float)field.Lambda == 0 || (float)(1 - field.Lambda) == 0;

    private FieldCombination Transpose()
    {
        var readers = new long[sources.Length];
        for (var row = 0; row < readers.Length; row++)
        {
            readers[sources[row]] = row;
        }

        return new FieldCombination(own, other.Gather(readers), resized.Transpose(readers), readers, first, dimensions, isBlend: false) { transposed = this };
    }

    private sealed record Known(Extent Extent, int LeastMean, RowWeights[] Weights);
}
