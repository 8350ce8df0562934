using System.Globalization;
using System.Runtime.InteropServices;

namespace Mixup.Samples;

/// <summary>Measures the peak of resident memory, as the kernel reports it. Linux only.</summary>
public static class PeakMemory
{
    /// <summary>Gets whether this system reports the peak.</summary>
    public static bool IsKnown => OperatingSystem.IsLinux();

    /// <summary>Measures by how many bytes resident memory rises at most while an action runs.</summary>
    public static long Of(Action action)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _ = MallocTrim(0); // otherwise freed memory counts as resident
        var before = Resident("VmRSS");
        File.WriteAllText("/proc/self/clear_refs", "5"); // resets the peak
        action();
        return Resident("VmHWM") - before;
    }

    [DllImport("libc", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int MallocTrim(nuint keep);

    private static long Resident(string name) =>
        1_024 * long.Parse(
            File.ReadLines("/proc/self/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal))[(name.Length + 1)..]
                .Replace("kB", string.Empty, StringComparison.Ordinal),
            CultureInfo.InvariantCulture);
}
