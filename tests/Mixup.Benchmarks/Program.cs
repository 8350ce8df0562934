using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using TorchSharp.Mixup.Benchmarks;

// --quick: one table of ratios, measured in turn. --check: the same, and exit code 1 where a row misses its bound. A text behind it picks
// the cases that contain it.
// Anything else goes to BenchmarkDotNet.
if (args is ["--quick" or "--check", .. { Length: <= 1 } filter])
{
    var missed = SideBySide.Print(Cases.All, filter.FirstOrDefault() ?? string.Empty);
    if (filter is [] or ["scale"])
    {
        Scale.Print();
    }

    foreach (var row in missed)
    {
        Console.Error.WriteLine("missed: " + row);
    }

    return args[0] == "--check" && missed.Count > 0 ? 1 : 0;
}

var config = DefaultConfig.Instance.AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromTypes([typeof(AllCases)]).Run(args, config);
return 0;
