namespace TorchSharp.Mixup;

/// <summary>Copies rows of integers as bytes. Fields that blend are rejected earlier.</summary>
internal readonly struct CopiedRows : IRows<byte>, ICellRows<byte, float>
{
    public static byte NegativeZero => 0;

    public static void Combine(
        ReadOnlySpan<byte> sample, ReadOnlySpan<byte> partner, double own, double other, Span<byte> result, bool stream) =>
        throw Refused(own, other);

    public static void CombinePair(
        Span<byte> first, Span<byte> second, double own, double other, double ownOfSecond, double otherOfSecond) =>
        throw Refused(own, other);

    public static void CombineCells(
        ReadOnlySpan<byte> sample, ReadOnlySpan<byte> partner, ReadOnlySpan<float> own, ReadOnlySpan<float> other, Span<byte> result) =>
        throw Refused(own[0], other[0]);

    private static InvalidOperationException Refused(double own, double other) =>
        new($"A type that is only copied has the weights {own} and {other}; expected 0 and 1. Refuse such fields before they are applied.");
}
