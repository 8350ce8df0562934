using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>A hash that is the same in all processes: FNV-1a over words of 64 bits.</summary>
internal struct Fingerprint()
{
    private const ulong Prime = 0x100000001b3;

    /// <summary>Gets the hash of what was added so far.</summary>
    public ulong Value { get; private set; } = 0xcbf29ce484222325;

    public void Add(long word)
    {
        Value = (Value ^ (ulong)word) * Prime;
        Value ^= Value >> 29; // FNV alone keeps the upper bits of a word in the upper bits
    }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        Add(bytes.Length);
        var words = MemoryMarshal.Cast<byte, long>(bytes);
        foreach (var word in words)
        {
            Add(word);
        }

        foreach (var one in bytes[(words.Length * sizeof(long))..])
        {
            Add(one);
        }
    }

    public void Add(string text) => Add(Encoding.UTF8.GetBytes(text));

    /// <summary>Adds the shape and type of a tensor, and its values if they are at hand.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="mostBytes">Of a larger one, only as many bytes count. Those of a device never do.</param>
    public void Add(Tensor tensor, int mostBytes = int.MaxValue)
    {
        Add((long)tensor.dtype);
        foreach (var size in tensor.shape)
        {
            Add(size);
        }

        if (tensor.device_type == DeviceType.CPU && tensor.is_contiguous() && tensor.numel() > 0)
        {
            using var flat = tensor.view(-1);
            using var first = flat.narrow(0, 0, Math.Min(flat.numel(), Math.Max(1, mostBytes / tensor.element_size())));
            Add(first.bytes);
        }
    }
}
