using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Applies a combination with torch's operations, for other devices and for layouts in which a row is not one block. Nothing is read back
/// to the host. META has neither <c>index_select</c> nor <c>where</c>.
/// </summary>
internal static class TorchKernel
{
    // Up to this many contiguous ranges of partners are read through views.
    private const int MostViews = 2;
    private const int Parts = 4;

    /// <summary>Applies a combination.</summary>
    public static Tensor Apply(WeightedRows combination, Tensor x)
    {
        if (!combination.Sources.HasMore)
        {
            return OfTwo(combination, x);
        }

        // Rounded once at the end.
        var wide = x.to(Check.AccumulationType(x));
        return AddMore(combination, wide, OfTwo(combination, wide)).RoundedTo(x.dtype);
    }

    /// <summary>
    /// Adds the sources after the first ones, layer by layer. No row is written twice in a layer, so the order of summation is fixed.
    /// </summary>
    private static Tensor AddMore(WeightedRows combination, Tensor x, Tensor result)
    {
        Tensor Upload(Tensor values) => values.to(x.device, non_blocking: true);

        var single = x.dtype != ScalarType.Float64;
        foreach (var (rows, indices) in combination.Sources.LayersOfMore(0, combination.Sources.First.Length))
        {
            using var layer = NewDisposeScope();
            long[] read = [.. Enumerable.Range(0, rows.Length).Where(i => combination.WeightOfMore(indices[i], single) != 0)];
            if (read.Length == 0)
            {
                continue;
            }

            var index = Upload(tensor(Array.ConvertAll(read, i => rows[i])));
            var sources = Upload(tensor(Array.ConvertAll(read, i => combination.Sources.More[indices[i]])));
            double[] weights = Array.ConvertAll(read, i => combination.WeightOfMore(indices[i], single));
            var factors = Upload(tensor(weights, Check.Broadcast(read.Length, 0, x.dim()), x.dtype));
            var products = x.index(TensorIndex.Tensor(sources)).mul_(factors);
            result.index_copy_(0, index, products.add_(result.index(TensorIndex.Tensor(index))));
        }

        return result;
    }

    private static Tensor OfTwo(WeightedRows combination, Tensor x)
    {
        var single = SingleTerms.Of(combination, x);
        if (single.IsIdentity)
        {
            return x.clone();
        }

        var result = (Check.AccumulationType(x) == x.dtype, Runs(combination.Sources.First)) switch
        {
            (false, _) => InParts(combination, x, empty_like(x), sums => sums.RoundedFor(x.dtype)),
            (_, { } runs) => OfViews(combination, x, runs),

            // The product keeps the layout of its source; the gather does not.
            _ => x.mul(combination.OnDevices.OfSamples(x))
                .addcmul_(Partners(combination, x), combination.OnDevices.OfPartners(x), Scalars.One),
        };
        single.Compute(x).WriteTo(result);
        return result;
    }

    /// <summary>Converts bytes to float32 and applies a combination of two terms per row.</summary>
    public static Tensor ApplyToFloat(WeightedRows combination, Tensor x, ChannelScale scale) =>
        InParts(combination, x, empty_like(x, ScalarType.Float32), scale.Overwrite);

    /// <summary>Applies a combination of two terms per row in place.</summary>
    public static void Overwrite(WeightedRows combination, Tensor x)
    {
        var single = SingleTerms.Of(combination, x);
        if (single.IsIdentity)
        {
            return;
        }

        if (Check.AccumulationType(x) != x.dtype)
        {
            x.copy_(OfTwo(combination, x));
            return;
        }

        var (exact, partners) = (single.Compute(x), Partners(combination, x)); // all sources are read before any row is written
        x.mul_(combination.OnDevices.OfSamples(x)).addcmul_(partners, combination.OnDevices.OfPartners(x), Scalars.One);
        exact.WriteTo(x);
    }

    private static Tensor Partners(WeightedRows combination, Tensor x) =>
        x.index(TensorIndex.Tensor(combination.OnDevices.Partners(x.device)));

    /// <summary>Reads partners that form a few contiguous ranges through views, without a gather or its memory.</summary>
    private static Tensor OfViews(WeightedRows combination, Tensor x, List<(int From, int Length)> runs)
    {
        var (own, other) = (combination.OnDevices.OfSamples(x), combination.OnDevices.OfPartners(x));
        var result = x.mul(own);
        foreach (var (from, length) in runs)
        {
            result.narrow(0, from, length).addcmul_(
                x.narrow(0, combination.Sources.First[from], length), other.narrow(0, from, length), Scalars.One);
        }

        return result;
    }

    /// <summary>
    /// Computes half precision and bytes in float32 and rounds once at the end. It handles some rows at a time to save memory. Product and
    /// sum are two operations, since a fused one would round differently from the CPU kernel.
    /// </summary>
    private static Tensor InParts(WeightedRows combination, Tensor x, Tensor result, Func<Tensor, Tensor> finish)
    {
        var batch = combination.Sources.First.Length;
        var rows = (batch + Parts - 1) / Parts;
        for (var from = 0; from < batch; from += rows)
        {
            using var scope = NewDisposeScope();
            Tensor Part(Tensor tensor) => tensor.narrow(0, from, Math.Min(rows, batch - from));
            var partners = x.index(TensorIndex.Tensor(Part(combination.OnDevices.Partners(x.device))));
            var (own, other) = (Part(combination.OnDevices.OfSamples(x)), Part(combination.OnDevices.OfPartners(x)));
            Part(result).copy_(finish(Part(x).mul(own).add_(partners.mul(other))));
        }

        return result;
    }

    /// <summary>Returns the ranges in which the partners are consecutive; null if there are many.</summary>
    private static List<(int From, int Length)>? Runs(ReadOnlySpan<long> partners)
    {
        List<(int From, int Length)> runs = [];
        for (var (from, i) = (0, 1); i <= partners.Length; i++)
        {
            if (i == partners.Length || partners[i] != partners[i - 1] + 1)
            {
                runs.Add((from, i - from));
                from = i;
                if (runs.Count > MostViews)
                {
                    return null;
                }
            }
        }

        return runs;
    }
}
