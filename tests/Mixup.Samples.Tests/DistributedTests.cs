using Mixup.Samples.Distributed;

namespace Mixup.Samples.Tests;

public sealed class DistributedTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    [Fact]
    public void RunsOfSeveralSeedsStayTogetherAndOthersAreReplaced()
    {
        RunsFile.Add(folder, Run(processes: 2, threads: 1, seed: 1, 0.5, 0.6));
        RunsFile.Add(folder, Run(processes: 2, threads: 1, seed: 2, 0.7, 0.8));
        RunsFile.Add(folder, Run(processes: 2, threads: 1, seed: 1, 0.1, 1.0 / 3));
        RunsFile.Add(folder, Run(processes: 1, threads: 2, seed: 1, 0.4, 0.5));
        TrainingRun[] expected = [
            Run(processes: 1, threads: 2, seed: 1, 0.4, 0.5),
            Run(processes: 2, threads: 1, seed: 1, 0.1, 1.0 / 3),
            Run(processes: 2, threads: 1, seed: 2, 0.7, 0.8),
        ];
        Assert.Equivalent(expected, RunsFile.ReadAll(folder), strict: true);

        RunsFile.Add(folder, Run(processes: 2, threads: 4, seed: 3, 0.9));
        Assert.Equal([4], RunsFile.Read(folder, 2).Select(run => run.Threads));
        Assert.Empty(RunsFile.Read(folder, 3));
    }

    [Fact]
    public void TheFirstEpochDoesNotCountIfThereAreOthers()
    {
        var run = Run(2, 1, 1, 0.5, 0.5, 0.5, 0.5);
        EpochFigures[] epochs = [.. run.Epochs.Select((epoch, i) => epoch with { SamplesPerSecond = i == 0 ? 1 : 10 * i })];
        Assert.Equal(20, (run with { Epochs = epochs }).SamplesPerSecond);
        Assert.Equal(1, (run with { Epochs = epochs[..1] }).SamplesPerSecond);
    }

    [Fact]
    public void MeasurementsSurviveTheFile()
    {
        var measured = new MeasuredRanks("Some MPI 1.0", 2, 1, [.. Enum.GetValues<Part>().Select(
            part => Measurement.Of(part, part == Part.Reduction ? 10_000 : 0, [0.003, 0.001, 0.0021]))]);
        measured.Write(folder);
        var read = Assert.Single(MeasuredRanks.ReadAll(folder));
        Assert.Equivalent(measured, read, strict: true);
        Assert.Equal(0.0021, read[Part.Compute]);
    }

    [Fact]
    public void AForeignFileIsRefusedByName()
    {
        foreach (var (name, read) in new (string, Action)[]
        {
            ("processes-2.csv", () => RunsFile.ReadAll(folder)), ("measure-2.csv", () => MeasuredRanks.ReadAll(folder)),
        })
        {
            File.WriteAllText(Path.Combine(folder, name), "a,b\n1,2\n");
            Assert.StartsWith(Path.Combine(folder, name), Assert.Throws<InvalidDataException>(read).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TheTablesOfTheReadmeAreThoseOfItsFiles()
    {
        var sample = Path.Combine(Repository.Root, "samples", "Distributed");
        var figures = Path.Combine(sample, "figures");
        var readme = File.ReadAllLines(Path.Combine(sample, "README.md"));
        var scale = ScaleReport.Lines(MeasuredRanks.ReadAll(figures)).ToArray();
        Assert.Equal(scale, File.ReadAllLines(Path.Combine(figures, ScaleReport.FileName)));
        Assert.All(
            scale.Concat(RunsReport.Lines(RunsFile.ReadAll(figures))).Where(line => line.StartsWith('|')),
            line => Assert.Contains(line, readme));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static TrainingRun Run(int processes, int threads, int seed, params double[] accuracies) => new(
        "data, with a comma", processes, threads, seed, [.. accuracies.Select(accuracy => new EpochFigures(1, 2.5, accuracy, 3.5, 4.5))]);
}
