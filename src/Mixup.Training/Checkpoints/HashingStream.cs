using System.Security.Cryptography;

namespace TorchSharp.Mixup.Training;

/// <summary>Counts what is written to it. Where there is a stream behind it, the bytes are hashed and handed on.</summary>
internal sealed class HashingStream(Stream? behind = null) : Stream
{
    private readonly IncrementalHash? hash = behind is null ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long length;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    /// <summary>The number of bytes so far.</summary>
    public override long Length => length;

    public override long Position { get => length; set => throw new NotSupportedException(); }

    /// <summary>The SHA-256 of all bytes so far.</summary>
    public byte[] Hash() => hash?.GetCurrentHash() ?? throw new InvalidOperationException();

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        length += buffer.Length;
        hash?.AppendData(buffer);
        behind?.Write(buffer);
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void WriteByte(byte value) => Write([value]);

    public override void Flush() => behind?.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    // What is behind belongs to whoever gave it.
    protected override void Dispose(bool disposing)
    {
        hash?.Dispose();
        base.Dispose(disposing);
    }
}
