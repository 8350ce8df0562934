using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Mixup;

/// <summary>
/// A floating type of 16 bits, two values in each lane of 32: how the lower and the upper ones become float32, up to a scale that is folded
/// into the weights, and back with one rounding, to nearest and ties to even.
/// </summary>
internal interface ISixteenBits
{
    /// <summary>What a widened value must be multiplied by.</summary>
    static abstract float Scale { get; }

    static abstract TLanes WidenLower<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes>;

    static abstract TLanes WidenUpper<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Whether there is a value among them that widening gets wrong.</summary>
    static abstract bool AnySpecial<TLanes>(TLanes some, TLanes others)
        where TLanes : struct, ILanes<TLanes>;

    static abstract TLanes Round<TLanes>(TLanes lower, TLanes upper, bool mayOverflow)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>A single combination of any values, special ones included.</summary>
    static abstract ushort Combine(ushort sample, ushort partner, float own, float other);
}

/// <summary>Rows of a type of 16 bits: widened, combined in float32, and rounded once.</summary>
internal readonly unsafe struct SixteenBitRows<TBits> : IRows<ushort>, ICellRows<ushort, float>
    where TBits : ISixteenBits
{
    // Weights that sum to 1, up to rounding, cannot lead past the largest value; those of a gradient can.
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

    /// <summary>
    /// As far as there are whole vectors without special values: a loop that calls nothing keeps everything in registers.
    /// </summary>
    /// <returns>How many values were combined.</returns>
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
        const bool mayOverflow = false; // a pair is overwritten by blending, never by a gradient
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
    public static float Scale => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes WidenLower<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes> => pairs << 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes WidenUpper<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes> => pairs & TLanes.All(0xffff0000);

    public static bool AnySpecial<TLanes>(TLanes some, TLanes others)
        where TLanes : struct, ILanes<TLanes> => false;

    // A value that is not a number stays one: of those that come from 16 bits, or are the machine's own, the lower half is zero, so that no
    // carry reaches the upper.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Round<TLanes>(TLanes lower, TLanes upper, bool mayOverflow)
        where TLanes : struct, ILanes<TLanes> => (Rounded(lower) >>> 16) | (Rounded(upper) & TLanes.All(0xffff0000));

    public static ushort Combine(ushort sample, ushort partner, float own, float other)
    {
        var bits = BitConverter.SingleToUInt32Bits(
            (BitConverter.UInt32BitsToSingle((uint)sample << 16) * own) + (BitConverter.UInt32BitsToSingle((uint)partner << 16) * other));
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Rounded<TLanes>(TLanes bits)
        where TLanes : struct, ILanes<TLanes> => bits + TLanes.All(0x7fff) + ((bits >>> 16) & TLanes.All(1));
}

/// <summary>
/// float16, IEEE 754 binary16. Widening is after F. Giesen, "Half to float done quic". Rounding adds a power of two, 13 binades above the
/// value, so that the last bit kept is the last one of the sum, and the machine's own rounding to even does the rest, for subnormal values,
/// too.
/// </summary>
internal readonly struct Float16Bits : ISixteenBits
{
    // Exponent and mantissa are moved to where float32 has them; this puts the bias right, that of subnormal values, too.
    public static float Scale => 5.192296858534828e33f; // 2^112

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes WidenLower<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes> => WidenUpper(pairs << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes WidenUpper<TLanes>(TLanes pairs)
        where TLanes : struct, ILanes<TLanes> => (pairs >> 3) & TLanes.All(0x8fffe000);

    // Infinity and what is not a number have all bits of the exponent set.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnySpecial<TLanes>(TLanes some, TLanes others)
        where TLanes : struct, ILanes<TLanes> => TLanes.AnyHalfHasAll(some, others, TLanes.All(0x7c007c00));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Round<TLanes>(TLanes lower, TLanes upper, bool mayOverflow)
        where TLanes : struct, ILanes<TLanes>
    {
        var (lowerSign, upperSign) = ((lower >>> 16) & TLanes.All(0x8000), upper & TLanes.All(0x80000000));
        return (Magnitude(upper, mayOverflow) << 16) | upperSign | (Magnitude(lower, mayOverflow) & TLanes.All(0xffff)) | lowerSign;
    }

    public static ushort Combine(ushort sample, ushort partner, float own, float other) => BitConverter.HalfToUInt16Bits(
        (Half)(((float)BitConverter.UInt16BitsToHalf(sample) * own) + ((float)BitConverter.UInt16BitsToHalf(partner) * other)));

    /// <summary>
    /// The bits of finite values without their signs, in the lower half of a lane, whose upper half is undefined; too large ones become
    /// infinite.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Magnitude<TLanes>(TLanes values, bool mayOverflow)
        where TLanes : struct, ILanes<TLanes>
    {
        var magnitude = values & TLanes.All(0x7fffffff);
        if (mayOverflow)
        {
            magnitude = TLanes.Min(magnitude, TLanes.All(0x47800000)); // 65,536 rounds to infinity
        }

        // Subnormal ones have the exponent of the least normal one.
        var exponent = TLanes.Max(magnitude & TLanes.All(0x7f800000), TLanes.All(0x38800000));

        // 13 binades above; its last bits take away the bias, which the exponent is about to bring in.
        return TLanes.AddSingle(magnitude, exponent + TLanes.All((13 << 23) + 0x3c00)) + (exponent >>> 13);
    }
}
