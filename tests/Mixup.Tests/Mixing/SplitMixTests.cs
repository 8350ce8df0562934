namespace TorchSharp.Mixup.Tests;

/// <summary>Whatever is drawn from the generator of a batch depends on the seed and the batch alone.</summary>
public sealed class SplitMixTests
{
    public static TheoryData<string> Members =>
    [
        "Next()", "Next(n)", "Next(m, n)", "NextInt64()", "NextInt64(n)", "NextInt64(m, n)", "NextDouble()", "NextSingle()",
        "NextBytes(array)", "NextBytes(span)", "Shuffle", "GetItems",
    ];

    [Theory]
    [MemberData(nameof(Members))]
    public void EveryMemberIsReproducibleAndDependsOnSeedAndBatch(string member)
    {
        var first = Draw(member, new SplitMix(5, 7));
        Assert.Equal(first, Draw(member, new SplitMix(5, 7)));
        Assert.NotEqual(first, Draw(member, new SplitMix(6, 7)));
        Assert.NotEqual(first, Draw(member, new SplitMix(5, 8)));
    }

    [Fact]
    public void BytesAreThoseOfTheStream()
    {
        // The 64-bit words of SplitMix64, by the least byte first; a part of a word takes a whole one.
        var (array, span) = (new byte[11], new byte[11]);
        new SplitMix(1, 2).NextBytes(array);
        new SplitMix(1, 2).NextBytes(span.AsSpan());
        Assert.Equal(array, span);
        var longer = new byte[16];
        new SplitMix(1, 2).NextBytes(longer);
        Assert.Equal(array, longer[..11]);
        Assert.Equal(BitConverter.ToUInt64(longer) >> 11, new SplitMix(1, 2).NextDouble() * (1UL << 53));
        new SplitMix(1, 2).NextBytes([]);
        Assert.Throws<ArgumentNullException>(() => new SplitMix(1, 2).NextBytes(null!));
    }

    [Fact]
    public void RangesHoldAndAreFilled()
    {
        var random = new SplitMix(3, 4);
        HashSet<long> seen = [];
        for (var i = 0; i < 2_000; i++)
        {
            seen.Add(random.Next(-3, 4));
            seen.Add(10 + random.NextInt64(-3, 4));
            Assert.InRange(random.NextSingle(), 0, 0.99999994f);
            Assert.InRange(random.Next(int.MinValue, int.MaxValue), int.MinValue, int.MaxValue - 1);
            Assert.Equal(5, random.Next(5, 5));
        }

        Assert.Equal([.. Enumerable.Range(-3, 7).Select(n => (long)n), .. Enumerable.Range(7, 7).Select(n => (long)n)], seen.Order());
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Next(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt64(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Next(2, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt64(2, 1));
    }

    private static string Draw(string member, Random random)
    {
        byte[] Bytes(Action<byte[]> fill)
        {
            var bytes = new byte[21];
            fill(bytes);
            return bytes;
        }

        int[] Shuffled()
        {
            var numbers = Enumerable.Range(0, 20).ToArray();
            random.Shuffle(numbers);
            return numbers;
        }

        Array values = member switch
        {
            "Next()" => Enumerable.Range(0, 5).Select(_ => random.Next()).ToArray(),
            "Next(n)" => Enumerable.Range(0, 5).Select(_ => random.Next(1_000_000)).ToArray(),
            "Next(m, n)" => Enumerable.Range(0, 5).Select(_ => random.Next(-1_000_000, 1_000_000)).ToArray(),
            "NextInt64()" => Enumerable.Range(0, 5).Select(_ => random.NextInt64()).ToArray(),
            "NextInt64(n)" => Enumerable.Range(0, 5).Select(_ => random.NextInt64(1L << 40)).ToArray(),
            "NextInt64(m, n)" => Enumerable.Range(0, 5).Select(_ => random.NextInt64(-5, 1L << 40)).ToArray(),
            "NextDouble()" => Enumerable.Range(0, 5).Select(_ => random.NextDouble()).ToArray(),
            "NextSingle()" => Enumerable.Range(0, 5).Select(_ => random.NextSingle()).ToArray(),
            "NextBytes(array)" => Bytes(random.NextBytes),
            "NextBytes(span)" => Bytes(bytes => random.NextBytes(bytes.AsSpan())),
            "Shuffle" => Shuffled(),
            _ => random.GetItems(Enumerable.Range(0, 1_000).ToArray(), 8),
        };
        return string.Join(",", values.Cast<object>());
    }
}
