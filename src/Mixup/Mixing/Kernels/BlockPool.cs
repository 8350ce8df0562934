using System.Numerics;
using System.Runtime.InteropServices;

namespace TorchSharp.Mixup;

/// <summary>
/// A pool of native memory blocks. The page faults of a new large block cost more than the arithmetic that fills it. The process has one
/// pool, which is thread-safe.
/// </summary>
/// <remarks>
/// Sizes are rounded up to size classes, eight for each power of two, so at most an eighth of a block is unused. The idle blocks of a class
/// form a stack, whose top is most likely in cache. When the idle blocks exceed the limit, those of the least recently requested class are
/// freed first. The links of the stacks are stored in the blocks, so returning a block allocates nothing and cannot fail.
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

    /// <summary>Gets the size of the idle blocks, in bytes.</summary>
    public static long IdleBytes => Interlocked.Read(ref idleBytes);

    /// <summary>Gets the size of the blocks in use, in bytes.</summary>
    public static long UsedBytes => Interlocked.Read(ref usedBytes);

    /// <summary>
    /// Gets or sets the largest size of the idle blocks, in bytes. Default: an eighth of the memory available to the process.
    /// </summary>
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

    /// <summary>Returns a block of at least a number of bytes, and whether it is fresh, that is, newly allocated.</summary>
    /// <exception cref="OutOfMemoryException">The allocation failed, even after all idle blocks were freed.</exception>
    public static void* Rent(long bytes, out bool isFresh)
    {
        var (index, size) = ClassOf(bytes);
        lock (Gate)
        {
            ref var sizeClass = ref Classes[index];
            sizeClass.LastRent = ++rents;
            usedBytes += size;
            if (sizeClass.Top != null)
            {
                isFresh = false;
                idleBytes -= size;
                return Data(Pop(ref sizeClass));
            }
        }

        isFresh = true;
        var block = Allocate(size);
        (block->Class, block->Size) = (index, size);
        return Data(block);
    }

    /// <summary>Takes a block back, on any thread, including the finalizer's and those of libtorch.</summary>
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

    /// <summary>Returns the class of a size, and the size of its blocks.</summary>
    private static (int Index, long Size) ClassOf(long bytes)
    {
        var octave = BitOperations.Log2((ulong)bytes);
        var step = Math.Max(1, (1L << octave) / ClassesAnOctave);
        var steps = (bytes + step - 1) / step; // from 8 to 16; 16 is the first class of the next octave
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
    /// Removes the idle blocks beyond a number of bytes and returns them as a linked list. They are freed outside of the lock, since
    /// freeing takes milliseconds.
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

    /// <summary>Returns the least recently requested class with an idle block.</summary>
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

    /// <summary>The header before the data of a block. Its size keeps the data aligned.</summary>
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
