using System.Globalization;
using MathNet.Numerics.Statistics;

namespace Mixup.Samples.Distributed;

/// <summary>The picture and the table of runs with different numbers of processes.</summary>
public static class RunsReport
{
    /// <summary>The name of the picture.</summary>
    public const string PictureName = "curves.png";

    /// <summary>Draws the validation accuracy by epoch: a line for each number of processes, as a mean over seeds.</summary>
    /// <param name="folder">The folder of the picture.</param>
    /// <param name="runs">The runs, one or more. Each data set has its own panel.</param>
    public static void Draw(string folder, IReadOnlyList<TrainingRun> runs)
    {
        var seeds = Groups(runs).Select(group => group.Length).Distinct().ToArray();
        Figures.Curves(
            Path.Combine(folder, PictureName),
            [.. ByData(runs).Select(data => new Panel(
                $"{data[0].Data}, input mixup, batches of {Trainer.BatchSize} in all processes together",
                [.. Groups(data).Select(ToLine)],
                Figures.EpochTicks(data.Max(run => run.Epochs.Count))))],
            "epoch",
            "validation accuracy, %",
            seeds is [1]
                ? "Each line is a single run, so there are no bands."
                : $"Lines: mean of {string.Join(" or ", seeds)} seeds. Bands: one standard deviation above and below the mean.");
    }

    /// <summary>Writes a table of samples a second for each data set, and compares them with those of the fewest processes.</summary>
    /// <param name="runs">The runs, one or more.</param>
    /// <returns>The lines.</returns>
    public static IEnumerable<string> Lines(IReadOnlyList<TrainingRun> runs) =>
        ByData(runs).SelectMany(data => (string[])[$"{data[0].Data}:", string.Empty, .. Table(data), string.Empty]);

    private static IEnumerable<string> Table(IReadOnlyList<TrainingRun> runs)
    {
        TrainingRun[][] groups = [.. Groups(runs)];
        var least = Speed(groups[0]);
        return MarkdownTable.Of(
            ["processes", "runs", "samples a second, median", "lowest", "highest", $"against {groups[0][0].Name}", "accuracy % at the end"],
            groups.Select(group => (string[])
            [
                group[0].Name,
                group.Length.ToString(CultureInfo.InvariantCulture),
                Text(Speed(group)),
                Text(group.Min(run => run.SamplesPerSecond)),
                Text(group.Max(run => run.SamplesPerSecond)),
                (Speed(group) / least).ToString("0.00", CultureInfo.InvariantCulture),
                Describe([.. group.Select(run => 100 * run.Epochs[^1].ValidationAccuracy)]),
            ]),
            words: 1);
    }

    private static IEnumerable<TrainingRun[]> ByData(IReadOnlyList<TrainingRun> runs) =>
        runs.GroupBy(run => run.Data).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => group.ToArray());

    private static IEnumerable<TrainingRun[]> Groups(IReadOnlyList<TrainingRun> runs) =>
        runs.GroupBy(run => (run.Data, run.Processes)).OrderBy(group => group.Key).Select(group => group.ToArray());

    private static double Speed(IEnumerable<TrainingRun> runs) => runs.Select(run => run.SamplesPerSecond).Median();

    private static string Text(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Describe(double[] values) =>
        values.Mean().ToString("0.0", CultureInfo.InvariantCulture) +
        (values.Length > 1 ? " ± " + values.StandardDeviation().ToString("0.0", CultureInfo.InvariantCulture) : string.Empty);

    private static Line ToLine(TrainingRun[] runs)
    {
        double[][] epochs =
        [
            .. Enumerable.Range(0, runs[0].Epochs.Count).Select(i => runs.Select(run => 100 * run.Epochs[i].ValidationAccuracy).ToArray()),
        ];
        return new Line(
            runs[0].Name,
            [.. epochs.Select(values => values.Mean())],
            [.. epochs.Select(values => values.Length > 1 ? values.StandardDeviation() : 0)]);
    }
}
