using System.Diagnostics;
using System.Globalization;
using MathNet.Numerics.Statistics;
using Spectre.Console;
using TorchSharp.Mixup.Training;

namespace Mixup.Samples;

/// <summary>One setting of a sample, in which all strategies are compared.</summary>
/// <param name="Name">The name in tables and pictures.</param>
/// <param name="Alpha">The concentration of the Beta distribution; null for a recipe, which has its own.</param>
/// <param name="Noise">The fraction of training labels that are wrong.</param>
/// <param name="TrainSize">The number of training samples.</param>
public sealed record Setting(string Name, double? Alpha, double Noise, int TrainSize);

/// <summary>One training run.</summary>
/// <param name="Setting">The setting.</param>
/// <param name="Arm">The strategy, one of <see cref="Arms.All"/>.</param>
/// <param name="Seed">The seed.</param>
public sealed record Run(Setting Setting, string Arm, int Seed);

/// <summary>The result of a run.</summary>
/// <param name="Run">The run.</param>
/// <param name="Figures">The figures at the end, by name.</param>
/// <param name="Curve">One figure after every epoch.</param>
public sealed record Result(Run Run, IReadOnlyDictionary<string, double> Figures, IReadOnlyList<double> Curve);

/// <summary>A column of the table.</summary>
/// <param name="Name">The name of the figure.</param>
/// <param name="Title">The heading.</param>
/// <param name="Format">Writes a value.</param>
/// <param name="WithSpread">Whether the standard deviation over seeds is shown.</param>
/// <param name="Decimals">
/// The decimal places of a column beside it: the mean difference from the strategy "none", seed by seed, with its 95% interval.
/// Default null: no such column.
/// </param>
public sealed record Column(
    string Name, string Title, Func<double, string> Format, bool WithSpread = false, int? Decimals = null);

/// <summary>Runs every strategy in every setting with every seed, with progress; then shows a table, a picture and a file.</summary>
/// <param name="settings">The settings.</param>
/// <param name="columns">The columns of the table.</param>
/// <param name="curveLabel">What the curves show, with its unit.</param>
/// <param name="curveScale">The factor from the values of the curves to that unit. Default 100: from fractions to percent.</param>
public sealed class Experiment(
    IReadOnlyList<Setting> settings, IReadOnlyList<Column> columns, string curveLabel, double curveScale = 100)
{
    /// <summary>Runs everything, or reads what was run before if the command line asks for that.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="train">Trains one run, with a callback to register.</param>
    /// <returns>The exit code 0.</returns>
    /// <exception cref="FileNotFoundException">Results are to be drawn again, but the file does not exist.</exception>
    /// <exception cref="InvalidDataException">Results are to be drawn again, but the file has not all of them.</exception>
    public int Execute(SampleOptions options, Func<Run, LearnerCallback, Result> train)
    {
        // Seeds are the outermost loop, so that what is slow at the start or the end of the program affects all strategies alike.
        Run[] runs = [.. from seed in Enumerable.Range(0,
            options.Seeds) from setting in settings from arm in options.Strategies select new Run(setting, arm, seed)];
        var file = Path.Combine(options.Out, "results.csv");
        var watch = Stopwatch.StartNew();
        var results = options.Redraw ? ResultsFile.Read(file, runs) : Train(runs, options, train);
        Directory.CreateDirectory(options.Out);
        if (!options.Redraw)
        {
            ResultsFile.Write(file, results);
        }

        var ticks = Figures.EpochTicks(results[0].Curve.Count);
        Figures.Curves(
            Path.Combine(options.Out, "curves.png"),
            [.. settings.Select(setting => new Panel(Describe(setting),
                [.. options.Strategies.Select(arm => ToLine(arm, Of(results, setting, arm)))], ticks))],
            "epoch",
            curveLabel,
            NoteOf(options));
        foreach (var setting in settings)
        {
            AnsiConsole.Write(ToTable(setting, options, results));
        }

        Console.WriteLine(
            $"{Count(runs.Length, "run")} of {Count(results[0].Curve.Count, "epoch")}" + (options.Redraw
                ? $", read from {file}."
                : string.Create(CultureInfo.InvariantCulture, $" in {watch.Elapsed.TotalSeconds:0} s.")));
        return 0;
    }

    /// <summary>Says where the files are.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="files">Their names. Only pictures are written if results are drawn again.</param>
    public static void SayWhere(SampleOptions options, params string[] files)
    {
        foreach (var file in files.Where(file => !options.Redraw || Path.GetExtension(file) == ".png"))
        {
            Console.WriteLine($"Wrote {Path.Combine(options.Out, file)}");
        }
    }

    private static Result[] Train(Run[] runs, SampleOptions options, Func<Run, LearnerCallback, Result> train) =>
        SampleProgress.Start(context =>
        {
            var bar = context.AddTask("starting", maxValue: runs.Length * options.Epochs);
            return runs.Select(run =>
            {
                bar.Description = Markup.Escape($"{run.Setting.Name}, {run.Arm}, seed {run.Seed + 1} of {options.Seeds}");
                return train(run, new Tick(bar));
            }).ToArray();
        });

    private static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    private static string NoteOf(SampleOptions options) =>
        (options.Seeds > 1
            ? $"Lines: mean of {options.Seeds} seeds. Bands: one standard deviation above and below the mean."
            : "Each line is a single run, so there are no bands.") +
        (options.Quick ? " This is a short run to see that the sample works: it shows nothing about mixup." : string.Empty);

    private static Result[] Of(IEnumerable<Result> results, Setting setting, string arm) =>
        [.. results.Where(result => result.Run.Setting == setting && result.Run.Arm == arm)];

    private static string Describe(Setting setting) => string.Create(
        CultureInfo.InvariantCulture,
        $"{setting.Name} ({setting.TrainSize:N0} training " +
        $"samples{(setting.Alpha is { } alpha ? string.Create(CultureInfo.InvariantCulture, $", alpha {alpha:0.##}") : string.Empty)})");

    private Line ToLine(string arm, Result[] results)
    {
        var epochs = Enumerable.Range(0, results[0].Curve.Count).Select(
            epoch => results.Select(result => result.Curve[epoch]).ToArray()).ToArray();
        return new Line(
            arm, [.. epochs.Select(values => curveScale * values.Mean())], [.. epochs.Select(values => curveScale * Spread(values))]);
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
    private sealed class Tick(ProgressTask bar) : LearnerCallback
    {
        public override void AfterEpoch(LearnerState state) => bar.Increment(1);
    }
}
