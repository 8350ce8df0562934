using System.Text;

namespace TorchSharp.Mixup.Tests;

/// <summary>The build step for systems whose libstdc++ is older than the one that TorchSharp was built with.</summary>
public sealed class OlderLinuxTests
{
    private static readonly byte[] OldSystem = Encoding.ASCII.GetBytes("\0GLIBCXX_3.4\0GLIBCXX_3.4.30\0");

    [Fact]
    public void ThePackagedFileIsEditedOnceAndInThreePlaces()
    {
        if (Packaged() is not { } packaged)
        {
            Assert.Skip("there is no Linux package on this system");
            return;
        }

        var original = File.ReadAllBytes(packaged);
        var image = (byte[])original.Clone();
        Assert.True(OlderLinux.Patch(image, OldSystem));
        Assert.False(OlderLinux.Patch(image, OldSystem), "a second time there is nothing to do");
        Assert.InRange(original.Zip(image, (a, b) => a != b).Count(changed => changed), 8, 64);
        Assert.False(OlderLinux.Defines(image, "_ZSt21ios_base_library_initv"));
        Assert.True(OlderLinux.Defines(image, "_ZNSt6locale7classicEv"));
    }

    [Fact]
    public void ASystemWithNoneOfTheVersionsIsRefused()
    {
        if (Packaged() is not { } packaged)
        {
            Assert.Skip("there is no Linux package on this system");
            return;
        }

        var image = File.ReadAllBytes(packaged);
        var before = (byte[])image.Clone();
        Assert.Throws<InvalidDataException>(() => OlderLinux.Patch(image, "\0GLIBCXX_3.4\0"u8.ToArray()));
        Assert.Equal(before, image);
    }

    [Fact]
    public void SomethingElseIsRefused()
    {
        Assert.Throws<InvalidDataException>(() => OlderLinux.Patch("not a library"u8.ToArray(), OldSystem));
        var header = new byte[64];
        new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1 }.CopyTo(header, 0);
        BitConverter.GetBytes(long.MaxValue).CopyTo(header, 0x28);
        header[0x3c] = 3;
        Assert.Throws<InvalidDataException>(() => OlderLinux.Patch(header, OldSystem));
        if (OperatingSystem.IsLinux())
        {
            Assert.Throws<InvalidDataException>(
                () => OlderLinux.Patch(File.ReadAllBytes(OlderLinux.FindSystemLibrary()!)[..4096], OldSystem));
        }
    }

    /// <summary>The library in the package cache, which the build leaves untouched.</summary>
    private static string? Packaged()
    {
        var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var path = Path.Combine(
            cache,
            "torchsharp",
            typeof(torch).Assembly.GetName().Version!.ToString(3),
            "runtimes",
            "linux-x64",
            "native",
            "libLibTorchSharp.so");
        return File.Exists(path) ? path : null;
    }
}
