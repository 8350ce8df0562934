using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Applies combinations by fields with torch's operations. It handles one part of the batch at a time, so that temporaries stay smaller
/// than the batch. Nothing is read back to the host. META has neither <c>where</c> nor <c>logical_not</c>. <c>index</c> is used, since
/// <c>gather</c> changes bits of NaN in half precision.
/// </summary>
internal static class TorchFieldKernel
{
    private const int Parts = 16;

    // Smaller parts would cost more in calls than they save in memory.
    private const long LeastElements = 1 << 16;

    /// <summary>Applies a combination.</summary>
    public static Tensor Apply(WeightedCells cells, Tensor x)
    {
        var at = ExtentWithin.Of(x, cells.First, cells.Dimensions);
        var isHard = cells.IsBlend && cells.Own.Fields.All(field => field.IsHardAt(at.Extent));
        var result = empty_like(x);
        var batch = cells.Sources.First.Length;
        var rowElements = Math.Max(1, x.numel() / batch);
        var rows = (int)Math.Min(batch, Math.Max((batch + Parts - 1) / Parts, LeastElements / rowElements));
        for (var from = 0; from < batch; from += rows)
        {
            using var part = NewDisposeScope();
            var count = Math.Min(rows, batch - from);
            result.narrow(0, from, count).copy_(isHard ? Copy(cells, from, count, at, x) : Sum(cells, from, count, at, x));
        }

        return result;
    }

    /// <summary>Copies each element from its own row or the other one, if all weights are 0 or 1.</summary>
    private static Tensor Copy(WeightedCells cells, int from, int count, ExtentWithin at, Tensor x)
    {
        var fromOther = cells.Other.Of(from, count, at, ScalarType.Float32, x.device).ne(Scalars.Zero);
        var sources = cells.Sources.First.AsSpan(from, count).ToArray();
        if (cells.Resized.Any(from, count))
        {
            var both = cat([x.narrow(0, from, count), cells.Resized.Apply(Gather(x, sources), from, at)]);
            return Pick(both, fromOther.to(ScalarType.Int64).TimesInPlace(count).add_(Rows(0, count, at, x.device)));
        }

        var row = Rows(from, count, at, x.device);
        var distance = Rows(sources.Select((source, i) => source - from - i), at, x.device);
        return Pick(x, fromOther.to(ScalarType.Int64).mul_(distance).add_(row));
    }

    private static Tensor Sum(WeightedCells cells, int from, int count, ExtentWithin at, Tensor x)
    {
        var wide = Check.AccumulationType(x);
        var sample = x.narrow(0, from, count);
        var partner = Gather(x, cells.Sources.First.AsSpan(from, count).ToArray());
        var isResized = cells.Resized.Any(from, count);
        if (cells.IsBlend && isResized)
        {
            partner = cells.Resized.Apply(partner.to(wide), from, at);
        }

        var (ofSample, ofPartner) = (cells.Own.Of(from, count, at, wide, x.device), cells.Other.Of(from, count, at, wide, x.device));
        var (notSample, notPartner) = (ofSample.eq(Scalars.Zero), ofPartner.eq(Scalars.Zero));

        // 0 times infinity is NaN, and adding -0.0 changes no bit of a number.
        var sum = sample.to(wide).mul(ofSample).masked_fill_(notSample, Scalars.NegativeZero);
        var rest = partner.to(wide).mul(ofPartner).masked_fill_(notPartner, Scalars.NegativeZero);
        if (!cells.IsBlend)
        {
            sum.masked_fill_(notSample.bitwise_and(notPartner), Scalars.Zero); // cells that no row reads
            sum.add_(isResized ? cells.Resized.Apply(rest, from, at) : rest);
            return AddMore(cells, from, count, at, x, sum).RoundedTo(x.dtype);
        }

        sum = sum.add_(rest).RoundedTo(x.dtype);
        if (!cells.Own.Fields.Skip(from).Take(count).Any(MayCopy))
        {
            return sum;
        }

        // Arithmetic may change the bits of NaN, so cells of weight 1 are picked from the sample or the partner, which are appended to the
        // sums.
        var source = notPartner.to(ScalarType.Int64).add_(notSample.to(ScalarType.Int64).TimesInPlace(2)).TimesInPlace(count);
        return Pick(cat([sum, sample, partner.RoundedTo(x.dtype)]), source.add_(Rows(0, count, at, x.device)));
    }

    /// <summary>
    /// Adds the sources after the first ones to the sums of some rows, layer by layer. No row is written twice in a layer, so the order of
    /// summation is fixed.
    /// </summary>
    private static Tensor AddMore(WeightedCells cells, int from, int count, ExtentWithin at, Tensor x, Tensor sum)
    {
        foreach (var (rows, indices) in cells.Sources.LayersOfMore(from, count))
        {
            using var layer = NewDisposeScope();
            var weights = cells.More!.Gather(indices).Of(0, rows.Length, at, sum.dtype, x.device);
            var readers = Gather(x, Array.ConvertAll(indices, i => cells.Sources.More[i]));
            var terms = readers.to(sum.dtype).mul(weights).masked_fill_(weights.eq(Scalars.Zero), Scalars.NegativeZero);
            terms = cells.ResizedMore!.Gather(indices).Apply(terms, 0, at);
            long[] written = Array.ConvertAll(rows, row => row - from);
            sum.index_copy_(0, tensor(written).to(x.device, non_blocking: true), terms.add_(Gather(sum, written)));
        }

        return sum;
    }

    private static Tensor Gather(Tensor x, long[] rows) => x.index(TensorIndex.Tensor(tensor(rows).to(x.device, non_blocking: true)));

    /// <summary>Picks elements from the rows of an index, which may differ for each cell: [rows, 1, cells].</summary>
    private static Tensor Pick(Tensor x, Tensor rows)
    {
        var indices = new TensorIndex[x.dim()];
        indices[0] = TensorIndex.Tensor(rows);
        for (var d = 1; d < indices.Length; d++)
        {
            indices[d] = TensorIndex.Tensor(Scalars.Range(x.shape[d], x.device).view(Check.Broadcast(x.shape[d], d, x.dim())));
        }

        return x.index(indices);
    }

    private static Tensor Rows(int from, int count, ExtentWithin at, Device device) =>
        Rows(Enumerable.Range(from, count).Select(row => (long)row), at, device);

    private static Tensor Rows(IEnumerable<long> rows, ExtentWithin at, Device device)
    {
        var numbers = tensor(rows.ToArray()).to(device, non_blocking: true);
        return numbers.view(at.Broadcast(numbers.shape[0]));
    }

    private static bool MayCopy(Field field) => field is not NumberField || (float)field.Lambda == 0 || (float)(1 - field.Lambda) == 0;
}
