using System.Globalization;
using CsvHelper;

namespace Mixup.Samples;

/// <summary>The file of results: a line for each run, with its figures and its curve, from which tables and pictures are drawn.</summary>
public static class ResultsFile
{
    private const string Curve = "curve";
    private static readonly string[] Keys = ["setting", "strategy", "seed", "alpha", "noise", "train_size"];

    /// <summary>Writes all results.</summary>
    /// <param name="path">The CSV file. An existing file is replaced.</param>
    /// <param name="results">The results, one or more, all with figures of the same names.</param>
    public static void Write(string path, IReadOnlyList<Result> results)
    {
        using var csv = new CsvWriter(new StreamWriter(path), CultureInfo.InvariantCulture);
        string[] names = [.. results[0].Figures.Keys];
        WriteLine(csv, [.. Keys, .. names, Curve]);
        foreach (var (run, figures, curve) in results)
        {
            var values = string.Join(' ', curve.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
            WriteLine(csv, [
                run.Setting.Name, run.Arm, run.Seed, run.Setting.Alpha, run.Setting.Noise, run.Setting.TrainSize,
                .. names.Select(name => (object)figures[name]), values]);
        }
    }

    /// <summary>Reads the results of some runs.</summary>
    /// <param name="path">The CSV file.</param>
    /// <param name="runs">The runs.</param>
    /// <returns>The result of each run, in the order of the runs.</returns>
    /// <exception cref="FileNotFoundException">The file does not exist.</exception>
    /// <exception cref="InvalidDataException">The file is not one of results, or has no line for one of the runs.</exception>
    public static Result[] Read(string path, IReadOnlyList<Run> runs)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{path} does not exist, so there is nothing to draw. Run without --redraw first.");
        }

        using var csv = new CsvReader(new StreamReader(path), CultureInfo.InvariantCulture);
        if (!csv.Read() || !csv.ReadHeader() || !csv.HeaderRecord!.Take(Keys.Length).SequenceEqual(Keys) || csv.HeaderRecord![^1] != Curve)
        {
            throw new InvalidDataException(
                $"{path} is not a file of results: its first line must begin with {string.Join(',', Keys)} and end with {Curve}. " +
                "Give --out another folder.");
        }

        string[] names = csv.HeaderRecord![Keys.Length..^1];
        var results = new Dictionary<Run, Result>();
        while (csv.Read())
        {
            try
            {
                var setting = new Setting(
                    csv.GetField<string>(0)!, csv.GetField<double?>(3), csv.GetField<double>(4), csv.GetField<int>(5));
                var run = new Run(setting, csv.GetField<string>(1)!, csv.GetField<int>(2));
                results[run] = new Result(
                    run,
                    names.ToDictionary(name => name, name => csv.GetField<double>(name)),
                    [.. csv.GetField<string>(Curve)!.Split(' ').Select(value => double.Parse(value, CultureInfo.InvariantCulture))]);
            }
            catch (Exception e) when (e is CsvHelperException or FormatException)
            {
                throw new InvalidDataException(
                    $"{path}, line {csv.Parser.Row}: expected a run with its figures and its curve. Remove the line.", e);
            }
        }

        return [.. runs.Select(run => results.GetValueOrDefault(run) ?? throw new InvalidDataException(
            $"{path} has no run of \"{run.Setting.Name}\" with strategy {run.Arm}, seed {run.Seed}. " +
            "Give the options that the file was made with, or run without --redraw."))];
    }

    private static void WriteLine(CsvWriter csv, IEnumerable<object?> values)
    {
        foreach (var value in values)
        {
            csv.WriteField(value);
        }

        csv.NextRecord();
    }
}
