using System.Numerics;
using System.Runtime.CompilerServices;

namespace TorchSharp.Mixup;

/// <summary>
/// A floating type of 16 bits, two values in each lane of 32: how the lower and the upper ones become float32, up to a scale that is folded into the weights, and back with one rounding,
/// to nearest and ties to even.
/// </summary>
internal interface ISixteenBits
{
    /// <summary>What a widened value must be multiplied by.</summary>
    static abstract float Scale { get; }

    static abstract Vector<float> WidenLower(Vector<uint> pairs);

    static abstract Vector<float> WidenUpper(Vector<uint> pairs);

    /// <summary>Whether there is a value among them that widening gets wrong.</summary>
    static abstract bool AnySpecial(Vector<uint> some, Vector<uint> others);

    static abstract Vector<uint> Round(Vector<float> lower, Vector<float> upper, bool mayOverflow);

    /// <summary>A single combination of any values, special ones included.</summary>
    static abstract ushort Combine(ushort sample, ushort partner, float own, float other);
}

/// <summary>Rows of a type of 16 bits: widened, combined in float32, and rounded once.</summary>
internal readonly unsafe struct SixteenBitRows<TBits> : IRows<ushort>
    where TBits : ISixteenBits
{
    // Weights that sum to 1, up to rounding, cannot lead past the largest value; those of a gradient can.
    private const float MostConvex = 1.0001f;

    public static ushort NegativeZero => 0x8000;

    public static void Combine(ReadOnlySpan<ushort> sample, ReadOnlySpan<ushort> partner, double own, double other, Span<ushort> result, bool stream)
    {
        var (w, v) = ((float)own, (float)other);
        fixed (ushort* a = sample, b = partner, y = result)
        {
            var i = 0;
            while (i < sample.Length)
            {
                i += CombineVectors(a + i, b + i, w * TBits.Scale, v * TBits.Scale, y + i, sample.Length - i, stream && (nuint)(y + i) % (nuint)Vector<byte>.Count == 0);
                for (var end = Math.Min(i + Vector<ushort>.Count, sample.Length); i < end; i++)
                {
                    y[i] = TBits.Combine(a[i], b[i], w, v);
                }
            }
        }
    }

    public static void CombinePair(Span<ushort> first, Span<ushort> second, double own, double other, double ownOfSecond, double otherOfSecond)
    {
        var (w1, v1, w2, v2) = ((float)own, (float)other, (float)ownOfSecond, (float)otherOfSecond);
        fixed (ushort* a = first, b = second)
        {
            var i = 0;
            while (i < first.Length)
            {
                i += CombineVectorPairs(a + i, b + i, w1 * TBits.Scale, v1 * TBits.Scale, w2 * TBits.Scale, v2 * TBits.Scale, first.Length - i);
                for (var end = Math.Min(i + Vector<ushort>.Count, first.Length); i < end; i++)
                {
                    (a[i], b[i]) = (TBits.Combine(a[i], b[i], w1, v1), TBits.Combine(b[i], a[i], w2, v2));
                }
            }
        }
    }

    /// <summary>As far as there are whole vectors without special values: a loop that calls nothing keeps everything in registers.</summary>
    /// <returns>How many values were combined.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CombineVectors(ushort* a, ushort* b, float own, float other, ushort* y, int length, bool stream)
    {
        var (ws, vs) = (new Vector<float>(own), new Vector<float>(other));
        var mayOverflow = own + other > TBits.Scale * MostConvex;
        var i = 0;
        for (; i + Vector<ushort>.Count <= length; i += Vector<ushort>.Count)
        {
            var (first, second) = (Vector.Load((uint*)(a + i)), Vector.Load((uint*)(b + i)));
            if (TBits.AnySpecial(first, second))
            {
                break;
            }

            var combined = Combine(first, second, ws, vs, mayOverflow);
            if (stream)
            {
                combined.StoreAlignedNonTemporal((uint*)(y + i));
            }
            else
            {
                combined.Store((uint*)(y + i));
            }
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CombineVectorPairs(ushort* a, ushort* b, float own, float other, float ownOfSecond, float otherOfSecond, int length)
    {
        var (ws1, vs1, ws2, vs2) = (new Vector<float>(own), new Vector<float>(other), new Vector<float>(ownOfSecond), new Vector<float>(otherOfSecond));
        const bool mayOverflow = false; // a pair is overwritten by blending, never by a gradient
        var i = 0;
        for (; i + Vector<ushort>.Count <= length; i += Vector<ushort>.Count)
        {
            var (first, second) = (Vector.Load((uint*)(a + i)), Vector.Load((uint*)(b + i)));
            if (TBits.AnySpecial(first, second))
            {
                break;
            }

            Combine(first, second, ws1, vs1, mayOverflow).Store((uint*)(a + i));
            Combine(second, first, ws2, vs2, mayOverflow).Store((uint*)(b + i));
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Combine(Vector<uint> sample, Vector<uint> partner, Vector<float> own, Vector<float> other, bool mayOverflow) => TBits.Round(
        (TBits.WidenLower(sample) * own) + (TBits.WidenLower(partner) * other),
        (TBits.WidenUpper(sample) * own) + (TBits.WidenUpper(partner) * other),
        mayOverflow);
}

/// <summary>bfloat16 is the upper half of a float32.</summary>
internal readonly struct BFloat16Bits : ISixteenBits
{
    public static float Scale => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> WidenLower(Vector<uint> pairs) => Vector.AsVectorSingle(Vector.ShiftLeft(pairs, 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> WidenUpper(Vector<uint> pairs) => Vector.AsVectorSingle(pairs & new Vector<uint>(0xffff0000));

    public static bool AnySpecial(Vector<uint> some, Vector<uint> others) => false;

    // A value that is not a number stays one: of those that come from 16 bits, or are the machine's own, the lower half is zero, so that no carry reaches the upper.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<uint> Round(Vector<float> lower, Vector<float> upper, bool mayOverflow) => Vector.ShiftRightLogical(Rounded(lower), 16) | (Rounded(upper) & new Vector<uint>(0xffff0000));

    public static ushort Combine(ushort sample, ushort partner, float own, float other)
    {
        var bits = BitConverter.SingleToUInt32Bits((BitConverter.UInt32BitsToSingle((uint)sample << 16) * own) + (BitConverter.UInt32BitsToSingle((uint)partner << 16) * other));
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Rounded(Vector<float> values)
    {
        var bits = Vector.AsVectorUInt32(values);
        return bits + new Vector<uint>(0x7fff) + (Vector.ShiftRightLogical(bits, 16) & Vector<uint>.One);
    }
}

/// <summary>
/// float16, IEEE 754 binary16. Widening is after F. Giesen, "Half to float done quic". Rounding adds a power of two, 13 binades above the value, so that the last bit kept is the last
/// one of the sum, and the machine's own rounding to even does the rest, for subnormal values, too.
/// </summary>
internal readonly struct Float16Bits : ISixteenBits
{
    // Exponent and mantissa are moved to where float32 has them; this puts the bias right, that of subnormal values, too.
    public static float Scale => 5.192296858534828e33f; // 2^112

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> WidenLower(Vector<uint> pairs) => WidenUpper(Vector.ShiftLeft(pairs, 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> WidenUpper(Vector<uint> pairs) =>
        Vector.AsVectorSingle(Vector.AsVectorUInt32(Vector.ShiftRightArithmetic(Vector.AsVectorInt32(pairs), 3)) & new Vector<uint>(0x8fffe000));

    // Infinity and what is not a number have all bits of the exponent set.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnySpecial(Vector<uint> some, Vector<uint> others)
    {
        var exponent = new Vector<ushort>(0x7c00);
        return Vector.EqualsAny(Vector.Max(Vector.AsVectorUInt16(some) & exponent, Vector.AsVectorUInt16(others) & exponent), exponent);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<uint> Round(Vector<float> lower, Vector<float> upper, bool mayOverflow)
    {
        var (lowerSign, upperSign) = (Vector.ShiftRightLogical(Vector.AsVectorUInt32(lower), 16) & new Vector<uint>(0x8000), Vector.AsVectorUInt32(upper) & new Vector<uint>(0x80000000));
        return Vector.ShiftLeft(Magnitude(upper, mayOverflow), 16) | upperSign | (Magnitude(lower, mayOverflow) & new Vector<uint>(0xffff)) | lowerSign;
    }

    public static ushort Combine(ushort sample, ushort partner, float own, float other) =>
        BitConverter.HalfToUInt16Bits((Half)(((float)BitConverter.UInt16BitsToHalf(sample) * own) + ((float)BitConverter.UInt16BitsToHalf(partner) * other)));

    /// <summary>The bits of finite values without their signs, in the lower half of a lane, whose upper half is undefined; too large ones become infinite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Magnitude(Vector<float> values, bool mayOverflow)
    {
        var magnitude = Vector.AsVectorInt32(values) & new Vector<int>(0x7fffffff);
        if (mayOverflow)
        {
            magnitude = Vector.Min(magnitude, new Vector<int>(0x47800000)); // 65,536 rounds to infinity
        }

        var exponent = Vector.Max(magnitude & new Vector<int>(0x7f800000), new Vector<int>(0x38800000)); // subnormal ones have the exponent of the least normal one

        // 13 binades above; its last bits take away the bias, which the exponent is about to bring in.
        var sum = Vector.AsVectorSingle(magnitude) + Vector.AsVectorSingle(exponent + new Vector<int>((13 << 23) + 0x3c00));
        return Vector.AsVectorUInt32(Vector.AsVectorInt32(sum) + Vector.ShiftRightLogical(exponent, 13));
    }
}
