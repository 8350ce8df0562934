using System.Collections;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>What the learner makes of a source of batches: its epoch, its number of batches, and that it has any.</summary>
public sealed class BatchSourceTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("mixup-sources-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    public void AValidationSourceWithoutBatchesIsRefusedBeforeItsFiguresAreUsed(int enumerations, int completed)
    {
        var recorder = new Recorder();
        using var small = new Small([new EarlyStopping(patience: 1), new ModelCheckpoint(folder), recorder]);
        var plateau = optim.lr_scheduler.ReduceLROnPlateau(small.Optimizer, patience: 0);
        var learner = new Learner(small.Model, small.Loss, small.Optimizer, plateau, callbacks: small.Learner.Callbacks);
        var valid = new Limited(small.Valid, enumerations);
        var error = Assert.Throws<InvalidOperationException>(() => learner.Fit(small.Train, valid, epochs: 4));
        Assert.Contains($"no validation batch in epoch {completed + 1}", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("starts anew", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(completed, learner.History.Count);
        Assert.Equal(0.1, small.Optimizer.ParamGroups.First().LearningRate);
        Assert.All(learner.History, record => Assert.True(double.IsFinite(record.ValidationLoss!.Value)));
        Assert.Equal(completed > 0, File.Exists(Path.Combine(folder, "last.ckpt")));
        Assert.Equal("AfterFit", recorder.Events[^1]);

        // The next fit trains and validates as if nothing had happened.
        Assert.Equal(2, learner.Fit(small.Train, small.Valid, epochs: 2).Count);
    }

    [Theory]
    [InlineData("pairs")]
    [InlineData("pairs, Fit")]
    [InlineData("dictionaries")]
    public void TheEpochReachesTheSourceThatIsWrapped(string kind)
    {
        using var plain = new Small();
        plain.Learner.Fit(plain.Train, plain.Valid, epochs: 4);

        using var whole = new Small();
        FitWrapped(whole, kind, 4);
        Assert.Equal(plain.Weights, whole.Weights);

        var path = Path.Combine(folder, "half.ckpt");
        using (var first = new Small())
        {
            FitWrapped(first, kind, 2);
            Checkpoint.Save(first.Learner, path);
        }

        using var second = new Small();
        Checkpoint.Load(second.Learner, path);
        FitWrapped(second, kind, 4);
        Assert.Equal(plain.Weights, second.Weights);
    }

    [Theory]
    [InlineData("tensors")]
    [InlineData("list of batches")]
    [InlineData("read-only list of pairs")]
    [InlineData("hash set of pairs")]
    [InlineData("list of pairs, Fit")]
    [InlineData("wrapped pairs")]
    [InlineData("wrapped dictionaries")]
    [InlineData("loader")]
    [InlineData("loader that drops the last")]
    [InlineData("loader of pairs")]
    public void TheNumberOfBatchesIsKnownBeforeTheFirst(string kind)
    {
        var seen = new List<int?>();
        using var small = new Small([new Recorder("BeforeTrain", state => seen.Add(state.BatchCount))]);
        using var rows = new Rows(small);
        using var loader = torch.utils.data.DataLoader(rows, 9, device: Some.Device, disposeDataset: false);
        using var dropping = torch.utils.data.DataLoader(rows, 9, device: Some.Device, drop_last: true, disposeDataset: false);
        static Tensor Stack(IEnumerable<Dictionary<string, Tensor>> all, string key) => stack(all.Select(row => row[key]));
        using var ofPairs = new Modules.DataLoader<Dictionary<string, Tensor>, (Tensor, Tensor)>(
            rows, 9, (all, device) => (Stack(all, "x").to(device), Stack(all, "y").to(device)), device: Some.Device, disposeDataset: false);
        List<(Tensor, Tensor)> pairs = [.. Enumerable.Range(0, 5).Select(_ => (small.X, small.Y))];
        if (kind == "list of pairs, Fit")
        {
            small.Learner.Fit(pairs, epochs: 2);
        }
        else
        {
            small.Learner.Fit(
                kind switch
                {
                    "tensors" => small.Train,
                    "list of batches" => pairs.Select(pair => new Batch(pair.Item1, pair.Item2)).ToList(),
                    "read-only list of pairs" => pairs.AsReadOnly().AsBatches(),
                    "hash set of pairs" =>
                        Enumerable.Range(2, 5).Select(n => (small.X.narrow(0, 0, n), small.Y.narrow(0, 0, n))).ToHashSet().AsBatches(),
                    "wrapped pairs" => new Pairs(small.Train).AsBatches(),
                    "wrapped dictionaries" => new Dictionaries(small.Train).AsBatches("y", "x"),
                    "loader" => loader.AsBatches("y", "x"),
                    "loader that drops the last" => dropping.AsBatches("y", "x"),
                    _ => ofPairs.AsBatches(),
                },
                epochs: 2);
        }

        var expected = kind == "loader that drops the last" ? 4 : 5;
        Assert.Equal([expected, expected], seen);
    }

    [Fact]
    public void ALearnersEpochReachesASourceBehindLinq()
    {
        using var scope = NewDisposeScope();
        List<long> Orders(int first, Func<TensorBatches, IEnumerable<Batch>> around)
        {
            using var small = new Small();
            List<long> seen = [];
            var batches = new TensorBatches(small.X, arange(40), 9) { Shuffle = true, Seed = 3 };
            var learner = new Learner(small.Model, new Watching(seen), small.Optimizer);
            var path = Path.Combine(Path.GetTempPath(), $"mixup-linq-{Environment.ProcessId}.ckpt");
            if (first > 0)
            {
                Checkpoint.Load(learner, path);
                seen.Clear();
            }

            learner.Fit(around(batches), epochs: first > 0 ? 3 : 2);
            if (first == 0)
            {
                Checkpoint.Save(learner, path);
            }
            else
            {
                File.Delete(path);
            }

            return seen;
        }

        var plain = Orders(0, batches => batches);
        Assert.Equal(plain, Orders(0, batches => batches.Select(batch => batch)));
        Assert.NotEqual(plain[..40], plain[40..]);
        var third = new TensorBatches(zeros(40, 1), arange(40), 9) { Shuffle = true, Seed = 3, Epoch = 2 }
            .SelectMany(batch => batch.Target.data<long>().ToArray());
        Assert.Equal(third, Orders(2, batches => batches.Select(batch => batch))); // as a resumed run sees it
    }

    [Fact]
    public void ALoopByHandSeesAnotherOrderInEveryEpoch()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (arange(12).unsqueeze(1), arange(12));
        var batches = new TensorBatches(x, y, 5) { Shuffle = true, Seed = 3 };
        long[] Order(IEnumerable<Batch> of) => [.. of.SelectMany(batch => batch.Target.cpu().data<long>().ToArray())];
        long[][] orders = [Order(batches), Order(batches), Order(batches.Select(batch => batch))];
        Assert.Equal(3, orders.Select(order => string.Join(',', order)).Distinct().Count());
        batches.Epoch = 1; // as a resumed run sets it
        Assert.Equal(orders[1], Order(batches));
    }

    [Fact]
    public void WhereNobodyKnowsTheFirstEpochCounts()
    {
        var seen = new List<int?>();
        using var small = new Small([new Recorder("BeforeTrain", state => seen.Add(state.BatchCount))]);
        small.Learner.Fit(small.Train.Select(batch => (batch.Inputs[0], batch.Target)), epochs: 2);
        Assert.Equal([null, 5], seen);
    }

    [Fact]
    public void WhatIsGivenIsCheckedAtOnceAndWhatABatchHoldsWhenItComes()
    {
        IEnumerable<(Tensor, Tensor)> noPairs = null!;
        Assert.Equal("pairs", Assert.Throws<ArgumentNullException>(() => noPairs.AsBatches()).ParamName);
        IEnumerable<Dictionary<string, Tensor>> noLoader = null!;
        Assert.Equal("loader", Assert.Throws<ArgumentNullException>(() => noLoader.AsBatches("y", "x")).ParamName);
        Dictionary<string, Tensor>[] batches = [[]];
        Assert.Equal("target", Assert.Throws<ArgumentNullException>(() => batches.AsBatches(null!, "x")).ParamName);
        Assert.Throws<ArgumentException>(() => batches.AsBatches("y"));
        var lazy = batches.AsBatches("y", "x");
        Assert.Throws<ArgumentException>(() => lazy.First());
        using var small = new Small();
        Assert.Equal("train", Assert.Throws<ArgumentNullException>(() => small.Learner.Fit(noPairs)).ParamName);
    }

    private static void FitWrapped(Small small, string kind, int epochs) => _ = kind switch
    {
        "pairs" => small.Learner.Fit(new Pairs(small.Train).AsBatches(), new Pairs(small.Valid).AsBatches(), epochs),
        "pairs, Fit" => small.Learner.Fit(new Pairs(small.Train), new Pairs(small.Valid), epochs),
        _ => small.Learner.Fit(
            new Dictionaries(small.Train).AsBatches("y", "x"), new Dictionaries(small.Valid).AsBatches("y", "x"), epochs),
    };

    /// <summary>Can be enumerated so many times, and is empty from then on.</summary>
    private sealed class Limited(IEnumerable<Batch> batches, int enumerations) : IEnumerable<Batch>
    {
        private int left = enumerations;

        public IEnumerator<Batch> GetEnumerator() => (left-- > 0 ? batches : []).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    /// <summary>A shuffling source of pairs, as somebody writes it by hand.</summary>
    private sealed class Pairs(TensorBatches batches) : IReadOnlyCollection<(Tensor Input, Tensor Target)>, IEpochAware
    {
        public int Epoch { get => batches.Epoch; set => batches.Epoch = value; }

        public int Count => batches.Count;

        public IEnumerator<(Tensor Input, Tensor Target)> GetEnumerator() =>
            batches.Select(batch => (batch.Inputs[0], batch.Target)).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private sealed class Dictionaries(TensorBatches batches) : IReadOnlyCollection<Dictionary<string, Tensor>>, IEpochAware
    {
        public int Epoch { get => batches.Epoch; set => batches.Epoch = value; }

        public int Count => batches.Count;

        public IEnumerator<Dictionary<string, Tensor>> GetEnumerator() =>
            batches.Select(batch => new Dictionary<string, Tensor> { ["x"] = batch.Inputs[0], ["y"] = batch.Target }).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private sealed class Rows(Small small) : torch.utils.data.Dataset
    {
        private readonly (Tensor X, Tensor Y) all = (small.X.cpu(), small.Y.cpu());

        public override long Count => 40;

        public override Dictionary<string, Tensor> GetTensor(long index) => new() { ["x"] = all.X[index], ["y"] = all.Y[index] };
    }

    private sealed class Watching(List<long> seen) : Loss<Tensor, Tensor, Tensor>(nn.Reduction.Mean)
    {
        public override Tensor forward(Tensor prediction, Tensor target)
        {
            seen.AddRange(target.cpu().data<long>().ToArray());
            return prediction.mean();
        }
    }

    [Fact]
    public void TensorsAreCutWithSeveralInputsAndWithoutTheLastBatch()
    {
        using var scope = NewDisposeScope();
        var (a, b, y) = (arange(10).unsqueeze(1), arange(10).mul(2), arange(10));
        var batches = new TensorBatches([a, b], y, 4) { Shuffle = true, Seed = ulong.MaxValue, DropLast = true };
        Assert.Equal(2, batches.Count);
        var seen = batches.ToList();
        Assert.Equal([4, 4], seen.Select(batch => batch.Target.shape[0]));
        Assert.All(seen, batch =>
        {
            Assert.Equal(batch.Target, batch.Inputs[0].squeeze(1));
            Assert.Equal(batch.Target.mul(2), batch.Inputs[1]);
        });
        Assert.Equal(8, seen.SelectMany(batch => batch.Target.data<long>().ToArray()).Distinct().Count());
        Assert.Equal(3, new TensorBatches(a, y, 4).Count);
        Assert.Equal([0L, 1, 2, 3], new TensorBatches(a, y, 4).First().Target.data<long>().ToArray());

        // Another seed, another order; large seeds are told apart.
        long[] Order(ulong seed) => [.. new TensorBatches(a, y, 10) { Shuffle = true, Seed = seed }.First().Target.data<long>()];
        Assert.Equal(Order(7), Order(7));
        Assert.NotEqual(Order(7), Order(8));
        Assert.NotEqual(Order(7), Order(7 + (1UL << 32)));
    }
}
