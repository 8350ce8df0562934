namespace TorchSharp.Mixup;

/// <summary>
/// Controls the pool of memory for mixed tensors on the CPU. A block is in use while a tensor, view or autograd graph holds it. Then it is
/// idle, and the next tensor of its size reuses it. Other devices have allocators of their own that do the same.
/// </summary>
/// <remarks>
/// One pool serves the whole process. Sizes are rounded up by an eighth at most. When the idle blocks exceed <see cref="Limit"/>, blocks of
/// the least recently requested size are freed first. All members are thread-safe.
/// </remarks>
public static class MixupMemory
{
    /// <summary>Gets the size of all idle blocks, in bytes.</summary>
    public static long IdleBytes => BlockPool.IdleBytes;

    /// <summary>Gets the size of all blocks that a tensor, a view or an autograd graph uses, in bytes.</summary>
    public static long UsedBytes => BlockPool.UsedBytes;

    /// <summary>
    /// Gets or sets the largest size of all idle blocks, in bytes; 0 keeps none. Default: an eighth of the memory available to the process.
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

    /// <summary>Frees all idle blocks, for instance after training. Tensors in use keep their memory.</summary>
    public static void Release() => BlockPool.Release();
}
