using System.Runtime.InteropServices;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// Tensors by the bits of their values: comparing numbers would take 0 for -0, and no value for itself that is not a number.
/// </summary>
internal static class Bits
{
    /// <summary>
    /// The numbers that arithmetic spoils: infinities, two that are not numbers with a payload each, zeros of both signs, the largest and
    /// the least ones.
    /// </summary>
    public static Tensor Spoilers(ScalarType dtype, long rows, params long[] shape)
    {
        ulong[] bits = dtype switch
        {
            ScalarType.Float16 => [0x7c00, 0xfc00, 0x7e15, 0xfd02, 0x8000, 0, 0x7bff, 0xfbff, 1, 0x8001, 0x3c01],
            ScalarType.BFloat16 => [0x7f80, 0xff80, 0x7fc5, 0xff82, 0x8000, 0, 0x7f7f, 0xff7f, 1, 0x8001, 0x3f81],
            ScalarType.Float32 =>
                [0x7f800000, 0xff800000, 0x7fc12345, 0xff812345, 0x80000000, 0, 0x7f7fffff, 0xff7fffff, 1, 0x80000001, 0x3f800001],
            _ =>
            [
                0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000012345, 0xfff4000000012345, 0x8000000000000000, 0, 0x7fefffffffffffff,
                0xffefffffffffffff, 1, 0x8000000000000001,
                0x3ff0000000000001,
            ],
        };
        var tensor = empty([rows, .. shape], dtype);
        var size = (int)tensor.element_size();
        var bytes = tensor.bytes;
        for (var i = 0; i < bytes.Length / size; i++)
        {
            // Another spoiler in every row at every place.
            var value = bits[(i + (i / Math.Max(1, bytes.Length / size / (int)rows))) % bits.Length];
            MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in value))[..size].CopyTo(bytes[(i * size)..]);
        }

        return tensor;
    }

    public static byte[] Of(Tensor tensor) => tensor.detach().cpu().contiguous().bytes.ToArray();

    public static void AssertEqual(Tensor expected, Tensor actual)
    {
        Assert.Equal((expected.dtype, string.Join(",", expected.shape)), (actual.dtype, string.Join(",", actual.shape)));
        var (want, got) = (Of(expected), Of(actual));
        if (!want.AsSpan().SequenceEqual(got))
        {
            var at = want.AsSpan().CommonPrefixLength(got) / (int)expected.element_size();
            Assert.Fail($"other bits from element {at} on: {expected.flatten()[at].str()} is now {actual.flatten()[at].str()}");
        }
    }
}
