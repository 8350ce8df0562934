using System.Buffers.Binary;
using System.IO.Compression;

namespace Mixup.Samples;

/// <summary>A file in the idx format of the MNIST family: bytes in one or three dimensions, compressed by gzip or not.</summary>
/// <param name="Shape">The shape.</param>
/// <param name="Values">The bytes, row by row.</param>
public sealed record IdxFile(IReadOnlyList<int> Shape, byte[] Values)
{
    private const int Unsigned = 0x08;

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file; <c>.gz</c> is decompressed.</param>
    /// <param name="expected">The shape that its header must have.</param>
    /// <exception cref="InvalidDataException">
    /// The file is damaged, too short or too long, or has other contents. The message names the file and the fault.
    /// </exception>
    public static IdxFile Read(string path, params int[] expected)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
            if (path.EndsWith(".gz", StringComparison.Ordinal))
            {
                bytes = Decompress(bytes);
            }
        }
        catch (InvalidDataException e)
        {
            throw Damaged(path, $"it is not a whole gzip file ({e.Message})", e);
        }

        var header = 4 + (4 * expected.Length);
        if (bytes.Length < header)
        {
            throw Damaged(path, $"it has {bytes.Length} bytes, fewer than the {header} of its header");
        }

        if (bytes[0] != 0 || bytes[1] != 0 || bytes[2] != Unsigned || bytes[3] != expected.Length)
        {
            throw Damaged(path, $"it begins with {Convert.ToHexString(bytes.AsSpan(0, 4))}, but idx files of {expected.Length} " +
                $"dimensions of bytes with 000008{expected.Length:X2}; was it swapped with another?");
        }

        int[] shape = [.. Enumerable.Range(0, expected.Length).Select(d => BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4 + (4 * d))))];
        if (!shape.SequenceEqual(expected))
        {
            throw Damaged(
                path,
                $"it holds [{string.Join(", ", shape)}] values, but [{string.Join(", ", expected)}] are expected; " +
                "was it swapped with another?");
        }

        var count = expected.Aggregate(1, (product, n) => product * n);
        return bytes.Length == header + count
            ? new IdxFile(shape, bytes[header..])
            : throw Damaged(path, $"it has {bytes.Length - header:N0} values, but its header tells of {count:N0}");
    }

    private static byte[] Decompress(byte[] file)
    {
        using var content = new GZipStream(new MemoryStream(file), CompressionMode.Decompress);
        using var memory = new MemoryStream();
        content.CopyTo(memory);

        // The stream accepts a missing end. The length is stored there.
        return file.Length >= 4 && BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(file.Length - 4)) == (uint)memory.Length
            ? memory.ToArray()
            : throw new InvalidDataException("its end is missing");
    }

    private static InvalidDataException Damaged(string path, string what, Exception? inner = null) =>
        new($"{path}: {what}. Download the file again.", inner);
}
