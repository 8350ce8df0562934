using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Mixup;

/// <summary>
/// A 16-bit floating-point type, with two values in each 32-bit lane. It widens the lower and the upper values to float32, up to a scale
/// that is folded into the weights. It converts back with one rounding, to nearest and ties to even.
/// </summary>
internal interface ISixteenBits
{
    /// <summary>Gets the factor of a widened value.</summary>
    static abstract float Scale { get; }

    static abstract TLanes WidenLower<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes>;

    static abstract TLanes WidenUpper<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Returns whether any value is special, that is, not widened correctly.</summary>
    static abstract bool AnySpecial<TLanes>(TLanes some, TLanes others)
        where TLanes : struct, ILanes<TLanes>;

    static abstract TLanes Round<TLanes>(TLanes lower, TLanes upper, bool mayOverflow)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Combines two values, including special ones.</summary>
    static abstract ushort Combine(ushort sample, ushort partner, float own, float other);
}

/// <summary>The arithmetic of 16-bit floating-point rows: widened, combined in float32, and rounded once.</summary>
internal readonly unsafe struct SixteenBitRows<TBits> : IRows<ushort>, ICellRows<ushort, float>
    where TBits : ISixteenBits
{
    // Weights that sum to 1, up to rounding, cannot exceed the largest value; those of a gradient can.
    private const float MostConvex = 1.0001f;

    public static ushort NegativeZero => 0x8000;

    private static int VectorLength => (Vector512.IsHardwareAccelerated ? WideLanes.Bytes : PreferredLanes.Bytes) / sizeof(ushort);

    public static void CombineCells(
        ReadOnlySpan<ushort> sample, ReadOnlySpan<ushort> partner, ReadOnlySpan<float> own, ReadOnlySpan<float> other, Span<ushort> result)
    {
        for (var i = 0; i < sample.Length; i++)
        {
            result[i] = (own[i], other[i]) switch
            {
                (1, 0) => sample[i],
                (0, 1) => partner[i],
                (0, 0) => 0,
                (var w, 0) => TBits.Combine(sample[i], NegativeZero, w, 1),
                (0, var v) => TBits.Combine(NegativeZero, partner[i], 1, v),
                var (w, v) => TBits.Combine(sample[i], partner[i], w, v),
            };
        }
    }

    public static void Combine(
        ReadOnlySpan<ushort> sample, ReadOnlySpan<ushort> partner, double own, double other, Span<ushort> result, bool stream)
    {
        var (w, v) = ((float)own, (float)other);
        fixed (ushort* a = sample, b = partner, y = result)
        {
            var i = 0;
            while (i < sample.Length)
            {
                i += Vector512.IsHardwareAccelerated
                    ? CombineVectors<WideLanes>(a + i, b + i, w * TBits.Scale, v * TBits.Scale, y + i, sample.Length - i, stream)
                    : CombineVectors<PreferredLanes>(a + i, b + i, w * TBits.Scale, v * TBits.Scale, y + i, sample.Length - i, stream);
                for (var end = Math.Min(i + VectorLength, sample.Length); i < end; i++)
                {
                    y[i] = TBits.Combine(a[i], b[i], w, v);
                }
            }
        }
    }

    public static void CombinePair(
        Span<ushort> first, Span<ushort> second, double own, double other, double ownOfSecond, double otherOfSecond)
    {
        var (w1, v1, w2, v2) = ((float)own, (float)other, (float)ownOfSecond, (float)otherOfSecond);
        fixed (ushort* a = first, b = second)
        {
            var i = 0;
            while (i < first.Length)
            {
                var scale = TBits.Scale;
                i += Vector512.IsHardwareAccelerated
                    ? CombineVectorPairs<WideLanes>(a + i, b + i, w1 * scale, v1 * scale, w2 * scale, v2 * scale, first.Length - i)
                    : CombineVectorPairs<PreferredLanes>(a + i, b + i, w1 * scale, v1 * scale, w2 * scale, v2 * scale, first.Length - i);
                for (var end = Math.Min(i + VectorLength, first.Length); i < end; i++)
                {
                    (a[i], b[i]) = (TBits.Combine(a[i], b[i], w1, v1), TBits.Combine(b[i], a[i], w2, v2));
                }
            }
        }
    }

    /// <summary>Combines whole vectors up to the first special value. A loop without calls keeps all values in registers.</summary>
    /// <returns>The number of values that were combined.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CombineVectors<TLanes>(ushort* a, ushort* b, float own, float other, ushort* y, int length, bool stream)
        where TLanes : struct, ILanes<TLanes>
    {
        var (ws, vs) = (All<TLanes>(own), All<TLanes>(other));
        var mayOverflow = own + other > TBits.Scale * MostConvex;
        var count = TLanes.Bytes / sizeof(ushort);
        stream &= (nuint)y % (nuint)TLanes.Bytes == 0;
        var i = 0;
        for (; i + count <= length; i += count)
        {
            var (first, second) = (TLanes.Load(a + i), TLanes.Load(b + i));
            if (TBits.AnySpecial(first, second))
            {
                break;
            }

            var combined = Combine(first, second, ws, vs, mayOverflow);
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
        ushort* a, ushort* b, float own, float other, float ownOfSecond, float otherOfSecond, int length)
        where TLanes : struct, ILanes<TLanes>
    {
        var (ws1, vs1, ws2, vs2) = (All<TLanes>(own), All<TLanes>(other), All<TLanes>(ownOfSecond), All<TLanes>(otherOfSecond));
        const bool mayOverflow = false; // pairs are overwritten only by blending, never by a gradient
        var count = TLanes.Bytes / sizeof(ushort);
        var i = 0;
        for (; i + count <= length; i += count)
        {
            var (first, second) = (TLanes.Load(a + i), TLanes.Load(b + i));
            if (TBits.AnySpecial(first, second))
            {
                break;
            }

            Combine(first, second, ws1, vs1, mayOverflow).Store(a + i);
            Combine(second, first, ws2, vs2, mayOverflow).Store(b + i);
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Combine<TLanes>(TLanes sample, TLanes partner, TLanes own, TLanes other, bool mayOverflow)
        where TLanes : struct, ILanes<TLanes> => TBits.Round(
        TLanes.AddSingle(TLanes.MultiplySingle(TBits.WidenLower(sample), own), TLanes.MultiplySingle(TBits.WidenLower(partner), other)),
        TLanes.AddSingle(TLanes.MultiplySingle(TBits.WidenUpper(sample), own), TLanes.MultiplySingle(TBits.WidenUpper(partner), other)),
        mayOverflow);

    private static TLanes All<TLanes>(float value)
        where TLanes : struct, ILanes<TLanes> => TLanes.All(BitConverter.SingleToUInt32Bits(value));
}

/// <summary>bfloat16 is the upper half of a float32.</summary>
internal readonly struct BFloat16Bits : ISixteenBits
{
    private const uint UpperHalf = 0xffff0000;
    private const uint AlmostHalf = 0x7fff; // just below half a unit of the last place; with the last bit added, ties go to even

    public static float Scale => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes WidenLower<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes> => pairs << 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes WidenUpper<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes> => pairs & TLanes.All(UpperHalf);

    public static bool AnySpecial<TLanes>(TLanes some, TLanes others)
        where TLanes : struct, ILanes<TLanes> => false;

    // NaN stays NaN: the lower half of a NaN from 16 bits, or made by the machine, is zero, so rounding carries nothing into the upper
    // half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Round<TLanes>(TLanes lower, TLanes upper, bool mayOverflow)
        where TLanes : struct, ILanes<TLanes> => (Rounded(lower) >>> 16) | (Rounded(upper) & TLanes.All(UpperHalf));

    public static ushort Combine(ushort sample, ushort partner, float own, float other)
    {
        var bits = BitConverter.SingleToUInt32Bits(
            (BitConverter.UInt32BitsToSingle((uint)sample << 16) * own) + (BitConverter.UInt32BitsToSingle((uint)partner << 16) * other));
        return (ushort)((bits + AlmostHalf + ((bits >> 16) & 1)) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Rounded<TLanes>(TLanes bits)
        where TLanes : struct, ILanes<TLanes> => bits + TLanes.All(AlmostHalf) + ((bits >>> 16) & TLanes.All(1));
}

/// <summary>
/// float16, IEEE 754 binary16. Widening follows F. Giesen, "Half to float done quic". Rounding adds a power of two, 13 binades above the
/// value, so that the machine's own rounding to even keeps the bits of float16. This includes subnormal values.
/// </summary>
internal readonly struct Float16Bits : ISixteenBits
{
    // Of a lane of two float16 values.
    private const uint LowerHalf = 0x0000ffff;
    private const uint LowerSign = 0x00008000;
    private const uint UpperSign = 0x80000000;
    private const uint BothExponents = 0x7c007c00;

    // The sign, exponent and mantissa of a float16 in the upper half, after a shift by 3, which moves exponent and mantissa.
    private const uint Widened = 0x8fffe000;

    // Of a float32.
    private const uint Magnitudes = 0x7fffffff;
    private const uint Exponent = 0x7f800000;
    private const uint LeastNormalExponent = 0x38800000; // 2^-14, the least normal float16
    private const uint RoundsToInfinity = 0x47800000; // 65,536
    private const uint ThirteenBinades = 13 << 23; // float32 has 13 more bits of mantissa than float16

    // Takes away, modulo 2^16, the difference of the biases, 112, and the leading one of the mantissa: -(112 + 1) << 10.
    private const uint BiasCorrection = 0x3c00;

    // Widening moves exponent and mantissa to their position in float32. This factor corrects the bias, also for subnormal values.
    public static float Scale => 5.192296858534828e33f; // 2^112

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes WidenLower<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes> => WidenUpper(pairs << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes WidenUpper<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes> => (pairs >> 3) & TLanes.All(Widened);

    // Infinity and NaN have all exponent bits set.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnySpecial<TLanes>(TLanes some, TLanes others)
        where TLanes : struct, ILanes<TLanes> => TLanes.AnyHalfHasAll(some, others, TLanes.All(BothExponents));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Round<TLanes>(TLanes lower, TLanes upper, bool mayOverflow)
        where TLanes : struct, ILanes<TLanes>
    {
        var (lowerSign, upperSign) = ((lower >>> 16) & TLanes.All(LowerSign), upper & TLanes.All(UpperSign));
        return (Magnitude(upper, mayOverflow) << 16) | upperSign | (Magnitude(lower, mayOverflow) & TLanes.All(LowerHalf)) | lowerSign;
    }

    public static ushort Combine(ushort sample, ushort partner, float own, float other) => BitConverter.HalfToUInt16Bits(
        (Half)(((float)BitConverter.UInt16BitsToHalf(sample) * own) + ((float)BitConverter.UInt16BitsToHalf(partner) * other)));

    /// <summary>
    /// Rounds finite values to float16 without their signs. The bits are in the lower half of a lane; the upper half is undefined. Values
    /// too large become infinite.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Magnitude<TLanes>(TLanes values, bool mayOverflow)
        where TLanes : struct, ILanes<TLanes>
    {
        var magnitude = values & TLanes.All(Magnitudes);
        if (mayOverflow)
        {
            magnitude = TLanes.Min(magnitude, TLanes.All(RoundsToInfinity));
        }

        // Subnormal values have the exponent of the smallest normal value.
        var exponent = TLanes.Max(magnitude & TLanes.All(Exponent), TLanes.All(LeastNormalExponent));

        // The sum leaves the rounded mantissa in its last bits; the shifted exponent then joins it.
        return TLanes.AddSingle(magnitude, exponent + TLanes.All(ThirteenBinades + BiasCorrection)) + (exponent >>> 13);
    }
}
