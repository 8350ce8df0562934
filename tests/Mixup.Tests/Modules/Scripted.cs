using System.IO.Compression;
using System.Text;

namespace TorchSharp.Mixup.Tests;

/// <summary>TorchSharp loads scripted modules but makes none, so this writes the file: a module that gives back what it gets.</summary>
internal static class Scripted
{
    public static jit.ScriptModule Load(bool typed)
    {
        var path = Path.GetTempFileName();
        try
        {
            using (var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create))
            {
                Add(archive, "version", "3\n"u8.ToArray());
                Add(archive, "constants.pkl", [0x80, 2, (byte)')', (byte)'.']);
                Add(archive, "code/__torch__.py", Encoding.ASCII.GetBytes("class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n " +
                    " training : bool\n  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return x\n"));
                Add(
                    archive,
                    "data.pkl",
                    [0x80, 2, .. "c__torch__\nM\n"u8, (byte)')', 0x81, .. "}(X"u8, 8, 0, 0, 0, .. "training"u8, 0x88, .. "ub."u8]);
            }

            return typed ? jit.load<Tensor, Tensor>(path) : jit.load(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void Add(ZipArchive archive, string name, byte[] content)
    {
        using var stream = archive.CreateEntry("archive/" + name, CompressionLevel.NoCompression).Open();
        stream.Write(content);
    }
}
