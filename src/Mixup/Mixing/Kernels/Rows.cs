using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Mixup;

/// <summary>The arithmetic of one row, by type.</summary>
internal interface IRows<T>
    where T : unmanaged
{
    /// <summary><c>result = own * sample + other * partner</c>. The result may be the sample itself. To stream is to write past the caches, where that can be done.</summary>
    static abstract void Combine(ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, double own, double other, Span<T> result, bool stream);

    /// <summary>Two rows that are each other's partner, in place.</summary>
    static abstract void CombinePair(Span<T> first, Span<T> second, double own, double other, double ownOfSecond, double otherOfSecond);
}

/// <summary>float32 and float64, in vectors of whatever width the machine has.</summary>
internal readonly struct VectorRows<T> : IRows<T>
    where T : unmanaged, INumber<T>
{
    public static void Combine(ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, double own, double other, Span<T> result, bool stream)
    {
        if (stream && Vector256.IsHardwareAccelerated && TryStream(sample, partner, own, other, result))
        {
            return;
        }

        var (w, v) = (T.CreateTruncating(own), T.CreateTruncating(other));
        ref var a = ref MemoryMarshal.GetReference(sample);
        ref var b = ref MemoryMarshal.GetReference(partner);
        ref var y = ref MemoryMarshal.GetReference(result);
        var (ws, vs) = (new Vector<T>(w), new Vector<T>(v));
        nuint i = 0, n = (nuint)sample.Length, width = (nuint)Vector<T>.Count;
        for (; i + (4 * width) <= n; i += 4 * width)
        {
            // All loads before the first store: the result may be the sample.
            var y0 = (Vector.LoadUnsafe(ref a, i) * ws) + (Vector.LoadUnsafe(ref b, i) * vs);
            var y1 = (Vector.LoadUnsafe(ref a, i + width) * ws) + (Vector.LoadUnsafe(ref b, i + width) * vs);
            var y2 = (Vector.LoadUnsafe(ref a, i + (2 * width)) * ws) + (Vector.LoadUnsafe(ref b, i + (2 * width)) * vs);
            var y3 = (Vector.LoadUnsafe(ref a, i + (3 * width)) * ws) + (Vector.LoadUnsafe(ref b, i + (3 * width)) * vs);
            y0.StoreUnsafe(ref y, i);
            y1.StoreUnsafe(ref y, i + width);
            y2.StoreUnsafe(ref y, i + (2 * width));
            y3.StoreUnsafe(ref y, i + (3 * width));
        }

        for (; i < n; i++)
        {
            Unsafe.Add(ref y, i) = (Unsafe.Add(ref a, i) * w) + (Unsafe.Add(ref b, i) * v);
        }
    }

    public static void CombinePair(Span<T> first, Span<T> second, double own, double other, double ownOfSecond, double otherOfSecond)
    {
        var (w1, v1, w2, v2) = (T.CreateTruncating(own), T.CreateTruncating(other), T.CreateTruncating(ownOfSecond), T.CreateTruncating(otherOfSecond));
        ref var a = ref MemoryMarshal.GetReference(first);
        ref var b = ref MemoryMarshal.GetReference(second);
        nuint i = 0, n = (nuint)first.Length, width = (nuint)Vector<T>.Count;
        for (; i + (2 * width) <= n; i += 2 * width)
        {
            var (a0, b0) = (Vector.LoadUnsafe(ref a, i), Vector.LoadUnsafe(ref b, i));
            var (a1, b1) = (Vector.LoadUnsafe(ref a, i + width), Vector.LoadUnsafe(ref b, i + width));
            ((a0 * w1) + (b0 * v1)).StoreUnsafe(ref a, i);
            ((b0 * w2) + (a0 * v2)).StoreUnsafe(ref b, i);
            ((a1 * w1) + (b1 * v1)).StoreUnsafe(ref a, i + width);
            ((b1 * w2) + (a1 * v2)).StoreUnsafe(ref b, i + width);
        }

        for (; i < n; i++)
        {
            var (x, y) = (Unsafe.Add(ref a, i), Unsafe.Add(ref b, i));
            Unsafe.Add(ref a, i) = (x * w1) + (y * v1);
            Unsafe.Add(ref b, i) = (y * w2) + (x * v2);
        }
    }

    /// <summary>As above, past the caches; false where the result is not aligned to a vector.</summary>
    private static unsafe bool TryStream(ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, double own, double other, Span<T> result)
    {
        var (ws, vs) = (Vector256.Create(T.CreateTruncating(own)), Vector256.Create(T.CreateTruncating(other)));
        fixed (T* a = sample, b = partner, y = result)
        {
            var width = Vector256<T>.Count;
            if (sample.Length < width || (nuint)y % (nuint)Vector256<byte>.Count != 0)
            {
                return false;
            }

            var i = 0;
            for (; i + (2 * width) <= sample.Length; i += 2 * width)
            {
                var first = (Vector256.Load(a + i) * ws) + (Vector256.Load(b + i) * vs);
                var second = (Vector256.Load(a + i + width) * ws) + (Vector256.Load(b + i + width) * vs);
                first.StoreAlignedNonTemporal(y + i);
                second.StoreAlignedNonTemporal(y + i + width);
            }

            Combine(sample[i..], partner[i..], own, other, result[i..], stream: false);
            return true;
        }
    }
}
