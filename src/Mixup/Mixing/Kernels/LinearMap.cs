using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What mixing does to a tensor, without autograd: it is linear, so its backward pass is its transpose.</summary>
internal abstract class LinearMap : IDisposable
{
    /// <summary>The map by whose rows gradients flow back.</summary>
    public abstract LinearMap Transposed { get; }

    /// <summary>Applies the map.</summary>
    /// <param name="x">[B, ...], floating, bytes, or of any type where the map only copies.</param>
    /// <returns>A new tensor of the same type, device and memory layout.</returns>
    public abstract Tensor Apply(Tensor x);

    /// <summary>
    /// Applies the map to bytes that become floating values. Where it copies, it moves bytes; else it blends what they become.
    /// </summary>
    /// <param name="x">[B, ...], bytes.</param>
    /// <param name="scale">What they become.</param>
    /// <returns>A new tensor, float32, of the same device and memory layout.</returns>
    public virtual Tensor ApplyToFloat(Tensor x, ChannelScale scale)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var result = Copies(x) ? ByteToFloatKernel.Convert(Apply(x), scale) : Apply(ByteToFloatKernel.Convert(x, scale));
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Whether each element of the result is known to be one of the tensor's own.</summary>
    public virtual bool Copies(Tensor x) => false;

    /// <summary>Applies the map in place.</summary>
    /// <param name="x">[B, ...], as of <see cref="Apply"/>.</param>
    public virtual void Overwrite(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        x.copy_(Apply(x));
    }

    /// <summary>Frees the weights that were copied to devices. The map can still be used.</summary>
    public abstract void Dispose();
}
