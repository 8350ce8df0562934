using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace Mixup.Samples.Distributed;

/// <summary>The runs of one number of processes: a line for each epoch.</summary>
public static class RunsFile
{
    private const string Prefix = "processes-";

    /// <summary>Gets the path of the file.</summary>
    /// <param name="folder">The folder of results.</param>
    /// <param name="processes">The number of processes.</param>
    public static string PathOf(string folder, int processes) => Path.Combine(folder, $"{Prefix}{processes}.csv");

    /// <summary>Reads the runs of one number of processes.</summary>
    /// <param name="folder">The folder of results.</param>
    /// <param name="processes">The number of processes.</param>
    /// <returns>The runs; none if there is no such file.</returns>
    /// <exception cref="InvalidDataException">The file is not one of runs.</exception>
    public static IReadOnlyList<TrainingRun> Read(string folder, int processes)
    {
        var path = PathOf(folder, processes);
        return File.Exists(path) ? Read(path) : [];
    }

    /// <summary>Reads the runs of all files of a folder, by their number of processes.</summary>
    /// <param name="folder">The folder of results.</param>
    /// <exception cref="InvalidDataException">A file is not one of runs.</exception>
    public static IReadOnlyList<TrainingRun> ReadAll(string folder) =>
        [.. ResultFiles.Find(folder, Prefix).SelectMany(path => Read(path)).OrderBy(run => run.Processes).ThenBy(run => run.Seed)];

    /// <summary>
    /// Adds a run. Runs of other seeds stay if they differ in nothing else; a run of the same seed and other runs are replaced.
    /// </summary>
    /// <param name="folder">The folder of results.</param>
    /// <param name="run">The run.</param>
    public static void Add(string folder, TrainingRun run)
    {
        var others = Read(folder, run.Processes).Where(other => other.IsLike(run) && other.Seed != run.Seed);
        using var csv = new CsvWriter(new StreamWriter(PathOf(folder, run.Processes)), CultureInfo.InvariantCulture);
        csv.WriteRecords(others.Append(run).OrderBy(one => one.Seed).SelectMany(one => one.Epochs.Select((epoch, i) => new Row(
            one.Data, one.Processes, one.Threads, one.Seed, i + 1, epoch.TrainLoss, epoch.ValidationLoss, epoch.ValidationAccuracy,
            Math.Round(epoch.Seconds, 3), Math.Round(epoch.SamplesPerSecond, 1)))));
    }

    private static IReadOnlyList<TrainingRun> Read(string path)
    {
        try
        {
            using var csv = new CsvReader(new StreamReader(path), new CsvConfiguration(CultureInfo.InvariantCulture));
            return
            [
                .. csv.GetRecords<Row>().ToArray().GroupBy(row => (row.data, row.processes, row.threads, row.seed))
                    .Select(run => new TrainingRun(
                    run.Key.data, run.Key.processes, run.Key.threads, run.Key.seed,
                    [.. run.OrderBy(row => row.epoch).Select(row => new EpochFigures(
                        row.train_loss, row.validation_loss, row.validation_accuracy, row.seconds, row.samples_per_second))])),
            ];
        }
        catch (CsvHelperException e)
        {
            throw new InvalidDataException($"{path} is not a file of runs. Remove it, or give --out another folder.", e);
        }
    }

    // The names are those of the columns.
#pragma warning disable SA1300, IDE1006
    private sealed record Row(
        string data, int processes, int threads, int seed, int epoch, double train_loss, double validation_loss, double validation_accuracy,
        double seconds, double samples_per_second);
#pragma warning restore SA1300, IDE1006
}
