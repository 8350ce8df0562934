using System.IO.Compression;
using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>The 1,797 handwritten digits that ship with the samples, split into training and test.</summary>
public sealed class Digits
{
    /// <summary>The number of digits.</summary>
    public const int Count = 1_797;

    /// <summary>The most digits to train on. The other 597 are the test set.</summary>
    public const int MostTraining = Count - TestSize;

    private const int TestSize = 597;

    private Digits(Tensor trainImages, Tensor trainClasses, Tensor testImages, Tensor testClasses) =>
        (TrainImages, TrainClasses, TestImages, TestClasses) = (trainImages, trainClasses, testImages, testClasses);

    /// <summary>Gets the training images, [N, 1, 8, 8], from 0 to 1.</summary>
    public Tensor TrainImages { get; }

    /// <summary>Gets the training labels, [N], some of them wrong if that was asked for.</summary>
    public Tensor TrainClasses { get; }

    /// <summary>Gets the test images, [597, 1, 8, 8], from 0 to 1.</summary>
    public Tensor TestImages { get; }

    /// <summary>Gets the test labels, [597].</summary>
    public Tensor TestClasses { get; }

    /// <summary>Loads the digits. The split and the wrong labels depend on the seed alone.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="trainSize">The number of training digits.</param>
    /// <param name="noise">The fraction of training labels to replace at random. One in ten of these stays right by chance.</param>
    /// <param name="device">The device of the tensors.</param>
    public static Digits Load(int seed, int trainSize, double noise, Device device)
    {
        using var stream = new GZipStream(
            File.OpenRead(Path.Combine(AppContext.BaseDirectory, "data", "digits.csv.gz")), CompressionMode.Decompress);
        using var reader = new StreamReader(stream);
        var rows = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(
            line => Array.ConvertAll(line.Split(','), float.Parse)).ToArray();
        var random = new Random(seed);
        random.Shuffle(rows);

        // The size of the test set does not depend on that of the training set, and its labels are right.
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

    /// <summary>Replaces a fraction of the labels of ten classes at random. One in ten of these stays right by chance.</summary>
    /// <param name="classes">The labels, modified in place.</param>
    /// <param name="share">The fraction to replace, from 0 to 1.</param>
    /// <param name="random">The generator.</param>
    public static void Spoil(long[] classes, double share, Random random)
    {
        foreach (var i in Enumerable.Range(0, classes.Length).OrderBy(_ => random.Next()).Take((int)Math.Round(share * classes.Length)))
        {
            classes[i] = random.Next(10);
        }
    }

    private static Tensor Images(float[][] rows) => tensor(rows.SelectMany(row => row[..64]).ToArray()).view(rows.Length, 1, 8, 8).div(16);
}
