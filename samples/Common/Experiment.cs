using System.Diagnostics;
using System.Globalization;
using MathNet.Numerics.Statistics;
using Spectre.Console;
using TorchSharp.Mixup.Training;

namespace Mixup.Samples;

/// <summary>One setting of a sample, in which all arms compete. A recipe has its own alpha.</summary>
public sealed record Setting(string Name, double? Alpha, double Noise, int TrainSize);

/// <summary>One training run: an arm in a setting, with a seed.</summary>
public sealed record Run(Setting Setting, string Arm, int Seed);

/// <summary>What came of a run: figures by name, and one of them for every epoch.</summary>
public sealed record Result(Run Run, IReadOnlyDictionary<string, double> Figures, IReadOnlyList<double> Curve);

/// <summary>How a figure is shown.</summary>
/// <param name="Name">The name of the figure.</param>
/// <param name="Title">The heading.</param>
/// <param name="Format">How a value is written.</param>
/// <param name="WithSpread">Whether the standard deviation over seeds is shown.</param>
/// <param name="Decimals">
/// How many decimal places the difference to the arm "none" has, seed by seed, with its 95% interval. Default null: it is not shown.
/// </param>
public sealed record Column(
    string Name, string Title, Func<double, string> Format, bool WithSpread = false, int? Decimals = null);

/// <summary>Runs every arm in every setting with every seed, with progress; then shows a table, a picture and a file.</summary>
public sealed class Experiment(IReadOnlyList<Setting> settings, IReadOnlyList<Column> columns, string curveLabel, bool curveRises = true)
{
    /// <summary>Runs everything.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="train">Trains one run; calls back after every epoch.</param>
    public int Execute(SampleOptions options, Func<Run, ITrainerCallback, Result> train)
    {
        // Seeds outermost, so that what is slow at the start or the end of the program hits all arms alike.
        Run[] runs = [.. from seed in Enumerable.Range(0,
            options.Seeds) from setting in settings from arm in options.Strategies select new Run(setting, arm, seed)];
        var watch = Stopwatch.StartNew();
        var results = AnsiConsole.Progress()
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(),
                new PercentageColumn(),
                new RemainingTimeColumn())
            .Start(context =>
            {
                var bar = context.AddTask("starting", maxValue: runs.Length * options.Epochs);
                return runs.Select(run =>
                {
                    bar.Description = Markup.Escape($"{run.Setting.Name}, {run.Arm}, seed {run.Seed + 1} of {options.Seeds}");
                    return train(run, new Tick(bar));
                }).ToArray();
            });

        Directory.CreateDirectory(options.Out);
        ResultsFile.Write(Path.Combine(options.Out, "results.csv"), results);
        Figures.Curves(
            Path.Combine(options.Out, "curves.png"),
            [.. settings.Select(setting => new Panel(Describe(setting),
                [.. options.Strategies.Select(arm => ToLine(arm, Of(results, setting, arm)))], curveRises))],
            "epoch",
            curveLabel);
        foreach (var setting in settings)
        {
            AnsiConsole.Write(ToTable(setting, options, results));
        }

        AnsiConsole.MarkupLineInterpolated(
            CultureInfo.InvariantCulture, $"{runs.Length} runs of {options.Epochs} epochs in {watch.Elapsed.TotalSeconds:0} s.");
        return 0;
    }

    /// <summary>Says where the files are.</summary>
    public static void SayWhere(SampleOptions options, params string[] files)
    {
        foreach (var file in files)
        {
            Console.WriteLine($"wrote {Path.Combine(options.Out, file)}");
        }
    }

    private static Result[] Of(IEnumerable<Result> results, Setting setting, string arm) =>
        [.. results.Where(result => result.Run.Setting == setting && result.Run.Arm == arm)];

    private static string Describe(Setting setting) => string.Create(
        CultureInfo.InvariantCulture,
        $"{setting.Name} ({setting.TrainSize} training " +
        $"samples{(setting.Alpha is { } alpha ? string.Create(CultureInfo.InvariantCulture, $", alpha {alpha:0.##}") : string.Empty)})");

    private static Line ToLine(string arm, Result[] results)
    {
        var epochs = Enumerable.Range(0, results[0].Curve.Count).Select(
            epoch => results.Select(result => result.Curve[epoch]).ToArray()).ToArray();
        return new Line(arm, [.. epochs.Select(values => values.Mean())], [.. epochs.Select(Spread)]);
    }

    private static double Spread(double[] values) => values.Length > 1 ? values.StandardDeviation() : 0;

    private Table ToTable(Setting setting, SampleOptions options, IEnumerable<Result> results)
    {
        var table = new Table().Border(TableBorder.Rounded).Title(Markup.Escape(Describe(setting)));
        table.AddColumn("mixup");
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(column.Title).RightAligned());
            if (column.Decimals is not null)
            {
                table.AddColumn(new TableColumn("against none").RightAligned());
            }
        }

        foreach (var arm in options.Strategies)
        {
            var of = Of(results, setting, arm);
            table.AddRow([arm, .. columns.SelectMany(column =>
            {
                double[] values = [.. of.Select(result => result.Figures[column.Name])];
                var shown = Markup.Escape(
                    column.Format(values.Mean()) + (
                        column.WithSpread && values.Length > 1 ? " ± " + column.Format(Spread(values)) : string.Empty));
                if (column.Decimals is not { } decimals)
                {
                    return (IEnumerable<string>)[shown];
                }

                var plain = Of(results, setting, "none").Select(result => result.Figures[column.Name]).ToArray();
                var against = arm == "none" || plain.Length < 2
                    ? string.Empty : Interval.OfDifferences(values, plain).ToString(decimals, withSign: true);
                return [shown, against];
            })]);
        }

        return table;
    }

    /// <summary>Moves the bar on after every epoch.</summary>
    private sealed class Tick(ProgressTask bar) : ITrainerCallback
    {
        public void AfterEpoch(TrainingState state) => bar.Increment(1);
    }
}
