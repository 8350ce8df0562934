using System.Security.Cryptography;

namespace TorchSharp.Mixup.Training;

/// <summary>A part that is still to be written: its length, known before, and how it is written.</summary>
internal sealed record CheckpointPart(long Length, Action<Stream> WriteTo)
{
    public CheckpointPart(byte[] bytes)
        : this(bytes.LongLength, stream => stream.Write(bytes))
    {
    }
}

/// <summary>
/// The file: a magic word, the SHA-256 of the rest, and four parts, each after its length.
/// It is written and read as a stream, so that it may be larger than any array.
/// </summary>
internal sealed class CheckpointFile : IDisposable
{
    private const int Parts = 4;
    private const int BufferBytes = 1 << 16;
    private static readonly int HeaderBytes = Magic.Length + SHA256.HashSizeInBytes;
    private readonly FileStream file;
    private readonly PartReader[] parts;

    private CheckpointFile(FileStream file, string path)
    {
        (this.file, parts) = (file, new PartReader[Parts]);
        var header = new byte[HeaderBytes];
        var read = file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        if (read < HeaderBytes || !header.AsSpan(0, Magic.Length).SequenceEqual(Magic))
        {
            throw new InvalidDataException($"{path} is not a checkpoint of this library.");
        }

        if (!SHA256.HashData(file).AsSpan().SequenceEqual(header.AsSpan(Magic.Length)))
        {
            throw new InvalidDataException($"{path} is damaged: it is not what was written. Use an older checkpoint.");
        }

        var body = new PartReader(file, HeaderBytes, file.Length - HeaderBytes, path);
        for (var i = 0; i < Parts; i++)
        {
            var length = body.Int64();
            parts[i] = new PartReader(file, HeaderBytes + body.Position, length, path);
            body.Skip(length);
        }

        if (!body.AtEnd)
        {
            throw new InvalidDataException($"{path} is damaged: there is something behind its last part.");
        }
    }

    public PartReader Manifest => parts[0];

    public PartReader Model => parts[1];

    public PartReader Optimizer => parts[2];

    public PartReader RandomState => parts[3];

    private static ReadOnlySpan<byte> Magic => "MIXUPCK1"u8;

    /// <summary>
    /// Opens a file and checks its hash. It stays open, so that what is read is what was checked, even if the file is replaced meanwhile.
    /// </summary>
    public static CheckpointFile Open(string path)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, BufferBytes);
        try
        {
            return new CheckpointFile(file, path);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Writes beside and moves into place: a kill while writing leaves the old file, and two that write at once do not meet.
    /// </summary>
    public static void Write(
        string path, CheckpointPart manifest, CheckpointPart model, CheckpointPart optimizer, CheckpointPart randomState)
    {
        path = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = TemporaryFile.NameFor(path);
        var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1);
        try
        {
            using (file)
            {
                file.Write(Magic);
                file.Write(new byte[SHA256.HashSizeInBytes]); // the hash, once it is known
                var hash = WriteParts(file, [manifest, model, optimizer, randomState]);
                file.Position = Magic.Length;
                file.Write(hash);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        TemporaryFile.RemoveLeftovers(path);
    }

    public void Dispose() => file.Dispose();

    private static byte[] WriteParts(FileStream file, IEnumerable<CheckpointPart> parts)
    {
        // TorchSharp writes an optimizer by the byte and the kilobyte.
        using var stream = new HashingStream(file);
        using var buffered = new BufferedStream(stream, BufferBytes);
        foreach (var part in parts)
        {
            buffered.Write(BitConverter.GetBytes(part.Length));
            buffered.Flush();
            var start = stream.Length;
            part.WriteTo(buffered);
            buffered.Flush();
            if (stream.Length - start != part.Length)
            {
                throw new InvalidOperationException(
                    $"A part of the checkpoint was to have {part.Length} bytes but wrote {stream.Length - start}. "
                    + "Nothing may change the model or the optimizer while they are saved.");
            }
        }

        return stream.Hash();
    }
}
