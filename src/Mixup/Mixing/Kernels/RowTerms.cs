using System.Runtime.CompilerServices;

namespace TorchSharp.Mixup;

/// <summary>
/// Combines a range of a row and of its partner with one weight each. Values of weight 0 are not read, since 0 times infinity is NaN.
/// </summary>
internal static class RowTerms<T, TRows>
    where T : unmanaged
    where TRows : IRows<T>
{
    private const int ChunkBytes = 16 * 1024;
    private static readonly T[] NegativeZeros = [.. Enumerable.Repeat(TRows.NegativeZero, ChunkBytes / Unsafe.SizeOf<T>())];

    /// <summary>Returns whether both weights differ from 0, so that both values are read.</summary>
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
            // Adding -0.0 changes no bit, so this computes the product.
            for (var from = 0; from < source.Length; from += NegativeZeros.Length)
            {
                var length = Math.Min(NegativeZeros.Length, source.Length - from);
                TRows.Combine(
                    source.Slice(from, length), NegativeZeros.AsSpan(0, length), weight, 1, result.Slice(from, length), stream: false);
            }
        }
        else if (source != result)
        {
            source.CopyTo(result);
        }
    }
}
