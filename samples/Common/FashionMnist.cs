using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 70,000 grey images of clothes, 28x28, in ten classes.</summary>
public static class FashionMnist
{
    private static readonly (string Name, int[] Shape, long Bytes)[] Files =
    [
        ("train-images-idx3-ubyte", [TrainSize, ImageData.Side, ImageData.Side], 26_421_880),
        ("train-labels-idx1-ubyte", [TrainSize], 29_515),
        ("t10k-images-idx3-ubyte", [TestSize, ImageData.Side, ImageData.Side], 4_422_102),
        ("t10k-labels-idx1-ubyte", [TestSize], 5_148),
    ];

    /// <summary>The name of the data set.</summary>
    public const string Name = "Fashion-MNIST";

    /// <summary>The number of training images.</summary>
    public const int TrainSize = 60_000;

    /// <summary>The number of test images.</summary>
    public const int TestSize = 10_000;

    /// <summary>The folder into which Debian's package dataset-fashion-mnist installs the files.</summary>
    public const string SystemFolder = "/usr/share/datasets/fashion-mnist";

    /// <summary>Gets the folder that is searched next.</summary>
    public static string CacheFolder =>
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "fashion-mnist");

    /// <summary>Finds the folder that has the files.</summary>
    /// <param name="folder">The folder; null to search the usual ones.</param>
    /// <exception cref="FileNotFoundException">The files are missing. The message says how to get them.</exception>
    public static string Find(string? folder) =>
        FindOrNull(folder) ?? throw new FileNotFoundException(
            $"Fashion-MNIST is not in {string.Join(" nor in ", Places(folder))}. Install Debian's package dataset-fashion-mnist; " +
            $"or download {string.Join(", ", Files.Select(file => $"{file.Name}.gz (about {file.Bytes:N0} bytes)"))} " +
            $"from github.com/zalandoresearch/fashion-mnist into {CacheFolder}, or into a folder that --data names; " +
            "or run with --digits, which needs no download.");

    /// <summary>Finds the folder that has the files; null if they are missing.</summary>
    /// <param name="folder">The folder. Default null: the usual ones are searched.</param>
    public static string? FindOrNull(string? folder = null) =>
        Places(folder).FirstOrDefault(place => Files.All(file => PathOf(place, file.Name) is not null));

    /// <summary>Reads all four files.</summary>
    /// <param name="folder">The folder of the files.</param>
    /// <param name="device">The device of the tensors.</param>
    /// <exception cref="InvalidDataException">A file is damaged, short, or swapped with another.</exception>
    public static ImageData Load(string folder, Device device)
    {
        using var scope = NewDisposeScope();
        Tensor[] tensors = [.. Files.Select(file => Read(PathOf(folder, file.Name)!, file.Shape).to(device).MoveToOuterDisposeScope())];
        return new ImageData(Name, tensors[0], tensors[1], tensors[2], tensors[3]);
    }

    private static string[] Places(string? folder) => folder is null ? [SystemFolder, CacheFolder] : [folder];

    private static Tensor Read(string path, int[] shape)
    {
        var values = IdxFile.Read(path, shape).Values;
        if (shape.Length == 3)
        {
            return tensor(values, ScalarType.Byte).view(shape[0], 1, shape[1], shape[2]).to(ScalarType.Float32).div(byte.MaxValue);
        }

        var bad = Array.FindIndex(values, value => value > 9);
        return bad < 0 ? tensor(values, ScalarType.Byte).to(ScalarType.Int64) : throw new InvalidDataException($"{path}: label {bad} is " +
            $"{values[bad]}, but there are ten classes, 0 to 9. Download the file again.");
    }

    private static string? PathOf(string folder, string name) =>
        new[] { Path.Combine(folder, name + ".gz"), Path.Combine(folder, name) }.FirstOrDefault(File.Exists);
}
