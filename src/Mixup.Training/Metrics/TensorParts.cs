using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Collects a tensor from every batch on the CPU, and joins them.</summary>
/// <param name="what">What they are, for errors: a plural.</param>
internal sealed class TensorParts(string what) : IDisposable
{
    private readonly List<Tensor> parts = [];
    private readonly List<long> rows = []; // of each batch, those that were passed over included

    public void Add(Tensor part)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var plain = part.detach();
        parts.Add((plain.device_type == DeviceType.CPU ? plain.clone() : plain.cpu()).DetachFromDisposeScope());
        rows.Add(part.dim() > 0 ? part.shape[0] : 0);
    }

    /// <summary>Passes over a batch.</summary>
    public void Skip() => rows.Add(0);

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

    /// <summary>Makes one part of all, for <see cref="Combine"/>.</summary>
    public void Prepare()
    {
        if (parts.Count > 0)
        {
            using var scope = NewDisposeScope();
            Replace([Join().contiguous().DetachFromDisposeScope()]);
        }
    }

    /// <summary>Gets the parts of all ranks, batch by batch, each in the order of ranks: as one process would have them.</summary>
    public void Combine(Communicator communicator)
    {
        using var scope = NewDisposeScope();
        var all = RankRows.Gather(parts.SingleOrDefault(), rows, what, communicator);
        Replace([.. all.Select(part => part.DetachFromDisposeScope())]);
    }

    public void Dispose() => Replace([]);

    private void Replace(Tensor[] by)
    {
        foreach (var part in parts)
        {
            part.Dispose();
        }

        parts.Clear();
        parts.AddRange(by);
    }
}
