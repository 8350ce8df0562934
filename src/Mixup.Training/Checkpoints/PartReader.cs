using System.Text;

namespace TorchSharp.Mixup.Training;

/// <summary>A stretch of an open file. Reads what it says without believing its lengths.</summary>
internal sealed class PartReader(FileStream file, long start, long length, string path) : Stream
{
    // No name of a tensor or an optimizer is longer.
    private const int LongestName = 1 << 16;
    private readonly byte[] word = new byte[sizeof(long)];
    private long at;

    public bool AtEnd => at == length;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position { get => at; set => at = value; }

    public long Int64()
    {
        Fill(word);
        return BitConverter.ToInt64(word);
    }

    public double Double() => BitConverter.Int64BitsToDouble(Int64());

    public bool Flag() => Byte() switch
    {
        0 => false,
        1 => true,
        var other => throw Damaged($"{other} stands where yes or no should."),
    };

    /// <summary>A number of seven bits a byte, the lowest first, as TorchSharp and .NET write them.</summary>
    public long Varint()
    {
        var value = 0L;
        for (var shift = 0; shift < 63; shift += 7)
        {
            var part = Byte();
            value |= (part & 0x7FL) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }

        throw Damaged("a number in it does not end.");
    }

    /// <summary>A text after its length, a word.</summary>
    public string Text() => Characters(Int64());

    /// <summary>A text after its length, as <see cref="BinaryWriter.Write(string)"/> gives.</summary>
    public string Name() => Characters(Varint());

    /// <summary>The whole part, which is to be small.</summary>
    public byte[] Whole()
    {
        if (length > Array.MaxLength)
        {
            throw Damaged("a part of it is larger than it can be.");
        }

        at = 0;
        var bytes = new byte[length];
        Fill(bytes);
        return bytes;
    }

    public void Skip(long count)
    {
        if (count < 0 || count > length - at)
        {
            throw TooShort();
        }

        at += count;
    }

    public override int Read(Span<byte> buffer)
    {
        // Other parts move the file's own position.
        if (file.Position != start + at)
        {
            file.Position = start + at;
        }

        var read = file.Read(buffer[..(int)Math.Min(buffer.Length, length - at)]);
        at += read;
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int ReadByte() => Read(word.AsSpan(0, 1)) == 0 ? -1 : word[0];

    public override long Seek(long offset, SeekOrigin origin) => at = offset + origin switch
    {
        SeekOrigin.Begin => 0,
        SeekOrigin.Current => at,
        _ => length,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private byte Byte()
    {
        Fill(word.AsSpan(0, 1));
        return word[0];
    }

    private string Characters(long count)
    {
        if (count is < 0 or > LongestName)
        {
            throw Damaged("a name in it does not end.");
        }

        var bytes = new byte[count];
        Fill(bytes);
        return Encoding.UTF8.GetString(bytes);
    }

    private void Fill(Span<byte> bytes)
    {
        if (this.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
        {
            throw TooShort();
        }
    }

    private InvalidDataException TooShort() => Damaged("it ends too early.");

    private InvalidDataException Damaged(string how) => new($"{path} is damaged: {how}");
}
