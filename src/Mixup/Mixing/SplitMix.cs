namespace TorchSharp.Mixup;

/// <summary>
/// SplitMix64 (Steele, Lea and Flood 2014), one stream for every batch of a seed: the draw of a batch depends on the seed and the
/// batch's number alone, so that the whole state of a strategy is two numbers.
/// </summary>
internal sealed class SplitMix(ulong seed, long step) : Random
{
    private const ulong Golden = 0x9e3779b97f4a7c15;
    private ulong state = Scramble(seed + (Golden * ((ulong)step + 1)));

    public override double NextDouble() => Sample();

    // Lemire 2019 without the rejection: the bias is under 2^-32 for any batch.
    public override int Next(int maxValue) => (int)Math.BigMul(NextWord(), (ulong)maxValue, out _);

    public override int Next(int minValue, int maxValue) => minValue + Next(maxValue - minValue);

    public override int Next() => Next(int.MaxValue);

    protected override double Sample() => (NextWord() >> 11) * (1.0 / (1UL << 53));

    private static ulong Scramble(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    private ulong NextWord() => Scramble(state += Golden);
}
