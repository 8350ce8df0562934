using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Mixup;

/// <summary>
/// The arithmetic of bytes: widened, combined in float32, and rounded once, to nearest and ties to even. The weights sum to 1, since bytes
/// have no gradients, so the results fit into a byte.
/// </summary>
internal readonly unsafe struct ByteRows : IRows<byte>, ICellRows<byte, float>
{
    // 2^23. Adding it rounds a value to an integer, which is then in the lowest bits.
    private const float Rounder = 8_388_608;
    private const uint RounderBits = 0x4b000000;

    public static byte NegativeZero => 0;

    public static void Combine(
        ReadOnlySpan<byte> sample, ReadOnlySpan<byte> partner, double own, double other, Span<byte> result, bool stream)
    {
        var (w, v) = ((float)own, (float)other);
        fixed (byte* a = sample, b = partner, y = result)
        {
            var i = Vector512.IsHardwareAccelerated
                ? CombineVectors<WideLanes>(a, b, w, v, y, sample.Length, stream)
                : CombineVectors<PreferredLanes>(a, b, w, v, y, sample.Length, stream);
            for (; i < sample.Length; i++)
            {
                y[i] = Combine(a[i], b[i], w, v);
            }
        }
    }

    public static void CombinePair(
        Span<byte> first, Span<byte> second, double own, double other, double ownOfSecond, double otherOfSecond)
    {
        var (w1, v1, w2, v2) = ((float)own, (float)other, (float)ownOfSecond, (float)otherOfSecond);
        fixed (byte* a = first, b = second)
        {
            var i = Vector512.IsHardwareAccelerated
                ? CombineVectorPairs<WideLanes>(a, b, w1, v1, w2, v2, first.Length)
                : CombineVectorPairs<PreferredLanes>(a, b, w1, v1, w2, v2, first.Length);
            for (; i < first.Length; i++)
            {
                (a[i], b[i]) = (Combine(a[i], b[i], w1, v1), Combine(b[i], a[i], w2, v2));
            }
        }
    }

    // Bytes are finite, so a weight of 0 gives 0, and a weight of 1 changes no bit.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CombineCells(
        ReadOnlySpan<byte> sample, ReadOnlySpan<byte> partner, ReadOnlySpan<float> own, ReadOnlySpan<float> other, Span<byte> result)
    {
        int i = 0, n = sample.Length, width = Vector<float>.Count;
        fixed (byte* a = sample, b = partner, y = result)
        fixed (float* w = own, v = other)
        {
            for (; i + Vector<byte>.Count <= n; i += Vector<byte>.Count)
            {
                Widen(Vector.Load(a + i), out var a0, out var a1, out var a2, out var a3);
                Widen(Vector.Load(b + i), out var b0, out var b1, out var b2, out var b3);
                var y0 = Rounded((a0 * Vector.Load(w + i)) + (b0 * Vector.Load(v + i)));
                var y1 = Rounded((a1 * Vector.Load(w + i + width)) + (b1 * Vector.Load(v + i + width)));
                var y2 = Rounded((a2 * Vector.Load(w + i + (2 * width))) + (b2 * Vector.Load(v + i + (2 * width))));
                var y3 = Rounded((a3 * Vector.Load(w + i + (3 * width))) + (b3 * Vector.Load(v + i + (3 * width))));
                Vector.Narrow(Vector.Narrow(y0, y1), Vector.Narrow(y2, y3)).Store(y + i);
            }

            for (; i < n; i++)
            {
                y[i] = Combine(a[i], b[i], w[i], v[i]);
            }
        }
    }

    private static byte Combine(byte sample, byte partner, float own, float other) =>
        (byte)BitConverter.SingleToUInt32Bits((sample * own) + (partner * other) + Rounder);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CombineVectors<TLanes>(byte* a, byte* b, float own, float other, byte* y, int length, bool stream)
        where TLanes : struct, ILanes<TLanes>
    {
        var (ws, vs) = (All<TLanes>(own), All<TLanes>(other));
        stream &= (nuint)y % (nuint)TLanes.Bytes == 0;
        var i = 0;
        for (; i + TLanes.Bytes <= length; i += TLanes.Bytes)
        {
            var combined = Combine(TLanes.Load(a + i), TLanes.Load(b + i), ws, vs);
            if (stream)
            {
                combined.Stream(y + i);
            }
            else
            {
                combined.Store(y + i);
            }
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CombineVectorPairs<TLanes>(
        byte* a, byte* b, float own, float other, float ownOfSecond, float otherOfSecond, int length)
        where TLanes : struct, ILanes<TLanes>
    {
        var (ws1, vs1, ws2, vs2) = (All<TLanes>(own), All<TLanes>(other), All<TLanes>(ownOfSecond), All<TLanes>(otherOfSecond));
        var i = 0;
        for (; i + TLanes.Bytes <= length; i += TLanes.Bytes)
        {
            var (first, second) = (TLanes.Load(a + i), TLanes.Load(b + i));
            Combine(first, second, ws1, vs1).Store(a + i);
            Combine(second, first, ws2, vs2).Store(b + i);
        }

        return i;
    }

    /// <summary>
    /// Combines the four bytes of each lane in turn. The upper bits of a rounded value are those of 2^23; masks and shifts remove them.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Combine<TLanes>(TLanes sample, TLanes partner, TLanes own, TLanes other)
        where TLanes : struct, ILanes<TLanes> =>
        (Sum(sample, partner, own, other) & TLanes.All(0xff))
        | (Sum(sample >>> 8, partner >>> 8, own, other) << 8)
        | (Sum(sample >>> 16, partner >>> 16, own, other) << 16)
        | (Sum(sample >>> 24, partner >>> 24, own, other) << 24);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Sum<TLanes>(TLanes sample, TLanes partner, TLanes own, TLanes other)
        where TLanes : struct, ILanes<TLanes>
    {
        var (a, b) = (TLanes.ToSingle(sample & TLanes.All(0xff)), TLanes.ToSingle(partner & TLanes.All(0xff)));
        var sum = TLanes.AddSingle(TLanes.MultiplySingle(a, own), TLanes.MultiplySingle(b, other));
        return TLanes.AddSingle(sum, TLanes.All(RounderBits));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Widen(
        Vector<byte> bytes, out Vector<float> first, out Vector<float> second, out Vector<float> third, out Vector<float> fourth)
    {
        Vector.Widen(bytes, out var lower, out var upper);
        Vector.Widen(lower, out var a, out var b);
        Vector.Widen(upper, out var c, out var d);
        (first, second) = (Vector.ConvertToSingle(Vector.AsVectorInt32(a)), Vector.ConvertToSingle(Vector.AsVectorInt32(b)));
        (third, fourth) = (Vector.ConvertToSingle(Vector.AsVectorInt32(c)), Vector.ConvertToSingle(Vector.AsVectorInt32(d)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Rounded(Vector<float> sums) =>
        Vector.AsVectorUInt32(sums + new Vector<float>(Rounder)) & new Vector<uint>(0xff);

    private static TLanes All<TLanes>(float value)
        where TLanes : struct, ILanes<TLanes> => TLanes.All(BitConverter.SingleToUInt32Bits(value));
}
