namespace TorchSharp.Mixup;

/// <summary>
/// The memory of mixed tensors on the CPU, which the library uses again. A block is in use as long as any tensor, view or autograd graph
/// holds it; then it is idle, and serves the next tensor of its size. Other devices have allocators that do the same.
/// </summary>
/// <remarks>
/// One pool serves the whole process. Sizes are rounded up by an eighth at most. When the idle blocks exceed <see cref="Limit"/>, those of
/// the size that has not been asked for the longest are freed first. All members may be called from any thread.
/// </remarks>
public static class MixupMemory
{
    /// <summary>Gets the bytes of all blocks that no tensor uses.</summary>
    public static long IdleBytes => BlockPool.IdleBytes;

    /// <summary>Gets the bytes of all blocks that a tensor, a view or an autograd graph uses.</summary>
    public static long UsedBytes => BlockPool.UsedBytes;

    /// <summary>
    /// Gets or sets the most bytes that may be idle; 0 keeps none. Default: an eighth of the memory that the process may use.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public static long Limit
    {
        get => BlockPool.Limit;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            BlockPool.Limit = value;
        }
    }

    /// <summary>Frees all idle blocks, for instance after training. Tensors that are in use keep their memory.</summary>
    public static void Release() => BlockPool.Release();
}
