using System.Numerics;
using System.Runtime.InteropServices;

namespace TorchSharp.Mixup;

/// <summary>
/// Blocks of native memory that are used again. A fresh large block costs more in page faults than the arithmetic that fills it. There is
/// one pool in the process, and every thread may call it.
/// </summary>
/// <remarks>
/// Sizes are rounded up to classes, eight to a power of two, so that at most an eighth of a block is unused. The idle blocks of a class
/// form a stack, whose top is the warmest in cache. When the idle blocks exceed the limit, the class that has not been asked for the
/// longest loses its blocks first. The links of the stacks stand in the blocks themselves: returning a block allocates nothing, and cannot
/// fail.
/// </remarks>
internal static unsafe class BlockPool
{
    private const int Alignment = 64; // libtorch's own
    private const int ClassesAnOctave = 8;
    private const int ShareOfMemory = 8;
    private static readonly object Gate = new();
    private static readonly SizeClass[] Classes = new SizeClass[64 * ClassesAnOctave];
    private static long limit = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / ShareOfMemory;
    private static long idleBytes;
    private static long usedBytes;
    private static long rents;

    /// <summary>The bytes of the blocks that nobody uses.</summary>
    public static long IdleBytes => Interlocked.Read(ref idleBytes);

    /// <summary>The bytes of the blocks that are in use.</summary>
    public static long UsedBytes => Interlocked.Read(ref usedBytes);

    /// <summary>The most bytes that may be idle. By default an eighth of the memory that this process may have.</summary>
    public static long Limit
    {
        get => Interlocked.Read(ref limit);
        set
        {
            Block* surplus;
            lock (Gate)
            {
                limit = value;
                surplus = TakeSurplus(limit);
            }

            Free(surplus);
        }
    }

    /// <summary>Hands out a block of at least so many bytes. A fresh one was never written to.</summary>
    /// <exception cref="OutOfMemoryException">There is no such block, even after all idle ones were freed.</exception>
    public static void* Rent(long bytes, out bool fresh)
    {
        var (index, size) = ClassOf(bytes);
        lock (Gate)
        {
            ref var sizeClass = ref Classes[index];
            sizeClass.LastRent = ++rents;
            usedBytes += size;
            if (sizeClass.Top != null)
            {
                fresh = false;
                idleBytes -= size;
                return Data(Pop(ref sizeClass));
            }
        }

        fresh = true;
        var block = Allocate(size);
        (block->Class, block->Size) = (index, size);
        return Data(block);
    }

    /// <summary>Takes a block back. It may come from any thread, the finalizer's and those of libtorch among them.</summary>
    public static void Return(void* data)
    {
        var block = (Block*)((byte*)data - sizeof(Block));
        Block* surplus;
        lock (Gate)
        {
            usedBytes -= block->Size;
            if (block->Size > limit)
            {
                block->Next = null;
                surplus = block;
            }
            else
            {
                idleBytes += block->Size;
                Push(ref Classes[block->Class], block);
                surplus = TakeSurplus(limit);
            }
        }

        Free(surplus);
    }

    /// <summary>Frees all idle blocks.</summary>
    public static void Release()
    {
        Block* all;
        lock (Gate)
        {
            all = TakeSurplus(0);
        }

        Free(all);
    }

    /// <summary>The class of a size, and the size of its blocks.</summary>
    private static (int Index, long Size) ClassOf(long bytes)
    {
        var octave = BitOperations.Log2((ulong)bytes);
        var step = Math.Max(1, (1L << octave) / ClassesAnOctave);
        var steps = (bytes + step - 1) / step; // from 8 to 16, the last of which is the first one of the next octave
        return ((octave * ClassesAnOctave) + (int)steps - ClassesAnOctave, steps * step);
    }

    private static void* Data(Block* block) => block + 1;

    private static void Push(ref SizeClass sizeClass, Block* block)
    {
        block->Next = sizeClass.Top;
        sizeClass.Top = block;
    }

    private static Block* Pop(ref SizeClass sizeClass)
    {
        var block = sizeClass.Top;
        sizeClass.Top = block->Next;
        return block;
    }

    /// <summary>
    /// Takes out the idle blocks beyond a number of bytes, linked to each other. They are freed without the lock: that takes milliseconds.
    /// </summary>
    private static Block* TakeSurplus(long most)
    {
        var surplus = default(SizeClass);
        while (idleBytes > most)
        {
            ref var oldest = ref Oldest();
            var block = Pop(ref oldest);
            idleBytes -= block->Size;
            Push(ref surplus, block);
        }

        return surplus.Top;
    }

    /// <summary>Of the classes that have an idle block, the one that has not been asked for the longest.</summary>
    private static ref SizeClass Oldest()
    {
        var oldest = -1;
        for (var i = 0; i < Classes.Length; i++)
        {
            if (Classes[i].Top != null && (oldest < 0 || Classes[i].LastRent < Classes[oldest].LastRent))
            {
                oldest = i;
            }
        }

        return ref Classes[oldest];
    }

    private static Block* Allocate(long size)
    {
        for (var retry = false; ; retry = true)
        {
            try
            {
                return (Block*)NativeMemory.AlignedAlloc((nuint)(size + sizeof(Block)), Alignment);
            }
            catch (OutOfMemoryException) when (!retry)
            {
                Release();
            }
            catch (OutOfMemoryException)
            {
                lock (Gate)
                {
                    usedBytes -= size;
                }

                throw;
            }
        }
    }

    private static void Free(Block* blocks)
    {
        while (blocks != null)
        {
            var next = blocks->Next;
            NativeMemory.AlignedFree(blocks);
            blocks = next;
        }
    }

    /// <summary>What stands in front of the data of a block, and leaves it aligned.</summary>
    [StructLayout(LayoutKind.Sequential, Size = Alignment)]
    private struct Block
    {
        public Block* Next;
        public long Size;
        public int Class;
    }

    private struct SizeClass
    {
        public Block* Top;
        public long LastRent;
    }
}
