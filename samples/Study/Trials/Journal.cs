using System.Globalization;
using CsvHelper;

namespace Mixup.Samples.Study;

/// <summary>
/// The outcomes so far, in a CSV file. Each outcome is added as soon as its trial ends, so a study that was stopped can continue.
/// </summary>
public sealed class Journal
{
    private static readonly string[] Header =
    [
        "strategy", "two_outputs", "alpha", "rate", "train_size", "wrong_labels", "place", "epochs", "seed", "accuracy", "nll", "ece",
        "adversarial_accuracy", "curve", "reliability",
    ];

    private readonly string path;
    private readonly Dictionary<Trial, Outcome> outcomes = [];

    /// <summary>Opens a journal, or starts a new one.</summary>
    /// <param name="path">The file. An incomplete last line is removed.</param>
    /// <exception cref="InvalidDataException">The file is not a journal of this study.</exception>
    public Journal(string path)
    {
        this.path = path;
        var header = string.Join(',', Header) + "\n";
        var text = File.Exists(path) ? File.ReadAllText(path) : string.Empty;
        if (text.Length < header.Length && header.StartsWith(text, StringComparison.Ordinal))
        {
            File.WriteAllText(path, header);
            return;
        }

        var whole = text[..(text.LastIndexOf('\n') + 1)];
        using var csv = new CsvReader(new StringReader(whole), CultureInfo.InvariantCulture);
        if (!csv.Read() || !csv.ReadHeader() || !csv.HeaderRecord!.SequenceEqual(Header))
        {
            throw new InvalidDataException($"{path} is not a journal of this study: its first line should be {string.Join(',', Header)}. " +
                "Give --out another folder, or remove the file.");
        }

        while (csv.Read())
        {
            Outcome outcome;
            try
            {
                outcome = Read(csv);
            }
            catch (Exception e) when (e is CsvHelperException or FormatException or IndexOutOfRangeException)
            {
                throw new InvalidDataException($"{path}, line {csv.Parser.Row}: this is not a trial of the study. " +
                    "Remove the line, and the trial is run again.", e);
            }

            outcomes[outcome.Trial] = outcome;
        }

        if (whole.Length < text.Length)
        {
            File.WriteAllText(path, whole);
        }
    }

    /// <summary>Finds the outcome of a trial; null if it was not run.</summary>
    public Outcome? Find(Trial trial) => outcomes.GetValueOrDefault(trial);

    /// <summary>Adds an outcome to the file, then to this journal.</summary>
    public void Add(Outcome outcome)
    {
        using var text = new StringWriter();
        using (var csv = new CsvWriter(text, CultureInfo.InvariantCulture, leaveOpen: true))
        {
            foreach (var field in Fields(outcome))
            {
                csv.WriteField(field);
            }
        }

        File.AppendAllText(path, text.ToString().TrimEnd() + "\n");
        outcomes[outcome.Trial] = outcome;
    }

    private static IEnumerable<object> Fields(Outcome outcome)
    {
        var trial = outcome.Trial;
        return
        [
            trial.Arm, trial.TwoOutputs, trial.Alpha, trial.Rate, trial.TrainSize, trial.WrongLabels, trial.Place, trial.Epochs, trial.Seed,
            outcome.Accuracy, outcome.LogLikelihood, outcome.CalibrationError, outcome.AdversarialAccuracy,
            string.Join(' ', outcome.Curve.Select(value => value.ToString("R", CultureInfo.InvariantCulture))),
            string.Join(
                ' ',
                outcome.Reliability.Select(
                    bin => string.Create(CultureInfo.InvariantCulture, $"{bin.Count}:{bin.Confidence:R}:{bin.Accuracy:R}"))),
        ];
    }

    private static Outcome Read(CsvReader csv)
    {
        var at = 0;
        T Next<T>() => csv.GetField<T>(at++)!;
        var trial = new Trial(
            Next<string>(),
            Next<bool>(),
            Next<double>(),
            Next<double>(),
            Next<int>(),
            Next<double>(),
            Next<string>(),
            Next<int>(),
            Next<int>());
        return new Outcome(
            trial,
            Next<double>(),
            Next<double>(),
            Next<double>(),
            Next<double>(),
            [.. Next<string>().Split(' ').Select(value => double.Parse(value, CultureInfo.InvariantCulture))],
            [.. Next<string>().Split(' ').Select(bin => bin.Split(':')).Select(bin => new ReliabilityBin(
                int.Parse(bin[0], CultureInfo.InvariantCulture), double.Parse(bin[1], CultureInfo.InvariantCulture),
                    double.Parse(bin[2], CultureInfo.InvariantCulture)))]);
    }
}
