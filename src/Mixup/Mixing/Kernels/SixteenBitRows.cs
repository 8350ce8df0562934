using System.Numerics;
using System.Runtime.InteropServices;

namespace TorchSharp.Mixup;

/// <summary>A floating type of 16 bits: how a vector of its bits, each in 32, becomes float32, and back with one rounding, to nearest and ties to even.</summary>
internal interface ISixteenBits
{
    static abstract Vector<float> Widen(Vector<uint> bits);

    static abstract Vector<uint> Round(Vector<float> values);
}

/// <summary>Rows of a type of 16 bits: widened, combined in float32, and rounded once.</summary>
internal readonly struct SixteenBitRows<TBits> : IRows<ushort>
    where TBits : ISixteenBits
{
    public static void Combine(ReadOnlySpan<ushort> sample, ReadOnlySpan<ushort> partner, double own, double other, Span<ushort> result, bool stream)
    {
        var (w, v) = (new Vector<float>((float)own), new Vector<float>((float)other));
        ref var a = ref MemoryMarshal.GetReference(sample);
        ref var b = ref MemoryMarshal.GetReference(partner);
        ref var y = ref MemoryMarshal.GetReference(result);
        nuint i = 0, n = (nuint)sample.Length, width = (nuint)Vector<ushort>.Count;
        for (; i + width <= n; i += width)
        {
            Combine(Vector.LoadUnsafe(ref a, i), Vector.LoadUnsafe(ref b, i), w, v).StoreUnsafe(ref y, i);
        }

        if (i < n)
        {
            var rest = (int)i..;
            Combine(Padded(sample[rest]), Padded(partner[rest]), w, v).CopyTo(result, rest);
        }
    }

    public static void CombinePair(Span<ushort> first, Span<ushort> second, double own, double other, double ownOfSecond, double otherOfSecond)
    {
        var (w1, v1, w2, v2) = (new Vector<float>((float)own), new Vector<float>((float)other), new Vector<float>((float)ownOfSecond), new Vector<float>((float)otherOfSecond));
        var width = Vector<ushort>.Count;
        for (var i = 0; i < first.Length; i += width)
        {
            var part = i..Math.Min(i + width, first.Length);
            var (a, b) = (Padded(first[part]), Padded(second[part]));
            Combine(a, b, w1, v1).CopyTo(first, part);
            Combine(b, a, w2, v2).CopyTo(second, part);
        }
    }

    private static Vector<ushort> Combine(Vector<ushort> sample, Vector<ushort> partner, Vector<float> own, Vector<float> other)
    {
        Vector.Widen(sample, out var aLow, out var aHigh);
        Vector.Widen(partner, out var bLow, out var bHigh);
        return Vector.Narrow(
            TBits.Round((TBits.Widen(aLow) * own) + (TBits.Widen(bLow) * other)),
            TBits.Round((TBits.Widen(aHigh) * own) + (TBits.Widen(bHigh) * other)));
    }

    private static Vector<ushort> Padded(ReadOnlySpan<ushort> part)
    {
        if (part.Length == Vector<ushort>.Count)
        {
            return new Vector<ushort>(part);
        }

        Span<ushort> whole = stackalloc ushort[Vector<ushort>.Count];
        whole.Clear();
        part.CopyTo(whole);
        return new Vector<ushort>(whole);
    }
}

/// <summary>bfloat16 is the upper half of a float32.</summary>
internal readonly struct BFloat16Bits : ISixteenBits
{
    public static Vector<float> Widen(Vector<uint> bits) => Vector.AsVectorSingle(Vector.ShiftLeft(bits, 16));

    public static Vector<uint> Round(Vector<float> values)
    {
        var bits = Vector.AsVectorUInt32(values);
        var rounded = Vector.ShiftRightLogical(bits + new Vector<uint>(0x7fff) + (Vector.ShiftRightLogical(bits, 16) & Vector<uint>.One), 16);
        return Vector.ConditionalSelect(Vector.AsVectorUInt32(Vector.Equals(values, values)), rounded, new Vector<uint>(0x7fc0));
    }
}

/// <summary>float16, IEEE 754 binary16, by the bit manipulations of F. Giesen, "Half to float done quic" and "Float to half conversions".</summary>
internal readonly struct Float16Bits : ISixteenBits
{
    public static Vector<float> Widen(Vector<uint> bits)
    {
        // Exponent and mantissa in place, then the bias by a multiplication, which makes subnormals right, too.
        var magnitude = Vector.ShiftLeft(bits & new Vector<uint>(0x7fff), 13);
        var scaled = Vector.AsVectorUInt32(Vector.AsVectorSingle(magnitude) * new Vector<float>(5.192296858534828e33f)); // 2^112
        var special = Vector.GreaterThanOrEqual(magnitude, new Vector<uint>(0x7c00 << 13)) & new Vector<uint>(0x7f800000);
        return Vector.AsVectorSingle(scaled | special | Vector.ShiftLeft(bits & new Vector<uint>(0x8000), 16));
    }

    public static Vector<uint> Round(Vector<float> values)
    {
        var bits = Vector.AsVectorUInt32(values);
        var sign = bits & new Vector<uint>(0x80000000);
        var magnitude = bits ^ sign;

        // A float addition does the rounding of subnormals, an integer one that of the rest.
        var magic = new Vector<uint>(0x3f000000);
        var subnormal = Vector.AsVectorUInt32(Vector.AsVectorSingle(magnitude) + Vector.AsVectorSingle(magic)) - magic;
        var odd = Vector.ShiftRightLogical(magnitude, 13) & Vector<uint>.One;
        var normal = Vector.ShiftRightLogical(magnitude + odd + new Vector<uint>(0xc8000fff), 13);
        var finite = Vector.ConditionalSelect(Vector.LessThan(magnitude, new Vector<uint>(0x38800000)), subnormal, normal);
        var special = new Vector<uint>(0x7c00) | (Vector.GreaterThan(magnitude, new Vector<uint>(0x7f800000)) & new Vector<uint>(0x200));
        return Vector.ConditionalSelect(Vector.LessThan(magnitude, new Vector<uint>(0x47800000)), finite, special) | Vector.ShiftRightLogical(sign, 16);
    }
}

/// <summary>Writing a part of a vector.</summary>
internal static class VectorExtensions
{
    public static void CopyTo(this Vector<ushort> values, Span<ushort> row, Range part)
    {
        Span<ushort> whole = stackalloc ushort[Vector<ushort>.Count];
        values.CopyTo(whole);
        var target = row[part];
        whole[..target.Length].CopyTo(target);
    }
}
