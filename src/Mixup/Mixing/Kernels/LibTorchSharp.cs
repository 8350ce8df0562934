using System.Runtime.InteropServices;

namespace TorchSharp.Mixup;

/// <summary>Finds functions in TorchSharp's native library.</summary>
internal static class LibTorchSharp
{
    /// <summary>
    /// Returns the address of an exported function; null if there is none. The search includes the dependencies of the library, so it finds
    /// the OpenMP that libtorch uses, whatever its file name.
    /// </summary>
    public static unsafe void* Find(string name) =>
        NativeLibrary.TryLoad("LibTorchSharp", typeof(torch).Assembly, null, out var library)
        && NativeLibrary.TryGetExport(library, name, out var address) ? (void*)address : null;
}
