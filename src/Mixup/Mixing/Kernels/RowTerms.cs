using System.Runtime.CompilerServices;

namespace TorchSharp.Mixup;

/// <summary>
/// One weight for a stretch of a row, and one for a stretch of its partner. A weight of 0 means that the values beside it are not read,
/// since 0 times infinity is not a number.
/// </summary>
internal static class RowTerms<T, TRows>
    where T : unmanaged
    where TRows : IRows<T>
{
    private const int ChunkBytes = 16 * 1024;
    private static readonly T[] Nothing = [.. Enumerable.Repeat(TRows.NegativeZero, ChunkBytes / Unsafe.SizeOf<T>())];

    /// <summary>Whether both are read.</summary>
    public static bool Mixes((double Own, double Other) weights) => weights.Own != 0 && weights.Other != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Combine(
        ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, (double Own, double Other) weights, Span<T> result, bool stream)
    {
        if (Mixes(weights))
        {
            TRows.Combine(sample, partner, weights.Own, weights.Other, result, stream);
        }
        else
        {
            TakeOne(sample, partner, weights, result);
        }
    }

    private static void TakeOne(ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, (double Own, double Other) weights, Span<T> result)
    {
        var source = weights.Other == 0 ? sample : partner;
        var weight = weights.Other == 0 ? weights.Own : weights.Other;
        if (weight == 0)
        {
            result.Clear();
        }
        else if (weight != 1)
        {
            // Adding -0.0 changes no bit, so this is the product.
            for (var from = 0; from < source.Length; from += Nothing.Length)
            {
                var length = Math.Min(Nothing.Length, source.Length - from);
                TRows.Combine(source.Slice(from, length), Nothing.AsSpan(0, length), weight, 1, result.Slice(from, length), stream: false);
            }
        }
        else if (source != result)
        {
            source.CopyTo(result);
        }
    }
}
