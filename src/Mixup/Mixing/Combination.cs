using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The one linear map that mixing consists of, <c>y[i] = own[i] * x[i] + other[i] * x[index[i]]</c>, and its weights on the devices that
/// asked for them. Blending is one such map, and so is its transpose.
/// </summary>
internal sealed class Combination(double[] own, double[] other, long[] index) : IDisposable
{
    private readonly Dictionary<(string, int), Tensor> copies = [];

    /// <summary>The weights of the samples themselves, [B, 1, ...] to broadcast against a tensor.</summary>
    public Tensor Own(Tensor like) => Broadcast("own", own, like);

    /// <summary>The weights of the partners, [B, 1, ...] to broadcast against a tensor.</summary>
    public Tensor Other(Tensor like) => Broadcast("other", other, like);

    /// <summary>The partners, [B].</summary>
    public Tensor Index(Device device) => Copy("index", device, () => tensor(index, ScalarType.Int64));

    public Tensor Apply(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();

        // Weights in float32 or wider lift half precision to their own type; one rounding at the end.
        var result = x.mul(Own(x));
        result.addcmul_(x.index(TensorIndex.Tensor(Index(x.device))), Other(x), 1);
        return result.to(x.dtype).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (var copy in copies.Values)
        {
            copy.Dispose();
        }

        copies.Clear();
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
