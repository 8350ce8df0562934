using System.Globalization;
using CsvHelper;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Writes the figures of every epoch as a row of a CSV file. After every epoch the file holds the learner's whole history, so that a
/// stopped run has its log, and a second or resumed fit adds to it.
/// </summary>
public sealed class CsvLog : LearnerCallback
{
    private readonly string path;

    /// <summary>Creates a log. A fit of a new learner replaces a file that is there, after its first epoch.</summary>
    /// <param name="path">The file. Its folder is made if need be.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is empty.</exception>
    public CsvLog(string path)
        : base(order: 60)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        this.path = Path.GetFullPath(path);
    }

    /// <inheritdoc/>
    public override bool TakesPartInSearch => false;

    /// <inheritdoc/>
    public override bool RunsOnFirstRankAlone => true;

    /// <inheritdoc/>
    public override void BeforeFit(LearnerState state)
    {
        if (Directory.Exists(path))
        {
            throw new IOException($"'{path}' is a folder, so no log can be written there. Give the path of a file.");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
    }

    /// <inheritdoc/>
    public override void AfterEpoch(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Record is null)
        {
            return;
        }

        // Beside and then into place: a kill while writing leaves the old file.
        var temporary = TemporaryFile.NameFor(path);
        try
        {
            using (var csv = new CsvWriter(new StreamWriter(temporary), CultureInfo.InvariantCulture))
            {
                Write(csv, state.Learner.History);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static void Write(CsvWriter csv, IReadOnlyList<EpochRecord> history)
    {
        string[] names = [.. history.SelectMany(record => record.Values.Keys).Distinct()]; // one fit may validate where another does not
        WriteRow(csv, ["epoch", .. names, "learning_rate", "seconds"]);
        for (var epoch = 0; epoch < history.Count; epoch++)
        {
            var record = history[epoch];
            WriteRow(csv, [
                epoch,
                .. names.Select(name => record.Values.TryGetValue(name, out var value) ? (object?)value : null),
                record.LearningRate,
                Math.Round(record.Duration.TotalSeconds, 3)]);
        }
    }

    private static void WriteRow(CsvWriter csv, IEnumerable<object?> values)
    {
        foreach (var value in values)
        {
            csv.WriteField(value);
        }

        csv.NextRecord();
    }
}
