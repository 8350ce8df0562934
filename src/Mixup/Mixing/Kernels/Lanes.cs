using System.Numerics;
using System.Runtime.Intrinsics;

namespace TorchSharp.Mixup;

/// <summary>
/// A vector of lanes of 32 bits, read as whole numbers or as float32. <see cref="Vector{T}"/> has 256 bits even where the machine has 512,
/// which halves what such a machine computes.
/// </summary>
internal unsafe interface ILanes<TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>The bytes of a vector.</summary>
    static abstract int Bytes { get; }

    static abstract TSelf All(uint bits);

    static abstract TSelf Load(void* from);

    /// <summary>As many bytes as a vector has, as whole numbers in four vectors.</summary>
    static abstract void WidenBytes(byte* from, out TSelf first, out TSelf second, out TSelf third, out TSelf fourth);

    static abstract TSelf operator &(TSelf left, TSelf right);

    static abstract TSelf operator |(TSelf left, TSelf right);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator <<(TSelf value, int count);

    static abstract TSelf operator >>>(TSelf value, int count);

    /// <summary>A shift that keeps the sign.</summary>
    static abstract TSelf operator >>(TSelf value, int count);

    /// <summary>The smaller ones, as signed numbers.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>The larger ones, as signed numbers.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>Whole numbers below 2^31 as float32.</summary>
    static abstract TSelf ToSingle(TSelf value);

    /// <summary>The sums, as float32.</summary>
    static abstract TSelf AddSingle(TSelf left, TSelf right);

    /// <summary>The differences, as float32.</summary>
    static abstract TSelf SubtractSingle(TSelf left, TSelf right);

    /// <summary>The products, as float32.</summary>
    static abstract TSelf MultiplySingle(TSelf left, TSelf right);

    /// <summary>The quotients, as float32.</summary>
    static abstract TSelf DivideSingle(TSelf left, TSelf right);

    /// <summary>
    /// Whether any half of a lane equals 16 bits, given twice in each lane, once it is masked by them in either of the two.
    /// </summary>
    static abstract bool AnyHalfHasAll(TSelf some, TSelf others, TSelf bits);

    void Store(void* to);

    /// <summary>Writes past the caches, to aligned memory.</summary>
    void Stream(void* to);
}

/// <summary>Of whatever width .NET prefers on the machine.</summary>
internal readonly unsafe struct PreferredLanes(Vector<uint> value) : ILanes<PreferredLanes>
{
    private readonly Vector<uint> value = value;

    public static int Bytes => Vector<byte>.Count;

    public static PreferredLanes All(uint bits) => new(new Vector<uint>(bits));

    public static PreferredLanes Load(void* from) => new(Vector.Load((uint*)from));

    public static void WidenBytes(
        byte* from, out PreferredLanes first, out PreferredLanes second, out PreferredLanes third, out PreferredLanes fourth)
    {
        Vector.Widen(Vector.Load(from), out var lower, out var upper);
        Vector.Widen(lower, out var a, out var b);
        Vector.Widen(upper, out var c, out var d);
        (first, second, third, fourth) = (new(a), new(b), new(c), new(d));
    }

    public static PreferredLanes operator &(PreferredLanes left, PreferredLanes right) => new(left.value & right.value);

    public static PreferredLanes operator |(PreferredLanes left, PreferredLanes right) => new(left.value | right.value);

    public static PreferredLanes operator +(PreferredLanes left, PreferredLanes right) => new(left.value + right.value);

    public static PreferredLanes operator <<(PreferredLanes value, int count) => new(Vector.ShiftLeft(value.value, count));

    public static PreferredLanes operator >>>(PreferredLanes value, int count) => new(Vector.ShiftRightLogical(value.value, count));

    public static PreferredLanes operator >>(PreferredLanes value, int count) =>
        new(Vector.AsVectorUInt32(Vector.ShiftRightArithmetic(Vector.AsVectorInt32(value.value), count)));

    public static PreferredLanes Min(PreferredLanes left, PreferredLanes right) =>
        new(Vector.AsVectorUInt32(Vector.Min(Vector.AsVectorInt32(left.value), Vector.AsVectorInt32(right.value))));

    public static PreferredLanes Max(PreferredLanes left, PreferredLanes right) =>
        new(Vector.AsVectorUInt32(Vector.Max(Vector.AsVectorInt32(left.value), Vector.AsVectorInt32(right.value))));

    public static PreferredLanes ToSingle(PreferredLanes value) =>
        new(Vector.AsVectorUInt32(Vector.ConvertToSingle(Vector.AsVectorInt32(value.value))));

    public static PreferredLanes AddSingle(PreferredLanes left, PreferredLanes right) =>
        new(Vector.AsVectorUInt32(Vector.AsVectorSingle(left.value) + Vector.AsVectorSingle(right.value)));

    public static PreferredLanes SubtractSingle(PreferredLanes left, PreferredLanes right) =>
        new(Vector.AsVectorUInt32(Vector.AsVectorSingle(left.value) - Vector.AsVectorSingle(right.value)));

    public static PreferredLanes DivideSingle(PreferredLanes left, PreferredLanes right) =>
        new(Vector.AsVectorUInt32(Vector.AsVectorSingle(left.value) / Vector.AsVectorSingle(right.value)));

    public static PreferredLanes MultiplySingle(PreferredLanes left, PreferredLanes right) =>
        new(Vector.AsVectorUInt32(Vector.AsVectorSingle(left.value) * Vector.AsVectorSingle(right.value)));

    public static bool AnyHalfHasAll(PreferredLanes some, PreferredLanes others, PreferredLanes bits) =>
        Vector.EqualsAny(
            Vector.Max(Vector.AsVectorUInt16((some & bits).value), Vector.AsVectorUInt16((others & bits).value)),
            Vector.AsVectorUInt16(bits.value));

    public void Store(void* to) => value.Store((uint*)to);

    public void Stream(void* to) => value.StoreAlignedNonTemporal((uint*)to);
}

