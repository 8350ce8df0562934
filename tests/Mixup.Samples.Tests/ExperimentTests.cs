namespace Mixup.Samples.Tests;

public sealed class ExperimentTests : IDisposable
{
    private static readonly Setting[] Settings = [new("clean, \"quoted\"", 1, 0, 200), new("recipe", null, 0.4, 1_000)];
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    [Fact]
    public void ResultsSurviveTheFile()
    {
        Run[] runs = [new(Settings[0], "none", 0), new(Settings[1], "input", 7)];
        Result[] results = [.. runs.Select((run, i) => Made(run, 1.0 / (3 + i)))];
        var path = Path.Combine(folder, "results.csv");
        ResultsFile.Write(path, results);
        Assert.Equivalent(results.Reverse(), ResultsFile.Read(path, [runs[1], runs[0]]), strict: true);
        Assert.Contains(
            "no run of \"recipe\" with strategy input, seed 8",
            Assert.Throws<InvalidDataException>(() => ResultsFile.Read(path, [runs[1] with { Seed = 8 }])).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "does not exist")]
    [InlineData("a,b\n1,2\n", "not a file of results")]
    [InlineData("setting,strategy,seed,alpha,noise,train_size,accuracy,curve\nx,none,zero,1,0,200,0.5,0.5\n", "line 2")]
    public void AFileWithoutResultsIsRefused(string? content, string message)
    {
        var path = Path.Combine(folder, "results.csv");
        if (content is not null)
        {
            File.WriteAllText(path, content);
        }

        var error = Assert.ThrowsAny<Exception>(() => ResultsFile.Read(path, [new Run(Settings[0], "none", 0)]));
        Assert.True(error is InvalidDataException or FileNotFoundException);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PicturesCanBeDrawnAgainWithoutTraining()
    {
        var options = new SampleOptions(3, 2, null, null, null, CPU, folder, ["none", "input"], Quick: false);
        var experiment = new Experiment(Settings, Classification.Columns, "test accuracy, %");
        var trained = 0;
        experiment.Execute(options, (run, _) =>
        {
            trained++;
            return Made(run, 0.1 * (run.Seed + 1));
        });
        Assert.Equal(2 * Settings.Length * 2, trained);
        var picture = Path.Combine(folder, "curves.png");
        var (first, file) = (File.ReadAllBytes(picture), File.ReadAllText(Path.Combine(folder, "results.csv")));
        File.Delete(picture);
        experiment.Execute(options with { Redraw = true }, (_, _) => throw new InvalidOperationException("It was trained again."));
        Assert.Equal(first, File.ReadAllBytes(picture));
        Assert.Equal(file, File.ReadAllText(Path.Combine(folder, "results.csv")));
    }

    [Fact]
    public void EveryOptionPrintsOneDefault()
    {
        var (code, output, _) = Invoke(["--help"], _ => 0);
        Assert.Equal(0, code);
        var options = output[output.IndexOf("Options:", StringComparison.Ordinal)..].Split("\n  -")[1..];
        Assert.Contains(options, option => option.StartsWith("-device", StringComparison.Ordinal));
        Assert.All(options, option => Assert.InRange(option.Split("default").Length - 1, 0, 1));
    }

    [Fact]
    public void AMissingFileIsOneLineOnTheErrorStream()
    {
        var (code, _, error) = Invoke(
            ["--redraw", "--out", folder],
            options => new Experiment(Settings, Classification.Columns, "y").Execute(options, (run, _) => Made(run, 0)));
        Assert.Equal(2, code);
        Assert.Contains("results.csv does not exist", Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static Result Made(Run run, double value) => new(
        run,
        new Dictionary<string, double> { ["accuracy"] = value, ["nll"] = 1 / 3.0, ["ece"] = 0.1, ["seconds"] = 2 },
        [value / 3, value / 2, value]);

    private static (int Code, string Output, string Error) Invoke(string[] args, Func<SampleOptions, int> run)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var captured = new StringWriter();
        using var failed = new StringWriter();
        Console.SetOut(captured);
        Console.SetError(failed);
        try
        {
            return (SampleCommand.Run(args, "A sample.", new SampleDefaults(9, 3, 2, 100, Arms.All, true, true), run), captured.ToString(),
                failed.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
