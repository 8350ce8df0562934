using System.Diagnostics;

namespace TorchSharp.Mixup.Tests;

/// <summary>Runs an explicit test of this assembly in a process of its own, for what could end a process, or happens at its end.</summary>
internal static class Child
{
    /// <summary>Starts it, waits for its end, and gives its exit code and what it wrote.</summary>
    public static (int ExitCode, string Output) Run(string method, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, typeof(Child).Assembly.GetName().Name!), ["-explicit", "only", "-method", $"*.{method}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync();
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        return (child.ExitCode, output + errors.Result);
    }
}
