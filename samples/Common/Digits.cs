using System.IO.Compression;
using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>The 1,797 hand-written digits that ship with the samples.</summary>
public sealed class Digits
{
    /// <summary>How many there are.</summary>
    public const int Count = 1_797;

    /// <summary>What is left for training when <see cref="TestSize"/> are kept for the test.</summary>
    public const int MostTraining = Count - TestSize;

    private const int TestSize = 597;

    private Digits(Tensor trainImages, Tensor trainClasses, Tensor testImages, Tensor testClasses) =>
        (TrainImages, TrainClasses, TestImages, TestClasses) = (trainImages, trainClasses, testImages, testClasses);

    /// <summary>[N, 1, 8, 8], from 0 to 1.</summary>
    public Tensor TrainImages { get; }

    /// <summary>[N], some of them wrong if that was asked for.</summary>
    public Tensor TrainClasses { get; }

    public Tensor TestImages { get; }

    public Tensor TestClasses { get; }

    /// <summary>A split of the digits, and wrong labels, that depend on the seed alone.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="trainSize">How many to train on.</param>
    /// <param name="noise">The share of training labels that are replaced at random; one in ten of these stays right by chance.</param>
    /// <param name="device">Where the tensors live.</param>
    public static Digits Load(int seed, int trainSize, double noise, Device device)
    {
        using var stream = new GZipStream(
            File.OpenRead(Path.Combine(AppContext.BaseDirectory, "data", "digits.csv.gz")), CompressionMode.Decompress);
        using var reader = new StreamReader(stream);
        var rows = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(
            line => Array.ConvertAll(line.Split(','), float.Parse)).ToArray();
        var random = new Random(seed);
        random.Shuffle(rows);

        // The test set is the same size whatever the training size, and labels in it are right.
        var (test, train) = (rows[..TestSize], rows[TestSize..(TestSize + trainSize)]);
        long[] classes = [.. train.Select(row => (long)row[64])];
        Spoil(classes, noise, random);
        using var scope = NewDisposeScope();
        return new Digits(
            Images(train).to(device).MoveToOuterDisposeScope(),
            tensor(classes).to(device).MoveToOuterDisposeScope(),
            Images(test).to(device).MoveToOuterDisposeScope(),
            tensor(test.Select(row => (long)row[64]).ToArray()).to(device).MoveToOuterDisposeScope());
    }

    /// <summary>Replaces a share of the labels of ten classes at random; one in ten of these stays right by chance.</summary>
    public static void Spoil(long[] classes, double share, Random random)
    {
        foreach (var i in Enumerable.Range(0, classes.Length).OrderBy(_ => random.Next()).Take((int)Math.Round(share * classes.Length)))
        {
            classes[i] = random.Next(10);
        }
    }

    private static Tensor Images(float[][] rows) => tensor(rows.SelectMany(row => row[..64]).ToArray()).view(rows.Length, 1, 8, 8).div(16);
}
