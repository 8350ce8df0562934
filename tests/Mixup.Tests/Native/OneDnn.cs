using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// On some processors (seen on a virtual AMD EPYC with AVX-512), the oneDNN of libtorch computes wrong gradients of the inputs of float32
/// convolutions whose channels do not fill a vector. Held to AVX it is right. It reads this once, before its first convolution, from the
/// environment of the process, which .NET's own setter does not reach on Linux.
/// </summary>
internal static partial class OneDnn
{
    [ModuleInitializer]
    internal static void HoldToAvx()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = SetEnvironment("ONEDNN_MAX_CPU_ISA", "AVX", 0);
        }
        else
        {
            Environment.SetEnvironmentVariable("ONEDNN_MAX_CPU_ISA", Environment.GetEnvironmentVariable("ONEDNN_MAX_CPU_ISA") ?? "AVX");
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
