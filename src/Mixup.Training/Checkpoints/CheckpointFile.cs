using System.Security.Cryptography;

namespace TorchSharp.Mixup.Training;

/// <summary>The four parts of a checkpoint.</summary>
internal sealed record CheckpointContent(byte[] Manifest, byte[] Model, byte[] Optimizer, byte[] RandomState);

/// <summary>The file: a magic word, the SHA-256 of the rest, and the parts, each after its length.</summary>
internal static class CheckpointFile
{
    private static ReadOnlySpan<byte> Magic => "MIXUPCK1"u8;

    /// <summary>Writes beside and moves into place: a kill while writing leaves the old file.</summary>
    public static void Write(string path, CheckpointContent content)
    {
        path = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var body = new MemoryStream();
        using (var writer = new BinaryWriter(body, System.Text.Encoding.UTF8, leaveOpen: true))
        {
            foreach (var part in new[] { content.Manifest, content.Model, content.Optimizer, content.RandomState })
            {
                writer.Write(part.LongLength);
                writer.Write(part);
            }
        }

        var bytes = body.GetBuffer().AsSpan(0, (int)body.Length);
        var temporary = path + ".writing";
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                file.Write(Magic);
                file.Write(SHA256.HashData(bytes));
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    public static CheckpointContent Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var start = Magic.Length + SHA256.HashSizeInBytes;
        if (bytes.Length < start || !bytes.AsSpan(0, Magic.Length).SequenceEqual(Magic))
        {
            throw new InvalidDataException($"{path} is not a checkpoint of this library.");
        }

        if (!SHA256.HashData(bytes.AsSpan(start)).AsSpan().SequenceEqual(bytes.AsSpan(Magic.Length, SHA256.HashSizeInBytes)))
        {
            throw new InvalidDataException($"{path} is damaged: it is not what was written. Use an older checkpoint.");
        }

        var reader = new SpanReader(bytes.AsMemory(start), path);
        var content = new CheckpointContent(reader.Part(), reader.Part(), reader.Part(), reader.Part());
        return reader.AtEnd ? content : throw new InvalidDataException($"{path} is damaged: there is something behind its last part.");
    }
}

/// <summary>Reads what a file says without believing its lengths.</summary>
internal sealed class SpanReader(ReadOnlyMemory<byte> bytes, string path)
{
    private int at;

    public bool AtEnd => at == bytes.Length;

    public byte[] Part() => Take(Int64()).ToArray();

    public long Int64() => BitConverter.ToInt64(Take(sizeof(long)));

    public string Text() => System.Text.Encoding.UTF8.GetString(Take(Int64()));

    public double Double() => BitConverter.Int64BitsToDouble(Int64());

    public bool Flag() => Take(1)[0] switch
    {
        0 => false,
        1 => true,
        var other => throw new InvalidDataException($"{path} is damaged: {other} stands where yes or no should."),
    };

    /// <summary>A number of seven bits a byte, the lowest first, as TorchSharp and .NET write them.</summary>
    public long Varint()
    {
        var value = 0L;
        for (var shift = 0; shift < 63; shift += 7)
        {
            var part = Take(1)[0];
            value |= (part & 0x7FL) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException($"{path} is damaged: a number in it does not end.");
    }

    /// <summary>A text after its length, as <see cref="BinaryWriter.Write(string)"/> gives.</summary>
    public string Name() => System.Text.Encoding.UTF8.GetString(Take(Varint()));

    public ReadOnlySpan<byte> Take(long length)
    {
        if (length < 0 || length > bytes.Length - at)
        {
            throw new InvalidDataException($"{path} is damaged: it ends too early.");
        }

        var taken = bytes.Span.Slice(at, (int)length);
        at += (int)length;
        return taken;
    }
}
