using System.Buffers.Binary;

namespace TorchSharp.Mixup;

/// <summary>
/// The SplitMix64 generator (Steele, Lea and Flood 2014), with one stream for every batch of a seed. The draw of a batch depends on the
/// seed, the rank and the batch number alone, so the state of a strategy is three numbers. Every member of <see cref="Random"/> draws from
/// the stream.
/// </summary>
internal sealed class SplitMix(ulong seed, long step) : Random
{
    private const ulong Golden = 0x9e3779b97f4a7c15;
    private const ulong RankGamma = 0xbb67ae8584caa73b; // the fraction of the square root of 3
    private ulong state = Scramble(seed + (Golden * ((ulong)step + 1)));

    /// <summary>
    /// Returns the seed of a rank. Rank 0 has the seed itself. The seed is scrambled before the rank is added, so that neighbouring seeds
    /// have no rank in common.
    /// </summary>
    public static ulong SeedOfRank(ulong seed, int rank) =>
        rank == 0 ? seed : Scramble(Scramble(seed + RankGamma) + (RankGamma * (ulong)rank));

    /// <summary>Returns an independent copy that continues the same stream.</summary>
    public SplitMix Copy() => (SplitMix)MemberwiseClone();

    /// <summary>Returns a new stream. The number of draws from it does not affect this one.</summary>
    public SplitMix Fork() => new(NextWord(), 0);

    public override double NextDouble() => Sample();

    public override float NextSingle() => (NextWord() >> 40) * (1.0f / (1 << 24));

    public override int Next() => Next(int.MaxValue);

    public override int Next(int maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxValue);
        return (int)Below((ulong)maxValue);
    }

    public override int Next(int minValue, int maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minValue, maxValue);
        return (int)(minValue + (long)Below((ulong)((long)maxValue - minValue)));
    }

    public override long NextInt64() => NextInt64(long.MaxValue);

    public override long NextInt64(long maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxValue);
        return (long)Below((ulong)maxValue);
    }

    public override long NextInt64(long minValue, long maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minValue, maxValue);
        return minValue + (long)Below((ulong)maxValue - (ulong)minValue);
    }

    public override void NextBytes(byte[] buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        NextBytes(buffer.AsSpan());
    }

    // In little-endian order on every machine.
    public override void NextBytes(Span<byte> buffer)
    {
        for (; buffer.Length >= sizeof(ulong); buffer = buffer[sizeof(ulong)..])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(buffer, NextWord());
        }

        if (buffer.Length > 0)
        {
            Span<byte> last = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(last, NextWord());
            last[..buffer.Length].CopyTo(buffer);
        }
    }

    protected override double Sample() => (NextWord() >> 11) * (1.0 / (1UL << 53));

    private static ulong Scramble(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    // Lemire 2019 without the rejection; the bias is below 2^-32 for any batch.
    private ulong Below(ulong bound) => Math.BigMul(NextWord(), bound, out _);

    private ulong NextWord() => Scramble(state += Golden);
}
