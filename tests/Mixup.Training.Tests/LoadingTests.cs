using System.Collections;
using TorchSharp.Modules;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>A learner trains alike, wherever batches are mixed and however far ahead they are made.</summary>
public sealed class LoadingTests : IDisposable
{
    private const string Plain = "plain";

    private readonly string folder = Directory.CreateTempSubdirectory("mixup-loading-").FullName;

    public static TheoryData<string> Ways =>
        ["plain, prefetched", "mixed", "mixed, prefetched", "prefetched, mixed", "mixed, prefetched, " +
            "batches", "loader", "loader, prefetched"];

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [MemberData(nameof(Ways))]
    public void TheWeightsAreThoseOfMixingInTheLoop(string way)
    {
        using var plain = Start(out _, out _);
        Fit(plain, Plain, epochs: 4);
        using var other = Start(out var strategy, out var counts);
        Fit(other, way, epochs: 4, strategy);
        Assert.Equal(plain.Weights, other.Weights);
        Assert.Equal(
            plain.Learner.History.Select(record => (record.TrainLoss, record.ValidationLoss, record["train_accuracy"])),
            other.Learner.History.Select(record => (record.TrainLoss, record.ValidationLoss, record["train_accuracy"])));
        Assert.Equal(new MixupState(7, 20, 3), strategy.State);
        Assert.All(counts, count => Assert.Equal(5, count));
    }

    /// <summary>Resumed at an epoch's end; the first run may have stopped its last epoch in the middle.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public void AResumedRunIsTheWholeOne(string way)
    {
        using var whole = Start(out _, out _);
        Fit(whole, Plain, epochs: 4);
        var path = Path.Combine(folder, "half.ckpt");
        using (var first = Start(out var strategy, out _))
        {
            Fit(first, way, epochs: 2, strategy);
            Checkpoint.Save(first.Learner, path);
        }

        using var second = Start(out var resumed, out _);
        Checkpoint.Load(second.Learner, path);
        Fit(second, way, epochs: 4, resumed);
        Assert.Equal(whole.Weights, second.Weights);
    }

