using System.Globalization;

namespace Mixup.Samples.Distributed;

/// <summary>Writes tables of measurements, and of the interconnect that more ranks need according to the model.</summary>
public static class ScaleReport
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "scale.md";

    /// <summary>
    /// The meetings of a step of the learner: on the weights of the loss, the backward pass, the gradients, and the optimizer step.
    /// </summary>
    public const int MeetingsOfAStep = 4;

    private const double Efficiency = 0.9;
    private const int BucketBytes = 16 << 20; // of the library
    private const int Faster = 100;
    private const double BitsPerByte = 8;
    private static readonly int[] Ranks = [8, 64, 512];
    private static readonly double[] Latencies = [2e-6, 50e-6];

    // He et al. 2016, "Deep Residual Learning": 25.6 million parameters; 4.1 billion multiply-adds for an image of 224x224.
    private static readonly ModelSize ResNet50 = new("ResNet-50", 25_600_000, 4_100_000_000, 32);

    /// <summary>Writes all tables.</summary>
    /// <param name="all">The measurements, one or more numbers of ranks, in rising order.</param>
    /// <returns>The lines.</returns>
    public static IEnumerable<string> Lines(IReadOnlyList<MeasuredRanks> all)
    {
        var several = all.Where(measured => measured.Ranks > 1).ToArray();
        IEnumerable<string> lines =
        [
            "Parts of a step:", string.Empty, .. Shares(all), string.Empty,
            "The time of a reduction, in steps of the same run:", string.Empty, .. Reductions(all), string.Empty,
        ];
        return several.Length == 0 ? lines :
        [
            .. lines,
            $"The interconnect for {Percent(Efficiency)} efficiency, computed from the run of {several[0].Ranks} ranks:", string.Empty,
            .. Needs(several[0]), string.Empty,
        ];
    }

    /// <summary>Writes the parts of a step: a row for each number of ranks.</summary>
    /// <param name="all">The measurements.</param>
    public static IEnumerable<string> Shares(IReadOnlyList<MeasuredRanks> all) => MarkdownTable.Of(
        [
            "ranks", "bytes sent by each", "compute", "waiting for the slowest", "reduction", "other meetings", "optimizer",
            "most gain by overlap",
            "reduction and meetings, model / measured",
        ],
        all.Select(measured =>
        {
            var step = StepSeconds(measured);
            var reduction = measured[Part.Gradients] / step;
            return (string[])
            [
                Number(measured.Ranks),
                Number(ScalingModel.BytesOnTheWire(BytesOf(measured), measured.Ranks)),
                Percent(measured[Part.Compute] / step),
                Percent(measured[Part.Waiting] / step),
                Percent(reduction),
                Percent(OtherMeetings(measured) / step),
                Percent(measured[Part.Optimizer] / step),
                Percent((1 / (1 - reduction)) - 1),
                measured.Ranks == 1 ? "-" : Ratio(Modelled(measured) / (measured[Part.Gradients] + OtherMeetings(measured))),
            ];
        }));

    /// <summary>Writes the time of reductions in steps of the same run: a row for each number of parameters.</summary>
    /// <param name="all">The measurements.</param>
    public static IEnumerable<string> Reductions(IReadOnlyList<MeasuredRanks> all)
    {
        string TimeOf(MeasuredRanks measured, long parameters) =>
            measured.Measurements.FirstOrDefault(one => one.Part == Part.Reduction && one.Parameters == parameters) is { } one
                ? measured.Ranks == 1 ? "0" : Significant(one.Median / StepSeconds(measured))
                : "-";
        return MarkdownTable.Of(
            ["parameters", .. all.Select(measured => $"{measured.Ranks} rank{(measured.Ranks == 1 ? string.Empty : "s")}")],
            all.SelectMany(measured => measured.Measurements).Where(one => one.Part == Part.Reduction)
                .Select(one => one.Parameters).Distinct()
                .Order().Select(parameters => (string[])[Number(parameters), .. all.Select(measured => TimeOf(measured, parameters))]));
    }

    /// <summary>Writes the bandwidth and latency that the model asks for.</summary>
    /// <param name="measured">The measurements of the ranks that compute.</param>
    public static IEnumerable<string> Needs(MeasuredRanks measured)
    {
        var own = new ModelSize(
            "this sample's",
            measured.Measurements.First(one => one.Part == Part.Gradients).Parameters,
            Network.MultiplyAdds,
            Trainer.BatchSize);
        var secondsPerOperation = measured[Part.WholeBatch] / own.Operations;
        return MarkdownTable.Of(
            [
                "network", "a rank computes", "ranks",
                .. Latencies.Select(latency => $"bandwidth at {Number(latency * 1e6)} µs"), "longest latency",
            ],
            from size in (ModelSize[])[own, ResNet50]
            from speed in (int[])[1, Faster]
            let model = size.ToModel(secondsPerOperation / speed)
            from ranks in Ranks
            select (string[])
            [
                $"{size.Name}, {size.Parameters / 1e6:0.0#} M".ToString(CultureInfo.InvariantCulture),
                speed == 1 ? "as here" : $"{speed} times as fast",
                Number(ranks),
                .. Latencies.Select(latency => Bandwidth(model.LeastBandwidth(ranks, Efficiency, latency))),
                Duration(model.LongestLatency(ranks, Efficiency)),
            ],
            words: 2);
    }

    /// <summary>Computes the duration of a step of the learner from its measured parts.</summary>
    /// <param name="measured">The measurements.</param>
    /// <returns>Seconds.</returns>
    public static double StepSeconds(MeasuredRanks measured) =>
        measured[Part.Compute] + measured[Part.Waiting] + measured[Part.Gradients] + OtherMeetings(measured) + measured[Part.Optimizer];

    // One meeting comes before the reduction and is timed with it. A meeting takes half of the time of a meeting with a reduction of one
    // number.
    private static double OtherMeetings(MeasuredRanks measured) =>
        measured.Ranks == 1 ? 0 : (MeetingsOfAStep - 1) * measured[Part.Number] / 2;

    // From the reduction of most parameters and from that of one: what the reduction and the meetings of a step should take.
    private static double Modelled(MeasuredRanks measured)
    {
        var most = measured.Measurements.Where(one => one.Part == Part.Reduction).MaxBy(one => one.Parameters)!;
        var link = Link.From(measured.Ranks, sizeof(float) * most.Parameters, most.Median, measured[Part.Number]);
        return new ScalingModel(0, BytesOf(measured), MeetingsOfAStep, 1).StepSeconds(measured.Ranks, link);
    }

    private static double BytesOf(MeasuredRanks measured) =>
        sizeof(float) * measured.Measurements.First(one => one.Part == Part.Gradients).Parameters;

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Ratio(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Percent(double value) => value.ToString(value is > 0 and < 0.1 ? "0.0%" : "0%", CultureInfo.InvariantCulture);

    private static string Bandwidth(double bytesPerSecond) =>
        double.IsFinite(bytesPerSecond) ? $"{Significant(bytesPerSecond * BitsPerByte / 1e9)} Gbit/s" : "none is enough";

    private static string Duration(double seconds) =>
        seconds < 1e-3 ? $"{Significant(seconds * 1e6)} µs" : $"{Significant(seconds * 1e3)} ms";

    // Two significant digits, without an exponent.
    private static string Significant(double value)
    {
        var digits = Math.Clamp(1 - (int)Math.Floor(Math.Log10(value)), 0, 9);
        return value >= 100 ? Number(Math.Round(value / 10) * 10) : value.ToString("F" + digits, CultureInfo.InvariantCulture);
    }

    /// <summary>The size of a model and its batch.</summary>
    /// <param name="Name">The name.</param>
    /// <param name="Parameters">The number of parameters.</param>
    /// <param name="MultiplyAdds">Those of a forward pass for one sample.</param>
    /// <param name="Batch">The samples of each rank in a step.</param>
    private sealed record ModelSize(string Name, long Parameters, long MultiplyAdds, int Batch)
    {
        /// <summary>The multiply-adds of a step. A backward pass takes as many as two forward passes.</summary>
        public double Operations => 3.0 * MultiplyAdds * Batch;

        public ScalingModel ToModel(double secondsPerOperation)
        {
            var bytes = sizeof(float) * (double)Parameters;
            return new ScalingModel(Operations * secondsPerOperation, bytes, MeetingsOfAStep, (int)Math.Ceiling(bytes / BucketBytes));
        }
    }
}
