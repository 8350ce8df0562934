using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>The memory of tensors.</summary>
internal static partial class TensorMemory
{
    /// <summary>The address of the first value of a tensor, on its device.</summary>
    public static nint Address(Tensor tensor)
    {
        var address = Data(tensor.Handle);
        GC.KeepAlive(tensor);
        return address;
    }

    /// <summary>The parts of a contiguous tensor on the CPU, each short enough for a span of bytes.</summary>
    public static IEnumerable<Tensor> Parts(Tensor tensor)
    {
        var most = (1L << 30) / tensor.element_size();
        var flat = tensor.view(-1);
        for (var at = 0L; at < flat.numel(); at += most)
        {
            yield return flat.narrow(0, at, Math.Min(most, flat.numel() - at));
        }
    }

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint Data(nint tensor);
}
