using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The weights and partners of rows as tensors, on the devices and in the types that asked for them.</summary>
internal sealed class DeviceWeights(double[] own, double[] other, long[] partners) : IDisposable
{
    private readonly Dictionary<(ScalarType, DeviceType, int), Tensor> copies = [];

    /// <summary>The weights of the samples themselves, [B, 1, ...] to broadcast against a tensor.</summary>
    public Tensor Own(Tensor like) => Weights(like, 0);

    /// <summary>The weights of the partners, [B, 1, ...] to broadcast against a tensor.</summary>
    public Tensor Other(Tensor like) => Weights(like, own.Length);

    /// <summary>The partners, [B].</summary>
    public Tensor Partners(Device device) => Copy(ScalarType.Int64, device, () => tensor(partners));

    public void Dispose()
    {
        foreach (var copy in copies.Values)
        {
            copy.Dispose();
        }

        copies.Clear();
    }

    private Tensor Weights(Tensor like, int from)
    {
        // Both in one copy: a copy to a device costs much the same whatever its size.
        var type = Check.AccumulationType(like);
        var weights = Copy(type, like.device, () => tensor([.. own, .. other], type));
        using var half = weights.narrow(0, from, own.Length);
        return half.view(Check.Broadcast(own.Length, 0, like.dim()));
    }

    /// <summary>
    /// The copy belongs to this object and not to the caller's dispose scope: a model may open one of its own inside forward. Nor is it an
    /// inference tensor, whatever mode it is first asked for in: such a one could never take part in training.
    /// </summary>
    private Tensor Copy(ScalarType type, Device device, Func<Tensor> make)
    {
        var key = (type, device.type, device.index);
        if (!copies.TryGetValue(key, out var copy))
        {
            using var scope = NewDisposeScope();
            using var ordinary = inference_mode(false);
            copy = make().to(device, non_blocking: true).DetachFromDisposeScope();
            copies.Add(key, copy);
        }

        return copy;
    }
}