/// <summary>Of 512 bits, where the machine has them.</summary>
internal readonly unsafe struct WideLanes(Vector512<uint> value) : ILanes<WideLanes>
{
    private readonly Vector512<uint> value = value;

    public static int Bytes => Vector512<byte>.Count;

    public static WideLanes All(uint bits) => new(Vector512.Create(bits));

    public static WideLanes Load(void* from) => new(Vector512.Load((uint*)from));

    public static void WidenBytes(byte* from, out WideLanes first, out WideLanes second, out WideLanes third, out WideLanes fourth)
    {
        var (lower, upper) = Vector512.Widen(Vector512.Load(from));
        var ((a, b), (c, d)) = (Vector512.Widen(lower), Vector512.Widen(upper));
        (first, second, third, fourth) = (new(a), new(b), new(c), new(d));
    }

    public static WideLanes operator &(WideLanes left, WideLanes right) => new(left.value & right.value);

    public static WideLanes operator |(WideLanes left, WideLanes right) => new(left.value | right.value);

    public static WideLanes operator +(WideLanes left, WideLanes right) => new(left.value + right.value);

    public static WideLanes operator <<(WideLanes value, int count) => new(value.value << count);

    public static WideLanes operator >>>(WideLanes value, int count) => new(value.value >>> count);

    public static WideLanes operator >>(WideLanes value, int count) => new((value.value.AsInt32() >> count).AsUInt32());

    public static WideLanes Min(WideLanes left, WideLanes right) =>
        new(Vector512.Min(left.value.AsInt32(), right.value.AsInt32()).AsUInt32());

    public static WideLanes Max(WideLanes left, WideLanes right) =>
        new(Vector512.Max(left.value.AsInt32(), right.value.AsInt32()).AsUInt32());

    public static WideLanes ToSingle(WideLanes value) => new(Vector512.ConvertToSingle(value.value.AsInt32()).AsUInt32());

    public static WideLanes AddSingle(WideLanes left, WideLanes right) => new((left.value.AsSingle() + right.value.AsSingle()).AsUInt32());

    public static WideLanes SubtractSingle(WideLanes left, WideLanes right) =>
        new((left.value.AsSingle() - right.value.AsSingle()).AsUInt32());

    public static WideLanes DivideSingle(WideLanes left, WideLanes right) =>
        new((left.value.AsSingle() / right.value.AsSingle()).AsUInt32());

    public static WideLanes MultiplySingle(WideLanes left, WideLanes right) =>
        new((left.value.AsSingle() * right.value.AsSingle()).AsUInt32());

    public static bool AnyHalfHasAll(WideLanes some, WideLanes others, WideLanes bits) =>
        Vector512.EqualsAny(Vector512.Max((some & bits).value.AsUInt16(), (others & bits).value.AsUInt16()), bits.value.AsUInt16());

    public void Store(void* to) => value.Store((uint*)to);

    public void Stream(void* to) => value.StoreAlignedNonTemporal((uint*)to);
}
