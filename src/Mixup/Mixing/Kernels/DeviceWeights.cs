using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Caches the weights and partners of rows as tensors, for each device and type.</summary>
internal sealed class DeviceWeights(double[] own, double[] other, long[] partners) : IDisposable
{
    private readonly Dictionary<(ScalarType, DeviceType, int), Tensor> copies = [];

    /// <summary>Returns the weights of the samples, [B, 1, ...], which broadcast against a tensor.</summary>
    public Tensor OfSamples(Tensor x) => Weights(x, 0);

    /// <summary>Returns the weights of the partners, [B, 1, ...], which broadcast against a tensor.</summary>
    public Tensor OfPartners(Tensor x) => Weights(x, own.Length);

    /// <summary>Returns the partners, [B].</summary>
    public Tensor Partners(Device device) => Copy(ScalarType.Int64, device, () => tensor(partners));

    public void Dispose()
    {
        foreach (var copy in copies.Values)
        {
            copy.Dispose();
        }

        copies.Clear();
    }

    private Tensor Weights(Tensor x, int from)
    {
        // Both are copied together, since the cost of a small copy to a device hardly depends on its size.
        var type = Check.AccumulationType(x);
        var weights = Copy(type, x.device, () => tensor([.. own, .. other], type));
        using var half = weights.narrow(0, from, own.Length);
        return half.view(Check.Broadcast(own.Length, 0, x.dim()));
    }

    /// <summary>
    /// Returns a cached tensor. This object owns it, since a model may open a dispose scope inside forward. It is never an inference
    /// tensor, which could not be used in training.
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
