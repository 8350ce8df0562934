using System.IO.Compression;

namespace Mixup.Samples.Tests;

public sealed class IdxFileTests : IDisposable
{
    private static readonly byte[] Images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255];
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    [Theory]
    [InlineData("images")]
    [InlineData("images.gz")]
    public void AGoodFileIsRead(string name)
    {
        var read = IdxFile.Read(Write(name, Images), 2, 1, 3);
        Assert.Equal([2, 1, 3], read.Shape);
        Assert.Equal([10, 20, 30, 40, 50, 255], read.Values);
    }

    [Fact]
    public void ADamagedShortOrSwappedFileIsRefusedByName()
    {
        Refused("short-header", Images[..10], "it has 10 bytes, fewer than the 16 of its header");
        Refused("short", Images[..20], "it has 4 values, but its header tells of 6");
        Refused("long", [.. Images, 1], "it has 7 values, but its header tells of 6");
        Refused(
            "labels",
            [0, 0, 8, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8],
            "begins with 00000801, but idx files of 3 dimensions of bytes with 00000803");
        Refused("floats", [0, 0, 0x0d, 3, .. Images[4..]], "begins with 00000D03");
        Refused("test-instead-of-train", [.. Images[..7], 1, .. Images[8..]], "it holds [1, 1, 3] values, but [2, 1, 3] are expected");
    }

    [Fact]
    public void AFileThatIsNotAWholeGzipFileIsRefusedByName()
    {
        var whole = File.ReadAllBytes(Write("whole.gz", [.. Images[..16], .. Enumerable.Range(0, 6).Select(i => (byte)i)]));
        foreach (var (name, bytes) in new[] { ("text.gz", "<html>not found</html>"u8.ToArray()), ("cut.gz", whole[..^9]) })
        {
            var path = Path.Combine(folder, name);
            File.WriteAllBytes(path, bytes);
            Assert.StartsWith(
                path, Assert.Throws<InvalidDataException>(() => IdxFile.Read(path, 2, 1, 3)).Message, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void WhereThereIsNoFashionMnistTheErrorSaysHowToGetIt()
    {
        var message = Assert.Throws<FileNotFoundException>(() => FashionMnist.Find(folder)).Message;
        Assert.All(
            (string[])[folder, "dataset-fashion-mnist", "train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "26,421,880",
            "--digits"],
            part => Assert.Contains(part, message, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void FashionMnistIsReadFromItsFourFiles()
    {
        using var scope = NewDisposeScope();
        static byte[] Idx(params int[] shape) =>
            [0, 0, 8, (byte)shape.Length, .. shape.SelectMany(n => BitConverter.GetBytes(n).Reverse())];
        Write("train-images-idx3-ubyte.gz", [.. Idx(60_000, 28, 28), .. new byte[60_000 * 784]]);
        Write("train-labels-idx1-ubyte.gz", [.. Idx(60_000), .. Enumerable.Range(0, 60_000).Select(i => (byte)(i % 10))]);
        Write("t10k-images-idx3-ubyte", [.. Idx(10_000, 28, 28), .. Enumerable.Repeat(byte.MaxValue, 10_000 * 784)]);
        Write("t10k-labels-idx1-ubyte", [.. Idx(10_000), .. new byte[10_000]]);
        var data = FashionMnist.Load(FashionMnist.Find(folder), CPU);
        Assert.Equal(
            (60_000, 9L, 1f), (data.TrainSize, data.TrainClasses[59_999].item<long>(), data.TestImages[9_999, 0, 27, 27].item<float>()));

        Write("t10k-labels-idx1-ubyte", [.. Idx(10_000), .. Enumerable.Repeat((byte)10, 10_000)]);
        Assert.Contains(
            "label 0 is 10",
            Assert.Throws<InvalidDataException>(() => FashionMnist.Load(folder, CPU)).Message,
            StringComparison.OrdinalIgnoreCase);
        File.Copy(Path.Combine(folder, "t10k-images-idx3-ubyte"), Path.Combine(folder, "train-images-idx3-ubyte"));
        File.Delete(Path.Combine(folder, "train-images-idx3-ubyte.gz"));
        Assert.Contains(
            "train-images-idx3-ubyte: it holds [10000, 28, 28]",
            Assert.Throws<InvalidDataException>(() => FashionMnist.Load(folder, CPU)).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private void Refused(string name, byte[] bytes, string what)
    {
        foreach (var file in new[] { name, name + ".gz" })
        {
            var message = Assert.Throws<InvalidDataException>(() => IdxFile.Read(Write(file, bytes), 2, 1, 3)).Message;
            Assert.Contains(Path.Combine(folder, file), message, StringComparison.OrdinalIgnoreCase);
            Assert.Contains(what, message, StringComparison.OrdinalIgnoreCase);
        }
    }

    private string Write(string name, byte[] bytes)
    {
        var path = Path.Combine(folder, name);
        using var file = File.Create(path);
        using Stream stream = name.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.Fastest) : file;
        stream.Write(bytes);
        return path;
    }
}
