using System.Diagnostics;
using System.Globalization;
using CsvHelper;
using MathNet.Numerics.Statistics;
using TorchSharp;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

namespace Mixup.Samples.Study;

/// <summary>The cost of a strategy relative to no mixup: medians of ratios, with their quartiles.</summary>
/// <param name="Name">The strategy.</param>
/// <param name="SecondsAnEpoch">The median over the rounds.</param>
/// <param name="Time">Its time divided by that of no mixup in the same round: lower quartile, median, upper quartile.</param>
/// <param name="PeakMemory">
/// The bytes that an epoch adds at its peak; not a number where the system does not report it.
/// </param>
public sealed record Cost(string Name, double SecondsAnEpoch, (double Lower, double Median, double Upper) Time, double PeakMemory);

/// <summary>Measures strategies in turn, round by round in one process, so that other load on the machine affects all alike.</summary>
public sealed class Costs(ImageData data, int images, int rounds)
{
    /// <summary>Writes costs to a CSV file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="costs">The costs.</param>
    public static void Write(string path, IEnumerable<Cost> costs)
    {
        using var csv = new CsvWriter(new StreamWriter(path), CultureInfo.InvariantCulture);
        csv.WriteRecords(costs.Select(cost => new
        {
            arm = cost.Name,
            seconds_an_epoch = cost.SecondsAnEpoch,
            time_lower = cost.Time.Lower,
            time_median = cost.Time.Median,
            time_upper = cost.Time.Upper,
            peak_bytes = cost.PeakMemory,
        }));
    }

    /// <summary>Reads costs from a CSV file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">The file does not exist.</exception>
    /// <exception cref="InvalidDataException">The file is not one of costs.</exception>
    public static IReadOnlyList<Cost> Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{path} does not exist: the study has not measured its costs. Run it without --report.");
        }

        using var csv = new CsvReader(new StreamReader(path), CultureInfo.InvariantCulture);
        var costs = new List<Cost>();
        try
        {
            csv.Read();
            csv.ReadHeader();
            while (csv.Read())
            {
                double Number(string name) => csv.GetField<double>(name);
                costs.Add(new Cost(
                    csv.GetField<string>("arm")!,
                    Number("seconds_an_epoch"),
                    (Number("time_lower"), Number("time_median"), Number("time_upper")),
                    Number("peak_bytes")));
            }
        }
        catch (CsvHelperException e)
        {
            throw new InvalidDataException($"{path}, line {csv.Parser.Row}: expected the costs of a strategy. Run the study again.", e);
        }

        return costs;
    }

    /// <summary>Measures the cost of strategies.</summary>
    /// <param name="trials">A trial of each strategy, that without mixup first.</param>
    /// <param name="measured">Called after every epoch.</param>
    public IReadOnlyList<Cost> Measure(IReadOnlyList<Trial> trials, Action measured)
    {
        Func<Action>[] make = [.. trials.Select(trial => new Func<Action>(() => Epoch(trial)))];
        var times = trials.Select(_ => new List<double>()).ToArray();
        foreach (var epoch in make)
        {
            epoch()(); // until everything is compiled
            measured();
        }

        for (var round = 0; round < rounds; round++)
        {
            foreach (var i in round % 2 == 0 ? Enumerable.Range(0, make.Length) : Enumerable.Range(0, make.Length).Reverse())
            {
                var epoch = make[i]();
                var watch = Stopwatch.StartNew();
                epoch();
                times[i].Add(watch.Elapsed.TotalSeconds);
                measured();
            }
        }

        return
        [
            .. trials.Select((trial, i) =>
            {
                double[] ratios = [.. times[i].Zip(times[0], (time, plain) => time / plain)];
                var peaks = PeakMemory.IsKnown ? Enumerable.Range(0, 3).Select(_ => (double)PeakMemory.Of(make[i]())).Median() : double.NaN;
                return new Cost(trial.Name, times[i].Median(), (ratios.LowerQuartile(), ratios.Median(), ratios.UpperQuartile()), peaks);
            }),
        ];
    }

    /// <summary>An epoch of training, ready to run once.</summary>
    private Action Epoch(Trial trial)
    {
        var batches = new Trainer(data).Training(trial with { TrainSize = Math.Min(images, data.TrainSize), WrongLabels = 0 });
        return () =>
        {
            using var scope = NewDisposeScope();
            manual_seed(0);
            using var model = new Network().to(data.TrainImages.device);
            using var loss = nn.CrossEntropyLoss();
            using var optimizer = optim.SGD(model.parameters(), Trainer.BaseRate, momentum: 0.9);
            new Learner(model, loss, optimizer, device: data.TrainImages.device, callbacks: Trainer.Callbacks(trial, model)).Fit(batches);
        };
    }
}
