using System.Diagnostics;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Training;
using TorchSharp.Mixup.Training.Mpi;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mixup.Samples.Distributed;

/// <summary>Times the parts of a step on the ranks of this run. All ranks do the same; the times are this rank's own.</summary>
/// <param name="world">The ranks.</param>
/// <param name="isQuick">Whether few repetitions are enough.</param>
public sealed class Meter(MpiWorld world, bool isQuick)
{
    /// <summary>The fewest parameters whose reduction is timed.</summary>
    public const long FewestParameters = 10_000;

    private const long LargestTensor = 1_000_000; // parameters: large models have many tensors, not one
    private const int BytesPerParameter = 2 * sizeof(float); // with its gradient
    private const int WarmUps = 3;

    private int Steps => isQuick ? 5 : 40;

    /// <summary>Times everything.</summary>
    /// <param name="ranksHere">The number of ranks on this machine, which share its memory.</param>
    /// <param name="largest">The most parameters whose reduction is timed.</param>
    /// <param name="say">Receives what is left out and why.</param>
    public MeasuredRanks Run(int ranksHere, long largest, Action<string> say)
    {
        var measurements = new List<Measurement>();
        measurements.AddRange(MeasureStep());
        measurements.Add(Measurement.Of(Part.Number, 1, TimeReduction(1, isQuick ? 20 : 200)));
        for (var parameters = FewestParameters; parameters <= largest; parameters *= 10)
        {
            if (!Fits(parameters, ranksHere))
            {
                say($"The reduction of {parameters:N0} parameters is left out: with gradients they need " +
                    $"{BytesPerParameter * parameters:N0} bytes on " +
                    $"each of {ranksHere} ranks, which is more than half of the free memory.");
                break;
            }

            measurements.Add(Measurement.Of(Part.Reduction, parameters, TimeReduction(parameters, RepetitionsFor(parameters))));
        }

        return new MeasuredRanks(world.Name, world.Size, get_num_threads(), measurements);
    }

    private int RepetitionsFor(long parameters) => isQuick ? 3 : parameters switch
    {
        <= 100_000 => 50,
        <= 1_000_000 => 25,
        <= 10_000_000 => 11,
        _ => 5,
    };

    // A training loop by hand: what the learner does for the other program of this sample.
    private IEnumerable<Measurement> MeasureStep()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = new Network();
        using var optimizer = optim.Adam(model.parameters(), Trainer.Rate);
        using var loss = new MixupLoss(nn.CrossEntropyLoss());
        var mixup = new InputMixup(new MixupOptions { Seed = 1 });
        world.Broadcast(model);
        world.Broadcast(mixup);
        Parameter[] parameters = [.. model.parameters()];
        var whole = new TensorBatches(
            rand(Trainer.BatchSize, 1, ImageData.Side, ImageData.Side),
            randint(10, Trainer.BatchSize, dtype: ScalarType.Int64),
            Trainer.BatchSize);
        using var number = NewParameter(1);
        var parts = new Dictionary<Part, List<double>>();
        for (var i = 0; i < WarmUps + Steps; i++)
        {
            using var tensors = NewDisposeScope();
            var lap = new Lap(i < WarmUps ? [] : parts);
            foreach (var batch in world.Shard(whole))
            {
                lap.Begin();
                Compute(batch);
                lap.End(Part.Compute);
                world.AverageGradients([number]); // whoever is late, is late for this
                lap.End(Part.Waiting);
                world.AverageGradients(parameters, batch.Target.shape[0]);
                lap.End(Part.Gradients);
                optimizer.step();
                optimizer.zero_grad();
                lap.End(Part.Optimizer);
            }
        }

        for (var i = 0; i < WarmUps + (Steps / 2); i++)
        {
            using var tensors = NewDisposeScope();
            var lap = new Lap(i < WarmUps ? [] : parts);
            foreach (var batch in whole)
            {
                lap.Begin();
                Compute(batch);
                lap.End(Part.WholeBatch);
                optimizer.zero_grad();
            }
        }

        var count = parameters.Sum(parameter => parameter.numel());
        return [.. parts.Select(part => Measurement.Of(part.Key, part.Key == Part.Gradients ? count : 0, part.Value))];

        void Compute(Batch batch)
        {
            using var step = mixup.Begin(batch.Inputs[0], batch.Target);
            loss.call(model.call(step.Input), step.Target).backward();
        }
    }

    private double[] TimeReduction(long parameters, int repetitions)
    {
        using var scope = NewDisposeScope();
        var all = new List<Parameter>();
        for (var left = parameters; left > 0; left -= LargestTensor)
        {
            all.Add(NewParameter(Math.Min(left, LargestTensor)));
        }

        var seconds = new List<double>();
        for (var i = 0; i < WarmUps + repetitions; i++)
        {
            var start = Stopwatch.GetTimestamp();
            world.AverageGradients(all);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return [.. seconds.Skip(WarmUps)];
    }

    private static Parameter NewParameter(long count) => new(zeros(count)) { grad = zeros(count) };

    // All ranks decide alike: by the mean of their votes.
    private bool Fits(long parameters, int ranksHere)
    {
        GC.Collect();
        var memory = GC.GetGCMemoryInfo();
        var free = memory.TotalAvailableMemoryBytes - memory.MemoryLoadBytes;
        using var scope = NewDisposeScope();
        using var vote = NewParameter(1);
        vote.grad!.fill_(BytesPerParameter * parameters * ranksHere <= free / 2 ? 0 : 1);
        world.AverageGradients([vote]);
        return vote.grad.item<float>() == 0;
    }

    private sealed class Lap(Dictionary<Part, List<double>> parts)
    {
        private long start;

        public void Begin() => start = Stopwatch.GetTimestamp();

        public void End(Part part)
        {
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            (parts.TryGetValue(part, out var list) ? list : parts[part] = []).Add(seconds);
            start = Stopwatch.GetTimestamp();
        }
    }
}
