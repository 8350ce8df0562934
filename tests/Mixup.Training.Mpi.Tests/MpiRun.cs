using System.Diagnostics;
using System.Reflection;
using System.Text;

namespace TorchSharp.Mixup.Training.Mpi.Tests;

/// <summary>Starts the program Mixup.Ranks by the mpirun of one MPI, and reads what its ranks found out.</summary>
internal sealed class MpiRun
{
    private static readonly string Program = typeof(MpiRun).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "RanksProgram").Value!;

    // A run that hangs must end as a failure. A slow machine is no hang.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(15);

    private MpiRun(int exitCode, string output, string folder, int ranks) =>
        (ExitCode, Output, Lines) = (
            exitCode, output, [.. Enumerable.Range(0, ranks).Select(rank => Read(Path.Combine(folder, $"{rank}.txt")))]);

    /// <summary>Both families of MPI, by the names that Debian gives their mpirun.</summary>
    public static string[] Launchers { get; } = ["mpirun.openmpi", "mpirun.mpich"];

    public int ExitCode { get; }

    public string Output { get; }

    /// <summary>What each rank wrote: names and values.</summary>
    public IReadOnlyDictionary<string, string>[] Lines { get; }

    /// <summary>Skips the test where this MPI is not installed; fails instead where it must be.</summary>
    public static void Require(string launcher)
    {
        if (!IsInstalled(launcher))
        {
            var reason = $"{launcher} is not installed. On Debian and Ubuntu: apt-get install openmpi-bin mpich.";
            Assert.False(Environment.GetEnvironmentVariable("MIXUP_TEST_MPI") == "required", reason);
            Assert.Skip(reason);
        }
    }

    /// <summary>Runs a scenario on some ranks in a folder of their own.</summary>
    public static MpiRun Run(string launcher, int ranks, params string[] scenario)
    {
        var folder = Directory.CreateTempSubdirectory("mixup-ranks-").FullName;
        try
        {
            return RunIn(folder, launcher, ranks, scenario);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Runs a scenario in a folder that is there.</summary>
    public static MpiRun RunIn(string folder, string launcher, int ranks, params string[] scenario) =>
        Run(folder, launcher, ranks, ["-np", $"{ranks}", "dotnet", "exec", Program, scenario[0], folder, .. scenario[1..]]);

    /// <summary>
    /// Runs a fit whose last rank has another version of the library: a copy of the program in which the version was changed.
    /// </summary>
    public static MpiRun RunVersions(string launcher, int ranks)
    {
        var folder = Directory.CreateTempSubdirectory("mixup-ranks-").FullName;
        try
        {
            var other = Directory.CreateDirectory(Path.Combine(folder, "other")).FullName;
            var source = Path.GetDirectoryName(Path.GetFullPath(Program))!;
            foreach (var entry in Directory.GetFileSystemEntries(source))
            {
                var copy = Path.Combine(other, Path.GetFileName(entry));
                if (Path.GetFileName(entry) is "Mixup.Ranks.dll" or "TorchSharp.Mixup.Training.dll")
                {
                    File.Copy(entry, copy);
                }
                else
                {
                    File.CreateSymbolicLink(copy, entry); // most of it is libtorch
                }
            }

            var library = Path.Combine(other, "TorchSharp.Mixup.Training.dll");
            var bytes = File.ReadAllBytes(library);
            var version = typeof(Learner).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
            var at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(version));
            Assert.True(at >= 0);
            bytes[at + version.IndexOf('.', StringComparison.Ordinal) + 1] = (byte)'9';
            File.WriteAllBytes(library, bytes);
            return Run(folder, launcher, ranks, [
                "-np", $"{ranks - 1}", "dotnet", "exec", Program, "fault", folder, "one", ":",
                "-np", "1", "dotnet", "exec", Path.Combine(other, "Mixup.Ranks.dll"), "fault", folder, "one"]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static MpiRun Run(string folder, string launcher, int ranks, string[] arguments)
    {
        string[] oversubscribed = launcher == "mpirun.openmpi" ? ["--oversubscribe"] : [];
        var start = new ProcessStartInfo(launcher, [.. oversubscribed, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Prepare(start.Environment);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Longest))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{launcher} {string.Join(' ', arguments)} did not end.\n{output.Result}\n{errors.Result}");
        }

        return new MpiRun(process.ExitCode, output.Result + errors.Result, folder, ranks);
    }

    /// <summary>Runs a scenario in one process without mpirun.</summary>
    public static MpiRun Alone(string folder, IReadOnlyDictionary<string, string> environment, params string[] scenario)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", Program, scenario[0], folder, .. scenario[1..]])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Prepare(start.Environment);
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new MpiRun(process.ExitCode, output + errors.Result, folder, 1);
    }

    private static void Prepare(IDictionary<string, string?> environment)
    {
        environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"; // as in containers
        environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        environment["OMPI_MCA_btl"] = "self,vader"; // shared memory alone
        environment["OMPI_MCA_mpi_yield_when_idle"] = "1"; // other processes may need the cores
        environment["OMP_WAIT_POLICY"] = "PASSIVE";
        environment["ONEDNN_MAX_CPU_ISA"] = "AVX";
        environment["DOTNET_GCgen0size"] = "0x10000000"; // see src/Mixup/Torch/Scalars.cs
    }

    private static bool IsInstalled(string launcher) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, launcher)));

    private static Dictionary<string, string> Read(string file) => !File.Exists(file)
        ? []
        : File.ReadLines(file).Select(line => line.Split('\t', 2)).ToDictionary(parts => parts[0], parts => parts[1]);
}
