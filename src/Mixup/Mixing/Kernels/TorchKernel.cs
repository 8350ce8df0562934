using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The combination by torch's operations: other devices, and layouts in which a row is not one block. Nothing is read back to the host.
/// META has neither <c>index_select</c> nor <c>where</c>.
/// </summary>
internal static class TorchKernel
{
    // Up to so many stretches of partners are taken as views.
    private const int MostViews = 2;
    private const int Parts = 4;

    /// <summary>Applies a combination.</summary>
    public static Tensor Apply(Combination combination, Tensor x)
    {
        var single = SingleTerms.Of(combination, x);
        if (single.AreOwn)
        {
            return x.clone();
        }

        var result = (Check.AccumulationType(x) == x.dtype, Runs(combination.Partners)) switch
        {
            (false, _) => Rounded(combination, x),
            (_, { } runs) => OfViews(combination, x, runs),
            _ => x.mul(combination.OnDevices.Own(x)).addcmul_(Partners(combination, x), combination.OnDevices.Other(x), 1), // the product keeps the layout of its source, the gather does not
        };
        single.From(x).WriteTo(result);
        return result;
    }

    /// <summary>Applies a combination in place.</summary>
    public static void Overwrite(Combination combination, Tensor x)
    {
        var single = SingleTerms.Of(combination, x);
        if (single.AreOwn)
        {
            return;
        }

        if (Check.AccumulationType(x) != x.dtype)
        {
            x.copy_(Apply(combination, x));
            return;
        }

        var (exact, partners) = (single.From(x), Partners(combination, x)); // all is read before anything is written
        x.mul_(combination.OnDevices.Own(x)).addcmul_(partners, combination.OnDevices.Other(x), 1);
        exact.WriteTo(x);
    }

    private static Tensor Partners(Combination combination, Tensor x) => x.index(TensorIndex.Tensor(combination.OnDevices.Partners(x.device)));

    /// <summary>Partners that are a few stretches of the batch need no gather, nor memory.</summary>
    private static Tensor OfViews(Combination combination, Tensor x, List<(int From, int Length)> runs)
    {
        var (own, other) = (combination.OnDevices.Own(x), combination.OnDevices.Other(x));
        var result = x.mul(own);
        foreach (var (from, length) in runs)
        {
            result.narrow(0, from, length).addcmul_(x.narrow(0, combination.Partners[from], length), other.narrow(0, from, length), 1);
        }

        return result;
    }

    /// <summary>
    /// Half precision in float32 and one rounding at the end: weights in float32 lift it. Some rows at a time, since that takes twice the
    /// memory.
    /// </summary>
    private static Tensor Rounded(Combination combination, Tensor x)
    {
        var result = empty_like(x);
        var batch = combination.Partners.Length;
        var rows = (batch + Parts - 1) / Parts;
        for (var from = 0; from < batch; from += rows)
        {
            using var scope = NewDisposeScope();
            Tensor Part(Tensor tensor) => tensor.narrow(0, from, Math.Min(rows, batch - from));
            var partners = x.index(TensorIndex.Tensor(Part(combination.OnDevices.Partners(x.device))));
            var (own, other) = (Part(combination.OnDevices.Own(x)), Part(combination.OnDevices.Other(x)));
            Part(result).copy_(Part(x).mul(own).addcmul_(partners, other, 1));
        }

        return result;
    }

    /// <summary>The stretches in which partners follow each other; null if they are many.</summary>
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
