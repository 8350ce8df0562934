using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>A linear map of a tensor without autograd. Its backward pass is its transpose.</summary>
internal abstract class LinearMap : IDisposable
{
    /// <summary>Gets the transposed map, which computes gradients.</summary>
    public abstract LinearMap Transposed { get; }

    /// <summary>Applies the map.</summary>
    /// <param name="x">The tensor, [B, ...]: floating-point, Byte, or any type if the map only copies.</param>
    /// <returns>A new tensor of the same type, device and memory layout.</returns>
    public abstract Tensor Apply(Tensor x);

    /// <summary>
    /// Converts bytes to float32 and applies the map. If the map copies, it moves bytes before the conversion; otherwise it blends
    /// converted values.
    /// </summary>
    /// <param name="x">The tensor, [B, ...], of type Byte.</param>
    /// <param name="scale">The conversion.</param>
    /// <returns>A new float32 tensor on the same device, with the same memory layout.</returns>
    public virtual Tensor ApplyToFloat(Tensor x, ChannelScale scale)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var result = Copies(x) ? ByteToFloatKernel.Convert(Apply(x), scale) : Apply(ByteToFloatKernel.Convert(x, scale));
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Returns whether the map certainly copies every element.</summary>
    public virtual bool Copies(Tensor x) => false;

    /// <summary>Applies the map in place.</summary>
    /// <param name="x">The tensor, as for <see cref="Apply"/>.</param>
    public virtual void Overwrite(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        x.copy_(Apply(x));
    }

    /// <summary>Frees the copies of the weights for devices. The map stays usable.</summary>
    public abstract void Dispose();
}
