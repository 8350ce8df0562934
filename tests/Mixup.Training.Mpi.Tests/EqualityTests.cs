using System.Collections.Concurrent;
using System.Globalization;

namespace TorchSharp.Mixup.Training.Mpi.Tests;

/// <summary>n ranks of B/n samples end with the weights and the figures of one process of B samples: float64, 55 steps or more.</summary>
public sealed class EqualityTests
{
    private const double Tolerance = 1e-9;
    private static readonly ConcurrentDictionary<(string, int), Lazy<MpiRun>> Runs = [];

    public static TheoryData<string, int> Worlds => new(MpiRun.Launchers.SelectMany(launcher => new[] { (launcher, 2), (launcher, 3) }));

    /// <summary>
    /// Each library and each number of ranks once, since these runs are long. Waiting ranks of MPICH do not give up their core: on two cores
    /// three of them are ten times as slow.
    /// </summary>
    public static TheoryData<string, int> SomeWorlds => new(("mpirun.openmpi", 3), ("mpirun.mpich", 2));

    [Theory]
    [MemberData(nameof(SomeWorlds))]
    public void WeightsAreThoseOfOneProcess(string launcher, int ranks)
    {
        var run = Of(launcher, ranks);
        var errors = Values(run, "weights of ");
        Assert.True(errors.Count >= 40, $"There are only {errors.Count} cases.");
        Assert.All(errors, error => Assert.True(error.Value <= Tolerance, $"{error.Key}: {error.Value:g3}"));
    }

    [Theory]
    [MemberData(nameof(SomeWorlds))]
    public void LossesAndMetricsAreThoseOfOneProcess(string launcher, int ranks) =>
        Assert.All(
            Values(Of(launcher, ranks), "figures of "), error => Assert.True(error.Value <= Tolerance, $"{error.Key}: {error.Value:g3}"));

    /// <summary>The equality of weights that training left as they were would mean nothing.</summary>
    [Theory]
    [MemberData(nameof(SomeWorlds))]
    public void TrainingChangesTheWeights(string launcher, int ranks) =>
        Assert.All(
            Values(Of(launcher, ranks), "change of "), change => Assert.True(change.Value > 1e-3, $"{change.Key}: {change.Value:g3}"));

    [Theory]
    [MemberData(nameof(SomeWorlds))]
    public void AllRanksHaveTheSameBits(string launcher, int ranks)
    {
        var run = Of(launcher, ranks);
        var bits = run.Lines[0].Where(line => line.Key.StartsWith("bits of ", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(bits);
        Assert.All(bits, line => Assert.All(run.Lines, lines => Assert.Equal(line.Value, lines[line.Key])));
    }

    private static MpiRun Of(string launcher, int ranks)
    {
        MpiRun.Require(launcher);
        var run = Runs.GetOrAdd((launcher, ranks), _ => new(() => MpiRun.Run(launcher, ranks, "equality"))).Value;
        Assert.True(run.ExitCode == 0, run.Output);
        return run;
    }

    private static Dictionary<string, double> Values(MpiRun run, string what) => run.Lines.SelectMany(lines => lines)
        .Where(line => line.Key.StartsWith(what, StringComparison.Ordinal))
        .ToDictionary(line => line.Key, line => double.Parse(line.Value, CultureInfo.InvariantCulture));
}
