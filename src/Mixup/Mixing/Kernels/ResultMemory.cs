using System.Reflection;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Tensors over blocks of the pool. libtorch's own reference count decides when a block is free: it calls back when the last tensor, view
/// or graph that holds the memory is gone, so nobody ever sees it overwritten.
/// </summary>
internal static unsafe class ResultMemory
{
    /// <summary>The <see cref="AppContext"/> switch that turns the pool off.</summary>
    public const string Switch = "TorchSharp.Mixup.UseFreshMemory";

    // Below this size malloc has warm memory by itself.
    private const long LeastBytes = 64 << 10;

    // From here on the result is written past the caches, which saves reading its memory first; a smaller one is better left in them for
    // whoever is next, and so is memory that was written not long ago.
    private const long StreamedBytes = 6L << 20;
    private const long StreamedAgainBytes = 24L << 20;

    private const string EntryPoint = "THSTensor_new";
    private static readonly
        delegate* unmanaged<void*, delegate* unmanaged<void*, void>, long*, int, sbyte, sbyte, int, int, byte, nint> New =
        (delegate* unmanaged<void*, delegate* unmanaged<void*, void>, long*, int, sbyte, sbyte, int, int, byte, nint>)
        (IsAsExpected() ? LibTorchSharp.Find(EntryPoint) : null);

    /// <summary>Whether a result is better written past the caches; fresh memory was never written to.</summary>
    public static bool IsStreamed(long bytes, bool fresh) => bytes >= (fresh ? StreamedBytes : StreamedAgainBytes);

    /// <summary>A contiguous tensor on the CPU, not initialized; fresh if its memory was never written to.</summary>
    public static Tensor Empty(long[] shape, ScalarType dtype, long bytes, out bool fresh)
    {
        fresh = true;
        if (bytes < LeastBytes || New == null || (AppContext.TryGetSwitch(Switch, out var off) && off))
        {
            return empty(shape, dtype, CPU);
        }

        var block = BlockPool.Rent(bytes, out fresh);
        fixed (long* sizes = shape)
        {
            var handle = New(block, &Return, sizes, shape.Length, (sbyte)dtype, (sbyte)dtype, (int)DeviceType.CPU, -1, 0);
            return handle != 0
                ? Tensor.UnsafeCreateTensor(handle)
                : throw new InvalidOperationException($"{EntryPoint} returned no tensor.");
        }
    }

    /// <summary>Nobody holds the memory any more. Called by libtorch, on any thread; an exception here would end the process.</summary>
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
            catch (ThreadInterruptedException) // while it waited for the lock
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
    /// Whether this version of TorchSharp declares the function with the parameters that are passed here. It is no part of its public
    /// surface, so another version may change it.
    /// </summary>
    private static bool IsAsExpected()
    {
        const BindingFlags ofAnyAccess = BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public;
        var method = typeof(torch).Assembly.GetType("TorchSharp.PInvoke.NativeMethods")?.GetMethod(EntryPoint, ofAnyAccess);
        return method?.ReturnType == typeof(nint) && method.GetParameters().Select(parameter => parameter.ParameterType.Name).SequenceEqual(
            ["IntPtr", "GCHandleDeleter", "IntPtr", "Int32", "SByte", "SByte", "Int32", "Int32", "Boolean"]);
    }
}
