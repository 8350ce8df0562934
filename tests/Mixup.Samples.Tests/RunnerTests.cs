using Mixup.Samples.Study;

namespace Mixup.Samples.Tests;

public sealed class RunnerTests : IDisposable
{
    private static readonly Grid Grid = Grid.Of(Extent.Quick, 1_200);
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    [Fact]
    public void AStudyThatWasKilledAnywhereGoesOnToTheSameFile()
    {
        var whole = File.ReadAllText(RunAll(Path.Combine(folder, "whole.csv")));
        Assert.Equal(Grid.Trials.Count + 1, whole.Count(letter => letter == '\n'));
        foreach (
            var cut in new[] { 0, 7, whole.IndexOf('\n', StringComparison.Ordinal), whole.IndexOf('\n', StringComparison.Ordinal) + 1,
                whole.Length / 3, whole.Length / 2, whole.Length - 1, whole.Length })
        {
            var path = Path.Combine(folder, $"cut at {cut}.csv");
            File.WriteAllText(path, whole[..cut]);
            var finished = Math.Max(0, whole[..cut].Count(letter => letter == '\n') - 1);
            var trained = 0;
            RunAll(path, _ => trained++);
            Assert.Equal(whole, File.ReadAllText(path));
            Assert.Equal(Grid.Trials.Count - finished, trained);
        }
    }

    [Fact]
    public void WhatComesOfATrialIsTheSameEveryTimeAndSurvivesTheFile()
    {
        using var scope = NewDisposeScope();
        var trainer = new Trainer(ImageData.Digits(CPU));
        foreach (
            var trial in new[] { Grid.Of("manifold", Grid.Small).First(), Grid.Of("input", Grid.Small, twoOutputs: true).First(),
                Grid.Of("none", Grid.Noisy, alpha: Grid.NoiseAlpha, wrong: 0.5).First() })
        {
            var path = Path.Combine(folder, trial.Name + ".csv");
            var images = 0L;
            var outcome = trainer.Run(trial, n => images += n);
            new Journal(path).Add(outcome);
            Assert.Equal(trial.Work, images);
            Assert.Equivalent(outcome, trainer.Run(trial, _ => { }));
            Assert.Equivalent(outcome, new Journal(path).Find(trial));
            Assert.InRange(outcome.Accuracy, trial.WrongLabels > 0 ? 0.1 : 0.3, 1); // it learns
        }
    }

    [Fact]
    public void EveryArmOfASeedHasTheSameBatches()
    {
        using var scope = NewDisposeScope();
        var trainer = new Trainer(ImageData.Digits(CPU));
        Tensor[] Batches(string arm, int seed) =>
            [.. trainer.Training(Grid.Of(arm, Grid.Noisy, alpha: Grid.NoiseAlpha,
                wrong: 0.5).First() with { Seed = seed }).SelectMany(batch => new[] { batch.Inputs[0], batch.Target })];
        Assert.All(Batches("none", 0).Zip(Batches("output", 0)), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>()));
        Assert.Contains(Batches("none", 0).Zip(Batches("none", 1)), pair => !pair.First.equal(pair.Second).all().item<bool>());
    }

    [Fact]
    public void TheGridHoldsEveryTrialOnceAndAllThatTheReportAsksFor()
    {
        foreach (var extent in Enum.GetValues<Extent>())
        {
            var grid = Grid.Of(extent, 60_000);
            Assert.Equal(grid.Trials.Count, grid.Trials.Distinct().Count());
            var journal = new Journal(Path.Combine(folder, extent + ".csv"));
            Runner.Run(grid.Trials, journal, (trial, _) => Made(trial), new Silent());
            new Report(grid, journal, "noise", 1, folder).Write(
                new Conditions("command", "machine"), [new Cost("none", 1, (1, 1, 1), 1e6), new Cost("input", 1.1, (1, 1.1, 1.2), 1.1e6)]);
            var report = File.ReadAllText(Path.Combine(folder, "report.md"));
            Assert.All(Enumerable.Range(1, 8), question => Assert.Contains($"\n## {question}. ", report, StringComparison.Ordinal));
            Assert.All(
                System.Text.RegularExpressions.Regex.Matches(report, @"\]\((\w[\w-]*\.png)\)").Select(match => match.Groups[1].Value),
                name => Assert.True(new FileInfo(Path.Combine(folder, name)).Length > 1_000));
            Assert.DoesNotContain("NaN", report, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("a,b\n1,2\n", "not a journal of this study")]
    [InlineData(null, "line 2: this is not a trial")]
    public void AForeignFileIsRefused(string? content, string message)
    {
        var path = Path.Combine(folder, "foreign.csv");
        _ = new Journal(path);
        File.WriteAllText(path, content ?? File.ReadAllText(path) + "input,maybe,1\n");
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => new Journal(path)).Message, StringComparison.OrdinalIgnoreCase);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static string RunAll(string path, Action<Trial>? trained = null)
    {
        Runner.Run(
            Grid.Trials,
            new Journal(path),
            (trial, _) =>
            {
                trained?.Invoke(trial);
                return Made(trial);
            },
            new Silent());
        return path;
    }

    /// <summary>Figures that depend on the trial, as those of training do.</summary>
    private static Outcome Made(Trial trial)
    {
        var random = new Random(trial.Seed + (trial.TrainSize * 7) + (int)(trial.Alpha * 100) + trial.Name.Length);
        return new Outcome(
            trial,
            random.NextDouble(),
            random.NextDouble(),
            random.NextDouble(),
            random.NextDouble(),
            [random.NextDouble(), 1.0 / 3, random.NextDouble()],
            [new ReliabilityBin(3, 0.1 + 0.2, 1), new ReliabilityBin(7, random.NextDouble(), 0)]);
    }

    private sealed class Silent : IStudyProgress
    {
        public void Begin(Trial trial, int number, int count)
        {
        }

        public void Done(double images)
        {
        }
    }
}
