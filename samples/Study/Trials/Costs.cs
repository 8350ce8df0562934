using System.Diagnostics;
using MathNet.Numerics.Statistics;
using TorchSharp;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

namespace Mixup.Samples.Study;

/// <summary>What an arm costs relative to no mixup: medians of ratios, with their quartiles.</summary>
/// <param name="Name">The arm.</param>
/// <param name="SecondsAnEpoch">Median over the rounds.</param>
/// <param name="Time">Its time over that of no mixup in the same round: lower quartile, median, upper quartile.</param>
/// <param name="PeakMemory">
/// Bytes at the peak of an epoch beyond what was there before it; not a number where the system does not tell.
/// </param>
public sealed record Cost(string Name, double SecondsAnEpoch, (double Lower, double Median, double Upper) Time, double PeakMemory);

/// <summary>Measures arms in turn, round by round in one process, so that whatever else the machine does hits all alike.</summary>
public sealed class Costs(StudyData data, int images, int rounds)
{
    /// <summary>Measures.</summary>
    /// <param name="trials">One for each arm, that without mixup first.</param>
    /// <param name="measured">Told of every epoch.</param>
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
