using System.Globalization;
using System.Runtime.InteropServices;

namespace Mixup.Samples;

/// <summary>Resident memory at its peak, by the kernel's own account. On Linux alone.</summary>
public static class PeakMemory
{
    /// <summary>Whether it can be told here.</summary>
    public static bool IsKnown => OperatingSystem.IsLinux();

    /// <summary>By how many bytes resident memory rose, at most, while something ran.</summary>
    public static long Of(Action action)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _ = MallocTrim(0); // freed memory would else count as resident
        var before = Resident("VmRSS");
        File.WriteAllText("/proc/self/clear_refs", "5"); // forgets the peak so far
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
