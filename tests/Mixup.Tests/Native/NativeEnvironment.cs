using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// What libtorch's libraries read once from the environment of the process, before their first use. On Linux .NET's own setter does not
/// reach it. A value that is set already stays.
/// </summary>
internal static partial class NativeEnvironment
{
    [ModuleInitializer]
    internal static void Set()
    {
        // On some processors (seen on a virtual AMD EPYC with AVX-512), oneDNN computes wrong gradients of the inputs of float32
        // convolutions whose channels do not fill a vector. Held to AVX it is right.
        Set("ONEDNN_MAX_CPU_ISA", "AVX");

        // Test classes run side by side. Threads of OpenMP that wait for work by spinning would take the processors from them.
        Set("OMP_WAIT_POLICY", "PASSIVE");
    }

    private static void Set(string name, string value)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = SetEnvironment(name, value, 0);
        }
        else
        {
            Environment.SetEnvironmentVariable(name, Environment.GetEnvironmentVariable(name) ?? value);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
