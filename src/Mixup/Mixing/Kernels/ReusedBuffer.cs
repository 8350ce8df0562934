using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Memory for one mixed input, handed out again once the step that used it is over: a fresh large tensor on the CPU costs more in page faults than the arithmetic on it. On other
/// devices the allocator keeps memory by itself.
/// </summary>
internal sealed class ReusedBuffer
{
    private Tensor? memory;
    private bool inUse;

    /// <summary>A contiguous tensor for the result of a blend; null where a fresh one does as well. A view, of which the caller disposes.</summary>
    public Tensor? Rent(Tensor like, long rows)
    {
        if (inUse || like.device_type != DeviceType.CPU || like.requires_grad || !like.is_contiguous())
        {
            return null;
        }

        long[] shape = [rows, .. like.shape[1..]];
        var size = shape.Aggregate(1L, (product, n) => product * n);
        if (memory is null || memory.dtype != like.dtype || memory.numel() < size)
        {
            memory?.Dispose();
            memory = empty(size, like.dtype, CPU).DetachFromDisposeScope();
        }

        inUse = true;
        using var flat = memory.narrow(0, 0, size);
        return flat.view(shape);
    }

    /// <summary>The step is over: the memory may be handed out again.</summary>
    public void Return() => inUse = false;

    /// <summary>Frees the memory; a step that still uses it keeps its own share alive.</summary>
    public void Release()
    {
        memory?.Dispose();
        memory = null;
    }
}
