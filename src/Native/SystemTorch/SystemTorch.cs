using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Mixup.Native;

/// <summary>
/// Makes TorchSharp use the libtorch of the machine: the folder named by the environment variable LIBTORCH, or else the one of Python's
/// torch.
/// </summary>
public static class SystemTorch
{
    private static int started;

    /// <summary>
    /// Loads libtorch as soon as the program loads TorchSharp. If there is no libtorch that fits, the program then ends with exit code 1
    /// and one line on the error stream.
    /// </summary>
    /// <remarks>
    /// TorchSharp asks the system for libtorch by name. A library that the process has loaded already answers to its name, so it is enough
    /// to load the libraries by their paths first. The program ends here because TorchSharp would catch an exception, look for packages of
    /// libtorch in NuGet's cache, and print a page.
    /// </remarks>
    public static void Use()
    {
        if (Interlocked.Exchange(ref started, 1) == 1)
        {
            return;
        }

        AppDomain.CurrentDomain.AssemblyLoad += (_, e) => LoadFor(e.LoadedAssembly);
        foreach (var assembly in AppDomain.CurrentDomain.GetAssemblies())
        {
            LoadFor(assembly);
        }
    }

    /// <summary>Finds the folder that holds libtorch's libraries.</summary>
    /// <param name="libtorch">The value of LIBTORCH: libtorch's root, or its lib folder. Null or empty: not set.</param>
    /// <param name="pythonFolder">The folder of Python's torch; null if Python has none. Called only if LIBTORCH is not set.</param>
    /// <param name="wanted">The version to recommend, for instance "2.10".</param>
    /// <exception cref="DllNotFoundException">There is no libtorch.</exception>
    public static string FindFolder(string? libtorch, Func<string?> pythonFolder, string wanted)
    {
        ArgumentNullException.ThrowIfNull(pythonFolder);
        var isSet = !string.IsNullOrWhiteSpace(libtorch);
        var root = isSet ? Path.GetFullPath(libtorch!) : pythonFolder();
        if (root is null)
        {
            throw new DllNotFoundException(
                "libtorch was not found: LIBTORCH is not set and Python has no torch. Set LIBTORCH to the folder of libtorch " +
                $"{wanted}, or run: pip install torch=={wanted}.*");
        }

        var file = FileName("torch_cpu");
        return new[] { Path.Combine(root, "lib"), root }.FirstOrDefault(folder => File.Exists(Path.Combine(folder, file)))
            ?? throw new DllNotFoundException(isSet
                ? $"LIBTORCH is '{libtorch}', but {file} is neither there nor in its lib folder. Set LIBTORCH to the folder of libtorch " +
                    $"{wanted}."
                : $"Python's torch in '{root}' has no lib/{file}. Set LIBTORCH to the folder of libtorch {wanted}.");
    }

    /// <summary>Checks that a version of libtorch is the one that TorchSharp was built for.</summary>
    /// <param name="folder">Where it is.</param>
    /// <param name="abi">
    /// What libtorch's aoti_torch_abi_version returns: major, minor and patch version in the first three bytes. Null: it has no such
    /// function.
    /// </param>
    /// <param name="wanted">Major and minor version, for instance "2.10".</param>
    /// <exception cref="DllNotFoundException">It is another version.</exception>
    public static void CheckVersion(string folder, ulong? abi, string wanted)
    {
        var found = abi is { } value ? $"{value >> 56}.{(value >> 48) & 0xff}" : "older than 2.9";
        if (found != wanted)
        {
            throw new DllNotFoundException(
                $"libtorch in '{folder}' is {found}, but TorchSharp needs {wanted}. Set LIBTORCH to the folder of libtorch {wanted}, " +
                $"or run: pip install torch=={wanted}.*");
        }
    }

    /// <summary>Gets the version of libtorch that TorchSharp was built for.</summary>
    /// <param name="torchSharp">TorchSharp's assembly. Its metadata is read, since torch.__version__ would load libtorch.</param>
    /// <returns>Major and minor version, for instance "2.10".</returns>
    /// <exception cref="DllNotFoundException">The assembly does not say.</exception>
    public static string WantedVersion(Assembly torchSharp)
    {
        ArgumentNullException.ThrowIfNull(torchSharp);
        var constant = torchSharp.GetType("TorchSharp.torch")?.GetField(
            "libtorchPackageVersion", BindingFlags.Static | BindingFlags.NonPublic);
        return constant?.GetRawConstantValue() is string version
            ? string.Join('.', version.Split('.').Take(2))
            : throw new DllNotFoundException("This TorchSharp does not say which libtorch it needs. Build without TorchBackend=system.");
    }

    private static void LoadFor(Assembly assembly)
    {
        if (assembly.GetName().Name != "TorchSharp")
        {
            return;
        }

        try
        {
            Load(WantedVersion(assembly));
        }
        catch (DllNotFoundException e)
        {
            Console.Error.WriteLine(e.Message);
            Environment.Exit(1);
        }
    }

    private static unsafe void Load(string wanted)
    {
        var folder = FindFolder(Environment.GetEnvironmentVariable("LIBTORCH"), PythonFolder, wanted);
        Load(folder, "c10");
        var cpu = Load(folder, "torch_cpu");
        var hasVersion = NativeLibrary.TryGetExport(cpu, "aoti_torch_abi_version", out var function);
        CheckVersion(folder, hasVersion ? ((delegate* unmanaged<ulong>)function)() : null, wanted);

        // torch_cuda registers CUDA when it is loaded.
        if (File.Exists(Path.Combine(folder, FileName("torch_cuda"))))
        {
            Load(folder, "torch_cuda");
        }

        Load(folder, "torch");
    }

    private static IntPtr Load(string folder, string library)
    {
        try
        {
            return NativeLibrary.Load(Path.Combine(folder, FileName(library)));
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            // The system's reason is the last line of the message, behind advice on how to find it.
            var reason = e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Last();
            throw new DllNotFoundException(
                $"libtorch in '{folder}' cannot be loaded: {reason}. Install libtorch again, or set LIBTORCH to another folder.", e);
        }
    }

    /// <summary>The folder of Python's torch, found without importing it, which takes seconds.</summary>
    private static string? PythonFolder()
    {
        const string find = "import importlib.util as u; s = u.find_spec('torch'); print(s.origin if s and s.origin else '')";
        foreach (var python in new[] { "python3", "python" })
        {
            try
            {
                var start = new ProcessStartInfo(python, ["-c", find]) { RedirectStandardOutput = true, RedirectStandardError = true };
                using var process = Process.Start(start)!;
                process.ErrorDataReceived += (_, _) => { };
                process.BeginErrorReadLine();
                var origin = process.StandardOutput.ReadToEnd().Trim();
                process.WaitForExit();
                if (process.ExitCode == 0 && File.Exists(origin))
                {
                    return Path.GetDirectoryName(origin);
                }
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // There is no such program.
            }
        }

        return null;
    }

    private static string FileName(string library) =>
        OperatingSystem.IsWindows() ? library + ".dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";
}
