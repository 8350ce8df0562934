using BenchmarkDotNet.Attributes;

namespace TorchSharp.Mixup.Benchmarks;

/// <summary>Every contender of every case, by BenchmarkDotNet.</summary>
public class AllCases
{
    private Contender? contender;

    /// <summary>Gets the names of all contenders, each after its case.</summary>
    public static IEnumerable<string> Names => Named.Select(pair => pair.Name);

    /// <summary>Gets or sets which one is run.</summary>
    [ParamsSource(nameof(Names))]
    public string Name { get; set; } = string.Empty;

    /// <summary>Makes its tensors.</summary>
    [GlobalSetup]
    public void Setup() => contender = Named.First(pair => pair.Name == Name).Contender;

    private static IEnumerable<(string Name, Contender Contender)> Named => Cases.All.Select(make => make())
        .SelectMany(one => Contenders(one).Select(contender => ($"{one.Name}: {contender.Name}", contender)));

    /// <summary>One run, with the scope that a training loop has.</summary>
    [Benchmark]
    public void Run()
    {
        using var scope = NewDisposeScope();
        contender!.Run();
    }

    private static IEnumerable<Contender> Contenders(Case one) => [one.Ours, .. one.Others.Select(pair => pair.Other)];
}
