using System.Runtime.InteropServices;

namespace TorchSharp.Mixup;

/// <summary>Looks up functions in the native library that TorchSharp runs on.</summary>
internal static class LibTorchSharp
{
    /// <summary>
    /// The address of an exported function; null where there is none. The search goes on into the libraries that this one needs, so that
    /// the OpenMP found is the one that libtorch runs on, whatever its file is called.
    /// </summary>
    public static unsafe void* Find(string name) =>
        NativeLibrary.TryLoad("LibTorchSharp", typeof(torch).Assembly, null, out var library)
        && NativeLibrary.TryGetExport(library, name, out var address) ? (void*)address : null;
}
