using System.Globalization;
using CsvHelper;
using MathNet.Numerics.Statistics;

namespace Mixup.Samples.Distributed;

/// <summary>The parts of a step, and work outside of steps, that are timed.</summary>
public enum Part
{
    /// <summary>Mixing, forward and backward pass of a rank's share of the batch.</summary>
    Compute,

    /// <summary>Waiting for the slowest rank.</summary>
    Waiting,

    /// <summary>The reduction of the network's gradients within a step.</summary>
    Gradients,

    /// <summary>The step of the optimizer.</summary>
    Optimizer,

    /// <summary>Mixing, forward and backward pass of a whole batch on each rank.</summary>
    WholeBatch,

    /// <summary>The reduction of a single number: a meeting and one message.</summary>
    Number,

    /// <summary>The reduction of a number of gradients by itself.</summary>
    Reduction,
}

/// <summary>The times of one part.</summary>
/// <param name="Part">The part.</param>
/// <param name="Parameters">The number of parameters whose gradients were reduced; 0 if none were.</param>
/// <param name="Repetitions">How often it was timed.</param>
/// <param name="Median">The median in seconds.</param>
/// <param name="Lowest">The shortest time in seconds.</param>
/// <param name="Highest">The longest time in seconds.</param>
public sealed record Measurement(Part Part, long Parameters, int Repetitions, double Median, double Lowest, double Highest)
{
    /// <summary>Summarises times.</summary>
    /// <param name="part">The part.</param>
    /// <param name="parameters">The number of parameters.</param>
    /// <param name="seconds">The times, one or more.</param>
    public static Measurement Of(Part part, long parameters, IReadOnlyList<double> seconds) =>
        new(part, parameters, seconds.Count, seconds.Median(), seconds.Min(), seconds.Max());
}

/// <summary>All measurements of one number of ranks.</summary>
/// <param name="Library">The MPI library.</param>
/// <param name="Ranks">The number of ranks.</param>
/// <param name="Threads">The number of libtorch's threads in each.</param>
/// <param name="Measurements">The measurements.</param>
public sealed record MeasuredRanks(string Library, int Ranks, int Threads, IReadOnlyList<Measurement> Measurements)
{
    private const string Prefix = "measure-";

    /// <summary>Gets the time of a part.</summary>
    /// <param name="part">The part.</param>
    /// <returns>The median in seconds.</returns>
    public double this[Part part] => Measurements.First(measurement => measurement.Part == part).Median;

    /// <summary>Gets the path of the file.</summary>
    /// <param name="folder">The folder of results.</param>
    /// <param name="ranks">The number of ranks.</param>
    public static string PathOf(string folder, int ranks) => Path.Combine(folder, $"{Prefix}{ranks}.csv");

    /// <summary>Reads all files of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>The measurements, by their number of ranks.</returns>
    /// <exception cref="InvalidDataException">A file is not one of measurements.</exception>
    public static IReadOnlyList<MeasuredRanks> ReadAll(string folder) =>
        [.. ResultFiles.Find(folder, Prefix).Select(Read).OrderBy(measured => measured.Ranks)];

    /// <summary>Writes the file. An existing one is replaced.</summary>
    /// <param name="folder">The folder, which exists.</param>
    public void Write(string folder)
    {
        using var csv = new CsvWriter(new StreamWriter(PathOf(folder, Ranks)), CultureInfo.InvariantCulture);
        csv.WriteRecords(Measurements.Select(one => new Row(
            Library, Ranks, Threads, one.Part, one.Parameters, one.Repetitions,
            Rounded(one.Median), Rounded(one.Lowest), Rounded(one.Highest))));
    }

    private static MeasuredRanks Read(string path)
    {
        try
        {
            using var csv = new CsvReader(new StreamReader(path), CultureInfo.InvariantCulture);
            Row[] rows = [.. csv.GetRecords<Row>()];
            return rows.Select(row => row.part).Distinct().Count() == Enum.GetValues<Part>().Length
                ? new MeasuredRanks(rows[0].library, rows[0].ranks, rows[0].threads, [.. rows.Select(row => new Measurement(
                    row.part, row.parameters, row.repetitions, row.median_seconds, row.lowest_seconds, row.highest_seconds))])
                : throw Damaged(null);
        }
        catch (CsvHelperException e)
        {
            throw Damaged(e);
        }

        InvalidDataException Damaged(Exception? inner) =>
            new($"{path} has not all measurements of one number of ranks. Remove it, or give --out another folder.", inner);
    }

    private static double Rounded(double seconds) => Math.Round(seconds, 7);

    // The names are those of the columns.
#pragma warning disable IDE1006
    private sealed record Row(
        string library, int ranks, int threads, Part part, long parameters, int repetitions, double median_seconds, double lowest_seconds,
        double highest_seconds);
#pragma warning restore IDE1006
}
