using System.Numerics;
using System.Runtime.CompilerServices;

namespace TorchSharp.Mixup;

/// <summary>
/// Writing past the caches, which saves reading the memory of a large result first. A smaller one is better left in them for whoever is
/// next, and so is memory that was written not long ago.
/// </summary>
internal static unsafe class StreamedStores
{
    private const long LeastBytes = 6L << 20;
    private const long LeastBytesAgain = 24L << 20;

    /// <summary>Whether it pays for a result of so many bytes; fresh memory was never written to.</summary>
    public static bool Pay(long bytes, bool fresh) => bytes >= (fresh ? LeastBytes : LeastBytesAgain);

    /// <summary>Copies what is in the caches to where it will not be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(byte* from, byte* to, long bytes)
    {
        var width = (uint)Vector<byte>.Count;
        var i = Math.Min(bytes, (width - ((nint)to & (width - 1))) & (width - 1));
        new ReadOnlySpan<byte>(from, (int)i).CopyTo(new Span<byte>(to, (int)i));
        for (; i + (4 * width) <= bytes; i += 4 * width)
        {
            var (v0, v1) = (Vector.Load(from + i), Vector.Load(from + i + width));
            var (v2, v3) = (Vector.Load(from + i + (2 * width)), Vector.Load(from + i + (3 * width)));
            v0.StoreAlignedNonTemporal(to + i);
            v1.StoreAlignedNonTemporal(to + i + width);
            v2.StoreAlignedNonTemporal(to + i + (2 * width));
            v3.StoreAlignedNonTemporal(to + i + (3 * width));
        }

        new ReadOnlySpan<byte>(from + i, (int)(bytes - i)).CopyTo(new Span<byte>(to + i, (int)(bytes - i)));
    }
}
