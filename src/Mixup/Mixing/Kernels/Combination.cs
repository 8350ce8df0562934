using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The one linear map that mixing consists of, <c>y[i] = own[i] * x[i] + other[i] * x[index[i]]</c>, and its weights on the devices that
/// asked for them. Blending is one such map, and so is its transpose. The front door of the kernels: the CPU has one of its own, all else goes by torch.
/// </summary>
internal sealed class Combination(double[] own, double[] other, long[] index) : IDisposable
{
    private readonly Dictionary<(string, int), Tensor> copies = [];
    private int[]? walk;

    /// <summary>The weight of a sample itself, and of its partner.</summary>
    public (double Own, double Other) Weights(int row) => (own[row], other[row]);

    /// <summary>
    /// The rows in the order of the permutation's cycles, in which the partner of each row is the next one: what was just read as a partner is read again as a sample while it is
    /// still in cache. Where a cycle ends, the row is written as its complement.
    /// </summary>
    public ReadOnlySpan<int> Walk => walk ??= Cycles();

    /// <summary>The weights of the samples themselves, [B, 1, ...] to broadcast against a tensor.</summary>
    public Tensor Own(Tensor like) => Broadcast("own", own, like);

    /// <summary>The weights of the partners, [B, 1, ...] to broadcast against a tensor.</summary>
    public Tensor Other(Tensor like) => Broadcast("other", other, like);

    /// <summary>The partners, [B].</summary>
    public Tensor Index(Device device) => Copy("index", device, () => tensor(index, ScalarType.Int64));

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
        // META has no index_select, and no device needs more than this one gather.
        var partners = x.index(TensorIndex.Tensor(Index(x.device)));
        if (into is not null && ReferenceEquals(x, into) && Check.AccumulationType(x) == x.dtype)
        {
            return x.mul_(Own(x)).addcmul_(partners, Other(x), 1);
        }

        // Weights in float32 or wider lift half precision to their own type; one rounding at the end.
        var result = x.mul(Own(x)).addcmul_(partners, Other(x), 1).to(x.dtype);
        return into is null ? result : into.copy_(result);
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

    private Tensor Broadcast(string name, double[] values, Tensor like)
    {
        var wide = like.dtype == ScalarType.Float64;
        var weights = Copy(wide ? name + "64" : name, like.device, () => wide ? tensor(values) : tensor(Array.ConvertAll(values, value => (float)value)));
        return weights.view(Check.Broadcast(values.Length, 0, like.dim()));
    }

    // Owned here and not by the caller's dispose scope: a model may open one of its own inside forward.
    private Tensor Copy(string name, Device device, Func<Tensor> make)
    {
        var key = (name, ((int)device.type << 16) + device.index);
        if (!copies.TryGetValue(key, out var copy))
        {
            using var scope = NewDisposeScope();
            copy = make().to(device, non_blocking: true).DetachFromDisposeScope();
            copies.Add(key, copy);
        }

        return copy;
    }
}
