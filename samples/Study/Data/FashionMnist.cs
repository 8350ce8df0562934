using static TorchSharp.torch;

namespace Mixup.Samples.Study;

/// <summary>Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 70,000 grey images of clothes, 28x28, in ten classes.</summary>
public static class FashionMnist
{
    private static readonly (string Name, int[] Shape, long Bytes)[] Files =
    [
        ("train-images-idx3-ubyte", [60_000, StudyData.Side, StudyData.Side], 26_421_880),
        ("train-labels-idx1-ubyte", [60_000], 29_515),
        ("t10k-images-idx3-ubyte", [10_000, StudyData.Side, StudyData.Side], 4_422_102),
        ("t10k-labels-idx1-ubyte", [10_000], 5_148),
    ];

    /// <summary>Where Debian's package dataset-fashion-mnist puts the files.</summary>
    public const string SystemFolder = "/usr/share/datasets/fashion-mnist";

    /// <summary>Where else they are looked for.</summary>
    public static string CacheFolder =>
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "fashion-mnist");

    /// <summary>The folder that holds the files: the one given, or else the first of the usual ones.</summary>
    /// <param name="folder">Where they are; null to look in the usual places.</param>
    /// <exception cref="FileNotFoundException">They are not there; the message says how to get them.</exception>
    public static string Find(string? folder)
    {
        string[] places = folder is null ? [SystemFolder, CacheFolder] : [folder];
        return places.FirstOrDefault(place => Files.All(file => PathOf(place, file.Name) is not null)) ?? throw new FileNotFoundException(
            $"Fashion-MNIST is not in {string.Join(" nor in ", places)}. Install Debian's package dataset-fashion-mnist; " +
            $"or download {string.Join(", ", Files.Select(file => $"{file.Name}.gz (about {file.Bytes:N0} bytes)"))} " +
            $"from github.com/zalandoresearch/fashion-mnist into {CacheFolder}, or into a folder that --data names; " +
            "or run with --digits, which needs nothing.");
    }

    /// <summary>Reads all four files.</summary>
    /// <param name="folder">Where they are.</param>
    /// <param name="device">Where the tensors live.</param>
    /// <exception cref="InvalidDataException">A file is damaged, short, or swapped with another.</exception>
    public static StudyData Load(string folder, Device device)
    {
        using var scope = NewDisposeScope();
        Tensor[] tensors = [.. Files.Select(file => Read(PathOf(folder, file.Name)!, file.Shape).to(device).MoveToOuterDisposeScope())];
        return new StudyData("Fashion-MNIST", tensors[0], tensors[1], tensors[2], tensors[3]);
    }

    private static Tensor Read(string path, int[] shape)
    {
        var values = IdxFile.Read(path, shape).Values;
        if (shape.Length == 3)
        {
            return tensor(values, ScalarType.Byte).view(shape[0], 1, shape[1], shape[2]).to(ScalarType.Float32).div(byte.MaxValue);
        }

        var bad = Array.FindIndex(values, value => value > 9);
        return bad < 0 ? tensor(values, ScalarType.Byte).to(ScalarType.Int64) : throw new InvalidDataException($"{path}: label {bad} is " +
            $"{values[bad]}, but there are ten classes, 0 to 9. Get it anew.");
    }

    private static string? PathOf(string folder, string name) =>
        new[] { Path.Combine(folder, name + ".gz"), Path.Combine(folder, name) }.FirstOrDefault(File.Exists);
}
