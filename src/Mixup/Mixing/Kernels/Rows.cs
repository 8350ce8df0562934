using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp.Mixup;

/// <summary>One row: <c>result = own * sample + other * partner</c>. The result may be the sample itself.</summary>
internal interface IRows<T>
    where T : unmanaged
{
    static abstract void Combine(ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, double own, double other, Span<T> result);
}

/// <summary>float32 and float64, in vectors of whatever width the machine has.</summary>
internal readonly struct VectorRows<T> : IRows<T>
    where T : unmanaged, INumber<T>
{
    public static void Combine(ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, double own, double other, Span<T> result)
    {
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
}

/// <summary>float16: a stretch at a time is widened, combined in float32, and rounded once.</summary>
internal readonly struct HalfRows : IRows<Half>
{
    public static void Combine(ReadOnlySpan<Half> sample, ReadOnlySpan<Half> partner, double own, double other, Span<Half> result)
    {
        const int stretch = 512;
        Span<float> a = stackalloc float[stretch], b = stackalloc float[stretch];
        for (var i = 0; i < sample.Length; i += stretch)
        {
            var length = Math.Min(stretch, sample.Length - i);
            var x = a[..length];
            var y = b[..length];
            TensorPrimitives.ConvertToSingle(sample.Slice(i, length), x);
            TensorPrimitives.ConvertToSingle(partner.Slice(i, length), y);
            VectorRows<float>.Combine(x, y, own, other, x);
            TensorPrimitives.ConvertToHalf(x, result.Slice(i, length));
        }
    }
}

/// <summary>bfloat16, the upper half of a float32: widened by a shift, combined, and rounded once, to nearest and ties to even as torch does.</summary>
internal readonly struct BFloat16Rows : IRows<ushort>
{
    public static void Combine(ReadOnlySpan<ushort> sample, ReadOnlySpan<ushort> partner, double own, double other, Span<ushort> result)
    {
        var (w, v) = ((float)own, (float)other);
        ref var a = ref MemoryMarshal.GetReference(sample);
        ref var b = ref MemoryMarshal.GetReference(partner);
        ref var y = ref MemoryMarshal.GetReference(result);
        var (ws, vs) = (new Vector<float>(w), new Vector<float>(v));
        nuint i = 0, n = (nuint)sample.Length, width = (nuint)Vector<ushort>.Count;
        for (; i + width <= n; i += width)
        {
            Vector.Widen(Vector.LoadUnsafe(ref a, i), out var aLow, out var aHigh);
            Vector.Widen(Vector.LoadUnsafe(ref b, i), out var bLow, out var bHigh);
            Vector.Narrow(Round((Widen(aLow) * ws) + (Widen(bLow) * vs)), Round((Widen(aHigh) * ws) + (Widen(bHigh) * vs))).StoreUnsafe(ref y, i);
        }

        for (; i < n; i++)
        {
            var value = (BitConverter.UInt32BitsToSingle((uint)Unsafe.Add(ref a, i) << 16) * w) + (BitConverter.UInt32BitsToSingle((uint)Unsafe.Add(ref b, i) << 16) * v);
            var bits = BitConverter.SingleToUInt32Bits(value);
            Unsafe.Add(ref y, i) = float.IsNaN(value) ? (ushort)0x7fc0 : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
        }
    }

    private static Vector<float> Widen(Vector<uint> bits) => Vector.AsVectorSingle(Vector.ShiftLeft(bits, 16));

    private static Vector<uint> Round(Vector<float> values)
    {
        var bits = Vector.AsVectorUInt32(values);
        var rounded = Vector.ShiftRightLogical(bits + new Vector<uint>(0x7fff) + (Vector.ShiftRightLogical(bits, 16) & Vector<uint>.One), 16);
        return Vector.ConditionalSelect(Vector.AsVectorUInt32(Vector.Equals(values, values)), rounded, new Vector<uint>(0x7fc0));
    }
}
