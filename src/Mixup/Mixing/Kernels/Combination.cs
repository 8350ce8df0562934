using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The one linear map that mixing consists of, <c>y[i] = own[i] * x[i] + other[i] * x[index[i]]</c>, and its weights on the devices that
/// asked for them. Blending is one such map, and so is its transpose. The front door of the kernels: the CPU has one of its own, all else goes by torch.
/// </summary>
internal sealed class Combination(double[] own, double[] other, long[] index) : IDisposable
{
    // Up to so many stretches of partners are taken as views.
    private const int MostViews = 2;
    private const int Parts = 4;
    private readonly Dictionary<(ScalarType, DeviceType, int), Tensor> copies = [];
    private int[]? walk;

    /// <summary>The weight of a sample itself, and of its partner.</summary>
    public (double Own, double Other) Weights(int row) => (own[row], other[row]);

    /// <summary>
    /// The rows in the order of the permutation's cycles, in which the partner of each row is the next one: what was just read as a partner is read again as a sample while it is
    /// still in cache. Where a cycle ends, the row is written as its complement.
    /// </summary>
    public int[] Walk => walk ??= Cycles();

    /// <summary>Whether all are each other's partner, two by two.</summary>
    public bool IsPairs { get; } = IsInvolution(index);

    /// <summary>The weights of the samples themselves, [B, 1, ...] to broadcast against a tensor.</summary>
    public Tensor Own(Tensor like) => Weights(like, 0);

    /// <summary>The weights of the partners, [B, 1, ...] to broadcast against a tensor.</summary>
    public Tensor Other(Tensor like) => Weights(like, own.Length);

    /// <summary>The partners, [B].</summary>
    public Tensor Index(Device device) => Copy(ScalarType.Int64, device, () => tensor(index));

    /// <summary>Applies the map.</summary>
    /// <param name="x">[B, ...].</param>
    /// <param name="into">Where to put the result: contiguous, of the shape and type of <paramref name="x"/>; or <paramref name="x"/> itself. Default: a new tensor.</param>
    public Tensor Apply(Tensor x, Tensor? into = null)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var result = CpuKernel.TryApply(this, x, into) ?? ByTorch(x, into);
        return ReferenceEquals(result, into) ? into : result.MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (var copy in copies.Values)
        {
            copy.Dispose();
        }

        copies.Clear();
    }

    private Tensor ByTorch(Tensor x, Tensor? into)
    {
        var result = (Check.AccumulationType(x) == x.dtype, ReferenceEquals(x, into), Runs(index, MostViews)) switch
        {
            (false, _, _) => Rounded(x),
            (_, true, _) => InPlace(x, Partners(x)),
            (_, _, { } runs) => OfViews(x, runs),
            _ => x.mul(Own(x)).addcmul_(Partners(x), Other(x), 1), // the product keeps the layout of its source, the gather does not
        };
        return into is null || ReferenceEquals(result, into) ? result : into.copy_(result);
    }

    // META has no index_select.
    private Tensor Partners(Tensor x) => x.index(TensorIndex.Tensor(Index(x.device)));

    private Tensor InPlace(Tensor x, Tensor partners) => x.mul_(Own(x)).addcmul_(partners, Other(x), 1);

    /// <summary>Partners that are a few stretches of the batch need no gather, nor memory.</summary>
    private Tensor OfViews(Tensor x, List<(int From, int Length)> runs)
    {
        var result = x.mul(Own(x));
        foreach (var (from, length) in runs)
        {
            result.narrow(0, from, length).addcmul_(x.narrow(0, index[from], length), Other(x).narrow(0, from, length), 1);
        }

        return result;
    }

    /// <summary>Half precision in float32 and one rounding at the end: weights in float32 lift it. Some rows at a time, since that takes twice the memory.</summary>
    private Tensor Rounded(Tensor x)
    {
        var result = empty_like(x);
        var rows = (own.Length + Parts - 1) / Parts;
        for (var from = 0; from < own.Length; from += rows)
        {
            using var scope = NewDisposeScope();
            Tensor Part(Tensor tensor) => tensor.narrow(0, from, Math.Min(rows, own.Length - from));
            var partners = x.index(TensorIndex.Tensor(Part(Index(x.device))));
            Part(result).copy_(Part(x).mul(Part(Own(x))).addcmul_(partners, Part(Other(x)), 1));
        }

        return result;
    }

    /// <summary>The stretches in which partners follow each other, if they are few.</summary>
    private static List<(int From, int Length)>? Runs(long[] index, int most)
    {
        List<(int From, int Length)> runs = [];
        for (var (from, i) = (0, 1); i <= index.Length; i++)
        {
            if (i == index.Length || index[i] != index[i - 1] + 1)
            {
                runs.Add((from, i - from));
                from = i;
                if (runs.Count > most)
                {
                    return null;
                }
            }
        }

        return runs;
    }

    private static bool IsInvolution(long[] index)
    {
        for (var i = 0; i < index.Length; i++)
        {
            if (index[index[i]] != i)
            {
                return false;
            }
        }

        return true;
    }

    private int[] Cycles()
    {
        var order = new int[index.Length];
        var seen = new bool[index.Length];
        var count = 0;
        for (var start = 0; start < seen.Length; start++)
        {
            var first = count;
            for (var row = start; !seen[row]; row = (int)index[row])
            {
                seen[row] = true;
                order[count++] = row;
            }

            if (count > first)
            {
                order[count - 1] = ~order[count - 1];
            }
        }

        return order;
    }

    private Tensor Weights(Tensor like, int from)
    {
        // Both in one copy: a copy to a device costs much the same whatever its size.
        var type = Check.AccumulationType(like);
        var weights = Copy(type, like.device, () => tensor([.. own, .. other], type));
        using var half = weights.narrow(0, from, own.Length);
        return half.view(Check.Broadcast(own.Length, 0, like.dim()));
    }

    // Owned here and not by the caller's dispose scope: a model may open one of its own inside forward.
    private Tensor Copy(ScalarType type, Device device, Func<Tensor> make)
    {
        var key = (type, device.type, device.index);
        if (!copies.TryGetValue(key, out var copy))
        {
            using var scope = NewDisposeScope();
            copy = make().to(device, non_blocking: true).DetachFromDisposeScope();
            copies.Add(key, copy);
        }

        return copy;
    }
}
