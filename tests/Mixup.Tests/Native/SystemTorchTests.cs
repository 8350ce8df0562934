using Mixup.Native;

namespace TorchSharp.Mixup.Tests;

/// <summary>How programs without a native package find libtorch, and what they say if there is none that fits.</summary>
public sealed class SystemTorchTests : IDisposable
{
    private static readonly string File = OperatingSystem.IsWindows() ? "torch_cpu.dll"
        : OperatingSystem.IsMacOS() ? "libtorch_cpu.dylib" : "libtorch_cpu.so";

    private readonly string root = Directory.CreateTempSubdirectory().FullName;

    [Fact]
    public void TheRootOfLibtorchAndItsLibFolderAreFound()
    {
        var lib = Folder("libtorch", "lib");
        Assert.Equal(lib, Find(Path.Combine(root, "libtorch"), python: null));
        Assert.Equal(lib, Find(lib, python: null));
        Assert.Equal(lib, Find(lib, python: Folder("python")));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    public void PythonsTorchIsFoundWhereLibtorchIsNotSet(string? libtorch)
    {
        var lib = Folder("torch", "lib");
        Assert.Equal(lib, Find(libtorch, Path.Combine(root, "torch")));
        Assert.Contains("LIBTORCH is not set and Python has no torch", Error(() => Find(libtorch, python: null)), StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderWithoutLibtorchIsNamed()
    {
        var python = Folder("torch", "lib");
        Assert.Contains($"LIBTORCH is '{root}', but {File}", Error(() => Find(root, python)), StringComparison.Ordinal);
        Assert.Contains($"'{root}' has no lib/{File}", Error(() => Find(null, root)), StringComparison.Ordinal);
    }

    [Fact]
    public void OnlyTheVersionThatTorchSharpWasBuiltForIsTaken()
    {
        var wanted = SystemTorch.WantedVersion(typeof(torch).Assembly);
        Assert.StartsWith(wanted + ".", __version__, StringComparison.Ordinal);
        SystemTorch.CheckVersion("/torch", (2UL << 56) | (10UL << 48) | (3UL << 40), "2.10");
        string For(ulong? abi) => Error(() => SystemTorch.CheckVersion("/torch", abi, "2.10"));
        Assert.Contains("is 2.9, but TorchSharp needs 2.10", For((2UL << 56) | (9UL << 48)), StringComparison.Ordinal);
        Assert.Contains("is 3.10, but", For((3UL << 56) | (10UL << 48)), StringComparison.Ordinal);
        Assert.Contains("is older than 2.9, but", For(null), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private static string Find(string? libtorch, string? python) => SystemTorch.FindFolder(libtorch, () => python, "2.10");

    private static string Error(Action action) => Assert.Throws<DllNotFoundException>(action).Message;

    private static string Error(Func<string> function) => Assert.Throws<DllNotFoundException>(function).Message;

    private string Folder(params string[] names)
    {
        var folder = Directory.CreateDirectory(Path.Combine([root, .. names])).FullName;
        System.IO.File.WriteAllText(Path.Combine(folder, File), string.Empty);
        return folder;
    }
}
