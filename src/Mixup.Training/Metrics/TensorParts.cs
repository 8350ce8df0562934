using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Collects a tensor from every batch on the CPU, and joins them.</summary>
/// <param name="what">What they are, for errors: a plural.</param>
internal sealed class TensorParts(string what) : IDisposable
{
    private readonly List<Tensor> parts = [];

    public void Add(Tensor part)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var plain = part.detach();
        parts.Add((plain.device_type == DeviceType.CPU ? plain.clone() : plain.cpu()).DetachFromDisposeScope());
    }

    /// <summary>Joins the parts along their first dimension.</summary>
    /// <returns>A tensor in the dispose scope of the caller.</returns>
    public Tensor Join()
    {
        using var noGrad = no_grad();
        var first = parts[0];
        var other = parts.Find(part => part.dim() == 0 || part.dim() != first.dim() || part.dtype != first.dtype
            || !part.shape.Skip(1).SequenceEqual(first.shape.Skip(1)));
        return other is null
            ? cat(parts)
            : throw new InvalidOperationException(
                $"{what} of {first.dtype} {Shapes.Text(first)} and {other.dtype} {Shapes.Text(other)} cannot be joined along their first " +
                "dimension. Take the batches one by one, or make all batches alike.");
    }

    public void Dispose()
    {
        foreach (var part in parts)
        {
            part.Dispose();
        }

        parts.Clear();
    }
}
