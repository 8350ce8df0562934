using System.Numerics;
using System.Runtime.Intrinsics;

namespace TorchSharp.Mixup;

/// <summary>
/// A vector of 32-bit lanes, which hold integers or float32. <see cref="Vector{T}"/> has 256 bits even on machines with 512, which would
/// halve their speed.
/// </summary>
internal unsafe interface ILanes<TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>Gets the size of a vector in bytes.</summary>
    static abstract int Bytes { get; }

    static abstract TSelf All(uint bits);

    static abstract TSelf Load(void* from);

    /// <summary>Loads as many bytes as a vector has, and widens them to integers in four vectors.</summary>
    static abstract void WidenBytes(byte* from, out TSelf first, out TSelf second, out TSelf third, out TSelf fourth);

    static abstract TSelf operator &(TSelf left, TSelf right);

    static abstract TSelf operator |(TSelf left, TSelf right);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator <<(TSelf value, int count);

    static abstract TSelf operator >>>(TSelf value, int count);

    /// <summary>Shifts right and keeps the sign.</summary>
    static abstract TSelf operator >>(TSelf value, int count);

    /// <summary>Returns the smaller lanes, as signed integers.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>Returns the larger lanes, as signed integers.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>Converts integers below 2^31 to float32.</summary>
    static abstract TSelf ToSingle(TSelf value);

    /// <summary>Adds lanes as float32.</summary>
    static abstract TSelf AddSingle(TSelf left, TSelf right);

    /// <summary>Subtracts lanes as float32.</summary>
    static abstract TSelf SubtractSingle(TSelf left, TSelf right);

    /// <summary>Multiplies lanes as float32.</summary>
    static abstract TSelf MultiplySingle(TSelf left, TSelf right);

    /// <summary>Divides lanes as float32.</summary>
    static abstract TSelf DivideSingle(TSelf left, TSelf right);

    /// <summary>
    /// Returns whether a 16-bit half of a lane in either vector has all bits of a mask set. The mask has the same 16 bits in both halves.
    /// </summary>
    static abstract bool AnyHalfHasAll(TSelf some, TSelf others, TSelf bits);

    void Store(void* to);

    /// <summary>Stores to aligned memory without filling the caches.</summary>
    void Stream(void* to);
}

/// <summary>A vector of the width that .NET prefers on the machine.</summary>
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

/// <summary>A vector of 512 bits, if the machine supports it.</summary>
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