    /// <summary>Bytes become floating values in training and in validation, and pairs serve for validation.</summary>
    [Fact]
    public void ValidationIsConvertedAsTrainingIs()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.01);
        using var loss = nn.CrossEntropyLoss();
        var toFloat = new ToFloat { Mean = [0.5, 0.4, 0.3], Deviation = [0.2] };
        var mixup = new InputMixup(new MixupOptions { ToFloat = toFloat, Seed = 1 });
        var x = randint(256, new long[] { 6, 3, 2, 2 }, ScalarType.Byte, Some.Device);
        var y = arange(6, device: Some.Device).remainder(2);
        var learner = new Learner(model, loss, optimizer, callbacks: [new MixupCallback(mixup)]);
        var record = learner.Fit(mixup.Mix([(x, y), (x, y)]).Prefetch(1), [(x, y)])[0];
        Assert.Equal(loss.call(model.call(toFloat.Apply(x)), y).ToDouble(), record.ValidationLoss!.Value, 1e-5);
        Assert.Equal(2, mixup.State.Batch);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void AnEpochThatIsCancelledCountsTheBatchesThatTrained(string way)
    {
        using var stopped = Start(out var strategy, out _, new Recorder("AfterStep", state =>
        {
            if (state.BatchIndex == 1)
            {
                state.StopEpoch();
            }
        }));
        Fit(stopped, way, epochs: 1, strategy);
        Assert.Equal(2, strategy.State.Batch);
    }

    [Fact]
    public void TheLearnerDisposesEachStepAndMovesIt()
    {
        List<MixupStep> steps = [];
        using var small = Start(out var strategy, out _);
        small.Learner.Fit(strategy.Mix(small.Train).Select(step =>
        {
            Assert.All(steps, earlier => Assert.True(earlier.IsDisposed));
            steps.Add(step);
            return step;
        }));
        Assert.Equal(5, steps.Count);
        Assert.All(steps, step => Assert.True(step.IsDisposed));
    }

    [Fact]
    public void WhatTheLearnerDidNotTakeIsDisposed()
    {
        List<MixupStep> steps = [];
        using var small = Start(out var strategy, out _, new Recorder("AfterStep", state => state.StopEpoch()));
        var mixed = strategy.Mix(small.Train).Select(step =>
        {
            steps.Add(step);
            return step;
        });
        small.Learner.Fit(mixed.AsBatches().Prefetch(3));
        Assert.InRange(steps.Count, 2, 5);
        Assert.All(steps, step => Assert.True(step.IsDisposed));
    }

    /// <summary>
    /// The epoch reaches a source that wants to be told, and a source's batches are counted, through all that is around it.
    /// </summary>
    [Fact]
    public void EpochAndCountPassThroughAll()
    {
        using var small = Start(out var strategy, out var counts);
        var pairs = new Pairs(small.Train);
        small.Learner.Fit(strategy.Mix(pairs.Prefetch(1)).Prefetch(2).AsBatches().Prefetch(1), epochs: 3);
        Assert.Equal([0, 1, 2], pairs.Told);
        Assert.Equal([5, 5, 5], counts);
    }

    private static Small Start(out InputMixup strategy, out List<int?> counts, LearnerCallback? callback = null)
    {
        var mixup = new InputMixup(new MixupOptions { Method = new Interpolation(1), Seed = 7 });
        List<int?> seen = [];
        (strategy, counts) = (mixup, seen);
        var counter = new Recorder("BeforeTrain", state => seen.Add(state.BatchCount));
        return new Small([new MixupCallback(mixup), counter, .. callback is null ? (LearnerCallback[])[] : [callback]]);
    }

    private static void Fit(Small small, string way, int epochs, InputMixup? strategy = null)
    {
        var (train, valid) = (small.Train, small.Valid);
        switch (way)
        {
            case Plain:
                small.Learner.Fit(train, valid, epochs);
                break;
            case "plain, prefetched":
                small.Learner.Fit(train.Prefetch(2), valid.Prefetch(1), epochs);
                break;
            case "mixed":
                small.Learner.Fit(strategy!.Mix(train), valid, epochs);
                break;
            case "mixed, prefetched":
                small.Learner.Fit(strategy!.Mix(train).Prefetch(2), valid.Prefetch(2), epochs);
                break;
            case "prefetched, mixed":
                small.Learner.Fit(strategy!.Mix(train.Prefetch(2)), valid, epochs);
                break;
            case "mixed, prefetched, batches":
                small.Learner.Fit(strategy!.Mix(train).AsBatches().Prefetch(2), valid, epochs);
                break;
            default:
                using (var loader = new DataLoader<Batch, MixupStep>(new Whole(train), 1, strategy!.Collate<Batch>(One)))
                {
                    small.Learner.Fit(way == "loader" ? loader : loader.Prefetch(3), valid, epochs);
                }

                break;
        }
    }

    private static (Tensor, Tensor) One(IEnumerable<Batch> batches, Device device) => (batches.Single().Inputs[0], batches.Single().Target);

    /// <summary>TorchSharp's loader over what is batched already, so that its batches are those of the others.</summary>
    private sealed class Whole(TensorBatches batches) : torch.utils.data.Dataset<Batch>
    {
        private Batch[] epoch = [];

        public override long Count => batches.Count;

        public override Batch GetTensor(long index)
        {
            if (index == 0)
            {
                epoch = [.. batches];
                foreach (var batch in epoch)
                {
                    batch.Inputs[0].DetachFromDisposeScope();
                    batch.Target.DetachFromDisposeScope();
                }
            }

            return epoch[index];
        }
    }

    /// <summary>A shuffling source of pairs, as somebody writes it by hand.</summary>
    private sealed class Pairs(TensorBatches batches) : IReadOnlyCollection<(Tensor Input, Tensor Target)>, IEpochAware
    {
        public List<int> Told { get; } = [];

        public int Epoch
        {
            get => batches.Epoch;
            set
            {
                Told.Add(value);
                batches.Epoch = value;
            }
        }

        public int Count => batches.Count;

        public IEnumerator<(Tensor Input, Tensor Target)> GetEnumerator() =>
            batches.Select(batch => (batch.Inputs[0], batch.Target)).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
