using System.Numerics;
using System.Runtime.CompilerServices;

namespace TorchSharp.Mixup;

/// <summary>
/// The arithmetic of rows of one type. Implementations are optimised immediately, since the first batches would otherwise take several
/// times as long.
/// </summary>
internal interface IRows<T>
    where T : unmanaged
{
    /// <summary>Gets the number that changes no bit when it is added.</summary>
    static abstract T NegativeZero { get; }

    /// <summary>
    /// Computes <c>result = own * sample + other * partner</c>. The result may be the sample itself. If <paramref name="stream"/>, it is
    /// written without filling the caches where possible.
    /// </summary>
    static abstract void Combine(ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, double own, double other, Span<T> result, bool stream);

    /// <summary>Combines two rows that are each other's partners, in place.</summary>
    static abstract void CombinePair(Span<T> first, Span<T> second, double own, double other, double ownOfSecond, double otherOfSecond);
}

/// <summary>
/// The arithmetic of cells of one type, each with its own weights. A value of weight 0 is not read; if the other weight is then 1, its bits
/// are copied.
/// </summary>
/// <typeparam name="T">The type of an element.</typeparam>
/// <typeparam name="TWeight">The type in which elements are weighted.</typeparam>
internal interface ICellRows<T, TWeight>
    where T : unmanaged
    where TWeight : unmanaged
{
    /// <summary>Computes <c>result = own * sample + other * partner</c> for each element. The result may be the sample itself.</summary>
    static abstract void CombineCells(
        ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, ReadOnlySpan<TWeight> own, ReadOnlySpan<TWeight> other, Span<T> result);
}

/// <summary>The arithmetic of float32 and float64, in vectors of the machine's width.</summary>
internal readonly unsafe struct VectorRows<T> : IRows<T>, ICellRows<T, T>
    where T : unmanaged, INumber<T>
{
    public static T NegativeZero => T.CreateTruncating(-0.0);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Combine(ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, double own, double other, Span<T> result, bool stream)
    {
        var (w, v) = (T.CreateTruncating(own), T.CreateTruncating(other));
        var (ws, vs) = (new Vector<T>(w), new Vector<T>(v));
        int i = 0, n = sample.Length, width = Vector<T>.Count;
        fixed (T* a = sample, b = partner, y = result)
        {
            if (stream && (nuint)y % (nuint)Vector<byte>.Count == 0)
            {
                for (; i + (2 * width) <= n; i += 2 * width)
                {
                    var y0 = (Vector.Load(a + i) * ws) + (Vector.Load(b + i) * vs);
                    var y1 = (Vector.Load(a + i + width) * ws) + (Vector.Load(b + i + width) * vs);
                    y0.StoreAlignedNonTemporal(y + i);
                    y1.StoreAlignedNonTemporal(y + i + width);
                }
            }

            for (; i + (4 * width) <= n; i += 4 * width)
            {
                var y0 = (Vector.Load(a + i) * ws) + (Vector.Load(b + i) * vs);
                var y1 = (Vector.Load(a + i + width) * ws) + (Vector.Load(b + i + width) * vs);
                var y2 = (Vector.Load(a + i + (2 * width)) * ws) + (Vector.Load(b + i + (2 * width)) * vs);
                var y3 = (Vector.Load(a + i + (3 * width)) * ws) + (Vector.Load(b + i + (3 * width)) * vs);
                y0.Store(y + i);
                y1.Store(y + i + width);
                y2.Store(y + i + (2 * width));
                y3.Store(y + i + (3 * width));
            }

            for (; i < n; i++)
            {
                y[i] = (a[i] * w) + (b[i] * v);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CombineCells(
        ReadOnlySpan<T> sample, ReadOnlySpan<T> partner, ReadOnlySpan<T> own, ReadOnlySpan<T> other, Span<T> result)
    {
        int i = 0, n = sample.Length, width = Vector<T>.Count;
        fixed (T* a = sample, b = partner, w = own, v = other, y = result)
        {
            for (; i + width <= n; i += width)
            {
                var (x, p, ws, vs) = (Vector.Load(a + i), Vector.Load(b + i), Vector.Load(w + i), Vector.Load(v + i));
                var (noOwn, noOther) = (Vector.Equals(ws, Vector<T>.Zero), Vector.Equals(vs, Vector<T>.Zero));

                // A weight of 1 is handled separately, since a product may change the bits of NaN.
                var ofOwn = Vector.ConditionalSelect(Vector.Equals(ws, Vector<T>.One), x, x * ws);
                var ofOther = Vector.ConditionalSelect(Vector.Equals(vs, Vector<T>.One), p, p * vs);
                var sum = Vector.ConditionalSelect(noOther, ofOwn, Vector.ConditionalSelect(noOwn, ofOther, ofOwn + ofOther));
                Vector.AndNot(sum, noOwn & noOther).Store(y + i);
            }

            for (; i < n; i++)
            {
                y[i] = v[i] == T.Zero ? Product(a[i], w[i]) : w[i] == T.Zero ? Product(b[i], v[i]) : (a[i] * w[i]) + (b[i] * v[i]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CombinePair(Span<T> first, Span<T> second, double own, double other, double ownOfSecond, double otherOfSecond)
    {
        var (w1, v1) = (T.CreateTruncating(own), T.CreateTruncating(other));
        var (w2, v2) = (T.CreateTruncating(ownOfSecond), T.CreateTruncating(otherOfSecond));
        var (ws1, vs1, ws2, vs2) = (new Vector<T>(w1), new Vector<T>(v1), new Vector<T>(w2), new Vector<T>(v2));
        int i = 0, n = first.Length, width = Vector<T>.Count;
        fixed (T* a = first, b = second)
        {
            for (; i + (2 * width) <= n; i += 2 * width)
            {
                var (a0, b0) = (Vector.Load(a + i), Vector.Load(b + i));
                var (a1, b1) = (Vector.Load(a + i + width), Vector.Load(b + i + width));
                ((a0 * ws1) + (b0 * vs1)).Store(a + i);
                ((b0 * ws2) + (a0 * vs2)).Store(b + i);
                ((a1 * ws1) + (b1 * vs1)).Store(a + i + width);
                ((b1 * ws2) + (a1 * vs2)).Store(b + i + width);
            }

            for (; i < n; i++)
            {
                (a[i], b[i]) = ((a[i] * w1) + (b[i] * v1), (b[i] * w2) + (a[i] * v2));
            }
        }
    }

    private static T Product(T value, T weight) => weight == T.Zero ? T.Zero : weight == T.One ? value : value * weight;
}
