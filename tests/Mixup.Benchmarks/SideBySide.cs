using System.Diagnostics;
using System.Globalization;
using MathNet.Numerics.Statistics;
using Spectre.Console;

namespace TorchSharp.Mixup.Benchmarks;

/// <summary>
/// Times the contenders of a case in turn, round by round in one process, so that whatever else the machine does hits all of them alike.
/// </summary>
internal static class SideBySide
{
    private const double SecondsForACase = 6;
    private const double MicrosecondsOfARound = 20_000;
    private const int LeastRounds = 60;
    private const int MostRounds = 2_000;

    /// <summary>Prints the table.</summary>
    /// <param name="cases">The cases.</param>
    /// <param name="filter">What the name of a case must contain.</param>
    /// <returns>The rows that miss their bound.</returns>
    public static IReadOnlyList<string> Print(IReadOnlyList<Func<Case>> cases, string filter)
    {
        List<string> missed = [];
        var table = new Table().Border(TableBorder.Rounded)
            .AddColumns("case", "against")
            .AddColumn(new TableColumn("ours, us").RightAligned())
            .AddColumn(new TableColumn("theirs, us").RightAligned())
            .AddColumn(new TableColumn("ours is faster by").RightAligned())
            .AddColumn("must reach");
        AnsiConsole.Progress().Start(progress =>
        {
            var bar = progress.AddTask("measuring", maxValue: cases.Count);
            foreach (var make in cases)
            {
                bar.Increment(1);
                var one = make();
                if (!one.Name.Contains(filter, StringComparison.Ordinal))
                {
                    continue;
                }

                bar.Description = Markup.Escape(one.Name);
                var times = Measure([one.Ours, .. one.Others.Select(pair => pair.Other)]);
                foreach (var ((other, bound), theirs) in one.Others.Zip(times.Skip(1)))
                {
                    // Pairs of one round share their moment: their ratio is steadier than either time.
                    double[] ratios = [.. theirs.Zip(times[0], (their, our) => their / our)];
                    var ratio = ratios.Median();
                    var kept = bound?.Holds(ratio) ?? true;
                    if (!kept)
                    {
                        missed.Add(string.Create(
                            CultureInfo.InvariantCulture, $"{one.Name}, against {other.Name}: {ratio:0.00}x, but it must be {bound}"));
                    }

                    table.AddRow(
                        Markup.Escape(one.Name),
                        Markup.Escape(other.Name),
                        Number(times[0].Median()),
                        Number(theirs.Median()),
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{ratio:0.00}x ({ratios.LowerQuartile():0.00} to {ratios.UpperQuartile():0.00})"),
                        Markup.Escape(bound is null ? string.Empty : kept ? bound.ToString() : bound + ": missed"));
                }
            }
        });
        // A log has no width of its own, and a table that is folded to 80 columns cannot be read.
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 230);
        AnsiConsole.Write(table);
        return missed;
    }

    /// <summary>Microseconds of each contender in each round.</summary>
    internal static double[][] Measure(IReadOnlyList<Contender> contenders, double seconds = SecondsForACase)
    {
        // Until the methods are compiled for good, and malloc has settled.
        var warmUp = Stopwatch.StartNew();
        do
        {
            foreach (var contender in contenders)
            {
                Time(contender, 2);
            }
        }
        while (warmUp.Elapsed.TotalSeconds < Math.Min(1, seconds));

        // Many runs make a round: one is too short for the clock, and the caches and the memory that is free are not at once those of the
        // contender.
        int[] runs = [.. contenders.Select(contender => (int)Math.Clamp(MicrosecondsOfARound / Time(contender, 1), 1, 400))];
        var rounds = new List<double[]>();
        var watch = Stopwatch.StartNew();
        while (rounds.Count < LeastRounds || (watch.Elapsed.TotalSeconds < seconds && rounds.Count < MostRounds))
        {
            // To and fro, so that no one always comes after the same other.
            var round = new double[contenders.Count];
            foreach (var i in rounds.Count % 2 == 0 ? Enumerable.Range(0, round.Length) : Enumerable.Range(0, round.Length).Reverse())
            {
                if (runs[i] > 1)
                {
                    Time(contenders[i], 1);
                }

                round[i] = Time(contenders[i], runs[i]);
            }

            rounds.Add(round);
        }

        return [.. contenders.Select((_, i) => rounds.Select(round => round[i]).ToArray())];
    }

    private static double Time(Contender contender, int runs)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < runs; i++)
        {
            using var scope = NewDisposeScope();
            contender.Run();
        }

        return Stopwatch.GetElapsedTime(start).TotalMicroseconds / runs;
    }

    private static string Number(double microseconds) =>
        microseconds.ToString(microseconds < 100 ? "0.0" : "#,0", CultureInfo.InvariantCulture);
}
