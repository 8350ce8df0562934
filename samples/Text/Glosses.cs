using System.IO.Compression;
using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace Mixup.Samples.Text;

/// <summary>Dictionary definitions as token ids, and their lexical categories.</summary>
internal sealed partial class Glosses
{
    public const int Count = 10_000;
    public const int TestSize = 2_000;

    /// <summary>The number of tokens of a definition. Longer definitions are cut.</summary>
    public const int Length = 20;

    /// <summary>The size of the vocabulary: padding, unknown, and the most frequent words of the training part.</summary>
    public const int Words = 6_000;

    private const long Padding = 0;
    private const long Unknown = 1;

    private Glosses(Tensor ids, Tensor classes, int trainSize)
    {
        TrainIds = ids.narrow(0, TestSize, trainSize);
        TrainClasses = classes.narrow(0, TestSize, trainSize);
        TestIds = ids.narrow(0, 0, TestSize);
        TestClasses = classes.narrow(0, 0, TestSize);
    }

    public Tensor TrainIds { get; }

    public Tensor TrainClasses { get; }

    public Tensor TestIds { get; }

    public Tensor TestClasses { get; }

    /// <summary>Loads the definitions and splits them by the seed. The vocabulary is that of the training part.</summary>
    public static Glosses Load(int seed, int trainSize, Device device)
    {
        using var reader = new StreamReader(
            new GZipStream(
                File.OpenRead(Path.Combine(AppContext.BaseDirectory, "data", "wordnet-glosses.tsv.gz")), CompressionMode.Decompress));
        var rows = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('\t', 2)).Select(parts =>
                (
                    Class: parts[0],
                    Tokens: Word().Matches(parts[1].ToLowerInvariant()).Select(match => match.Value).Take(Length).ToArray())).ToArray();
        var classes = rows.Select(row => row.Class).Distinct().Order(StringComparer.Ordinal).Select((name, index) => (name, index))
            .ToDictionary(pair => pair.name, pair => (long)pair.index);
        new Random(seed).Shuffle(rows);
        var vocabulary = rows.Skip(TestSize).Take(trainSize).SelectMany(row => row.Tokens).CountBy(word => word)
            .OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).Take(Words - 2)
                .Select((pair, index) => (pair.Key, Id: index + 2L)).ToDictionary(pair => pair.Key, pair => pair.Id);
        var ids = rows.SelectMany(row =>
            row.Tokens.Select(word => vocabulary.GetValueOrDefault(word, Unknown)).Concat(
                Enumerable.Repeat(Padding, Length - row.Tokens.Length))).ToArray();
        return new Glosses(
            tensor(ids).view(rows.Length, Length).to(device),
            tensor(rows.Select(row => classes[row.Class]).ToArray()).to(device),
            trainSize);
    }

    /// <summary>Marks padding by true, as the transformers of torch expect.</summary>
    public static Tensor IsPadding(Tensor ids) => ids.eq(Padding);

    [GeneratedRegex(@"[\p{L}\p{Nd}']+")]
    private static partial Regex Word();
}
