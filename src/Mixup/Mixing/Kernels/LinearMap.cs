using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What mixing does to a tensor, without autograd: it is linear, so its backward pass is its transpose.</summary>
internal abstract class LinearMap : IDisposable
{
    /// <summary>The map by whose rows gradients flow back.</summary>
    public abstract LinearMap Transposed { get; }

    /// <summary>Applies the map.</summary>
    /// <param name="x">[B, ...], floating.</param>
    /// <returns>A new tensor of the same type, device and memory layout.</returns>
    public abstract Tensor Apply(Tensor x);

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
