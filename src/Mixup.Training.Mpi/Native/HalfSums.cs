using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp.Mixup.Training.Mpi;

/// <summary>
/// The sums of half types, which MPI lacks: operations over 16-bit words. Each addition is made in float32 and rounded once, to nearest
/// with ties to even.
/// </summary>
internal static unsafe class HalfSums
{
    public static nint Float16 => (nint)(delegate* unmanaged[Cdecl]<ushort*, ushort*, int*, void*, void>)&AddFloat16;

    public static nint BFloat16 => (nint)(delegate* unmanaged[Cdecl]<ushort*, ushort*, int*, void*, void>)&AddBFloat16;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void AddFloat16(ushort* values, ushort* sums, int* count, void* type)
    {
        for (var i = 0; i < *count; i++)
        {
            sums[i] = BitConverter.HalfToUInt16Bits(
                (Half)((float)BitConverter.UInt16BitsToHalf(values[i]) + (float)BitConverter.UInt16BitsToHalf(sums[i])));
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void AddBFloat16(ushort* values, ushort* sums, int* count, void* type)
    {
        for (var i = 0; i < *count; i++)
        {
            sums[i] = Round(Widen(values[i]) + Widen(sums[i]));
        }
    }

    private static float Widen(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    private static ushort Round(float value)
    {
        const uint quiet = 0x40; // not a number must not become infinity when its lower bits go
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)(float.IsNaN(value) ? (bits >> 16) | quiet : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}
