using System.Globalization;
using CsvHelper;

namespace TorchSharp.Mixup.Training;

/// <summary>Writes the figures of every epoch as a row, at once, so that a stopped run has its log.</summary>
public sealed class CsvLog : ITrainerCallback
{
    private readonly string path;
    private bool startsAnew;

    /// <summary>Logs to a file. A fit that starts with epoch 0 starts it anew, with its first row; a resumed one appends.</summary>
    /// <param name="path">The file; its folder is made if need be.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is empty.</exception>
    public CsvLog(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        this.path = path;
    }

    /// <summary>After those that measure: 60.</summary>
    public int Order => 60;

    /// <inheritdoc/>
    public void BeforeFit(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        startsAnew = state.Epoch == 0;
    }

    /// <inheritdoc/>
    public void AfterEpoch(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Record is not { } record)
        {
            return;
        }

        if (startsAnew)
        {
            File.Delete(path);
            startsAnew = false;
        }

        var isNew = !File.Exists(path);
        using var csv = new CsvWriter(new StreamWriter(path, append: true), CultureInfo.InvariantCulture);
        (string Name, object Value)[] row =
        [
            ("epoch", record.Epoch),
            .. record.Figures.Select(figure => (figure.Key, (object)figure.Value)),
            ("learning_rate", record.LearningRate),
            ("seconds", Math.Round(record.Seconds, 3)),
        ];
        foreach (var (name, _) in isNew ? row : [])
        {
            csv.WriteField(name);
        }

        if (isNew)
        {
            csv.NextRecord();
        }

        foreach (var (_, value) in row)
        {
            csv.WriteField(value);
        }

        csv.NextRecord();
    }
}
