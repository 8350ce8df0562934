using System.Reflection;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Makes tensors over blocks of the pool. libtorch calls back when its reference count of the memory reaches 0, that is, when no tensor,
/// view or graph holds it. A block is therefore never reused while it is visible.
/// </summary>
internal static unsafe class ResultMemory
{
    /// <summary>The <see cref="AppContext"/> switch that disables the pool.</summary>
    public const string Switch = "TorchSharp.Mixup.UseFreshMemory";

    // Below this size malloc itself reuses memory.
    private const long LeastBytes = 64 << 10;

    // From this size on, results are written without filling the caches, which saves reading their memory first. Smaller results, and
    // blocks that were used recently, are better left in the caches for the next operation.
    private const long StreamedBytes = 6L << 20;
    private const long StreamedAgainBytes = 24L << 20;

    private const string EntryPoint = "THSTensor_new";
    private static readonly
        delegate* unmanaged<void*, delegate* unmanaged<void*, void>, long*, int, sbyte, sbyte, int, int, byte, nint> New =
        (delegate* unmanaged<void*, delegate* unmanaged<void*, void>, long*, int, sbyte, sbyte, int, int, byte, nint>)
        (IsAsExpected() ? LibTorchSharp.Find(EntryPoint) : null);

    /// <summary>Returns whether a result is better written without filling the caches. Fresh memory was never written to.</summary>
    public static bool IsStreamed(long bytes, bool isFresh) => bytes >= (isFresh ? StreamedBytes : StreamedAgainBytes);

    /// <summary>
    /// Returns an uninitialized contiguous tensor on the CPU, and whether its memory is fresh, that is, was never written to.
    /// </summary>
    public static Tensor Empty(long[] shape, ScalarType dtype, long bytes, out bool isFresh)
    {
        isFresh = true;
        if (bytes < LeastBytes || New == null || (AppContext.TryGetSwitch(Switch, out var off) && off))
        {
            return empty(shape, dtype, CPU);
        }

        var block = BlockPool.Rent(bytes, out isFresh);
        fixed (long* sizes = shape)
        {
            var handle = New(block, &Return, sizes, shape.Length, (sbyte)dtype, (sbyte)dtype, (int)DeviceType.CPU, -1, 0);
            return handle != 0
                ? Tensor.UnsafeCreateTensor(handle)
                : throw new InvalidOperationException($"{EntryPoint} returned no tensor.");
        }
    }

    /// <summary>Returns a block to the pool. libtorch calls it on any thread; an exception here would end the process.</summary>
    [UnmanagedCallersOnly]
    private static void Return(void* data)
    {
        var interrupted = false;
        while (true)
        {
            try
            {
                BlockPool.Return(data);
                break;
            }
            catch (ThreadInterruptedException) // thrown while waiting for the lock
            {
                interrupted = true;
            }
        }

        if (interrupted)
        {
            Thread.CurrentThread.Interrupt();
        }
    }

    /// <summary>
    /// Returns whether this version of TorchSharp declares the function with the expected parameters. The function is not public, so
    /// another version may change it.
    /// </summary>
    private static bool IsAsExpected()
    {
        const BindingFlags ofAnyAccess = BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public;
        var method = typeof(torch).Assembly.GetType("TorchSharp.PInvoke.NativeMethods")?.GetMethod(EntryPoint, ofAnyAccess);
        return method?.ReturnType == typeof(nint) && method.GetParameters().Select(parameter => parameter.ParameterType.Name).SequenceEqual(
            ["IntPtr", "GCHandleDeleter", "IntPtr", "Int32", "SByte", "SByte", "Int32", "Int32", "Boolean"]);
    }
}
