using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Figures whose values do not all count alike.</summary>
public sealed class MetricTests
{
    private const long Ignored = 255;
    private static readonly double[] Lambdas = [0.9, 0.6, 1, 0.7, 0.5, 0.8];
    private static readonly long[] Partners = [1, 2, 3, 4, 5, 0];

    [Theory]
    [InlineData("plain")]
    [InlineData("mixed")]
    [InlineData("two outputs")]
    public void IgnoredPixelsAreNeitherHitsNorMisses(string kind)
    {
        using var scope = NewDisposeScope();
        var images = Some.Normal(1, 18, 2, 4, 5);
        var target = Some.Classes(2, 3, 18, 4, 5);
        target[TensorIndex.Slice(0, 3)] = Ignored; // half of a batch,
        target[TensorIndex.Slice(6, 12)] = Ignored; // a whole one,
        target.index_put_(Ignored, images.select(1, 0).gt(0.5)); // and some of all the others

        using var pixels = new Pixels();
        var callbacks = kind == "plain" ? Array.Empty<LearnerCallback>() : [new MixupCallback(new Fixed(kind == "two outputs"))];
        var batches = new TensorBatches(images, target, 6);
        var record = pixels.Still([Metric.Accuracy(Ignored)], callbacks).Fit(batches, batches)[0];

        double hits = 0, counted = 0, mixedHits = 0, mixedCounted = 0;
        using var noGrad = no_grad();
        for (var start = 0; start < 18; start += 6)
        {
            var (x, y) = (images.narrow(0, start, 6), target.narrow(0, start, 6));
            (double Hits, double Counted) Judge(Tensor prediction, Tensor against, Tensor weight)
            {
                var counts = against.ne(Ignored).to(ScalarType.Float64).mul(weight.view(-1, 1, 1));
                var hit = prediction.argmax(1).eq(against).to(ScalarType.Float64).mul(counts);
                return (hit.sum().cpu().ToDouble(), counts.sum().cpu().ToDouble());
            }

            var partners = tensor(Partners, device: Some.Device);
            var lambda = tensor(Lambdas, ScalarType.Float64, Some.Device);
            var one = ones_like(lambda);
            var (of, seen) = Judge(pixels.Model.call(x), y, one);
            (hits, counted) = (hits + of, counted + seen);
            var (xp, yp) = (x[TensorIndex.Tensor(partners)], y[TensorIndex.Tensor(partners)]);
            Tensor Share(Tensor l) => l.to(ScalarType.Float32).view(-1, 1, 1, 1);
            Tensor Blend(Tensor l) => x.mul(Share(l)).add(xp.mul(Share(one.sub(l))));
            foreach (var l in kind == "two outputs" ? new[] { lambda, one.sub(lambda) } : [lambda])
            {
                var prediction = pixels.Model.call(Blend(l));
                foreach (var (judged, all) in new[] { Judge(prediction, y, l), Judge(prediction, yp, one.sub(l)) })
                {
                    (mixedHits, mixedCounted) = (mixedHits + judged, mixedCounted + all);
                }
            }
        }

        Assert.Equal(hits / counted, record["validation_accuracy"], 1e-6);
        Assert.Equal(kind == "plain" ? hits / counted : mixedHits / mixedCounted, record["train_accuracy"], 1e-6);
        Assert.InRange(record["train_accuracy"], 0.05, 0.95);
    }

    [Fact]
    public void AccuracyRefusesWhatHasNoClassIds()
    {
        using var scope = NewDisposeScope();
        string Error(Tensor prediction, Tensor target) =>
            Assert.Throws<ArgumentException>(() => Judged(Metric.Accuracy(), (prediction, target))).Message;
        Assert.Contains(
            "logits [B, K, ...] of 2 classes or more", Error(zeros(5, 1), zeros(5)), StringComparison.Ordinal); // a binary output
        Assert.Contains("the prediction is [5, 1]", Error(zeros(5, 1), zeros(5, ScalarType.Int64)), StringComparison.Ordinal);
        Assert.Contains("Give a metric of your own", Error(zeros(5, 3), zeros(5, 3)), StringComparison.Ordinal); // soft labels
        Assert.Contains("[5, 6]", Error(zeros(5, 3, 7), zeros(5, 6, ScalarType.Int64)), StringComparison.Ordinal);
        Assert.Contains("the prediction is [3]", Error(zeros(3), tensor(new[] { 1L })), StringComparison.Ordinal); // without classes
        Assert.Contains("The target has no dimension", Error(zeros(3), tensor(1L)), StringComparison.Ordinal); // without a batch
        Assert.Equal(1, Judged(Metric.Accuracy(), (zeros(5, 3), zeros(5, ScalarType.Int64))));
    }

    [Fact]
    public void AMetricThatBroadcastsIsRefusedInValidationToo()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(6, 1).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.01);
        var (x, y) = (Some.Normal(1, 12, 6), Some.Normal(2, 12));
        using var loss = new Squeezing();
        var learner = new Learner(model, loss, optimizer, metrics: [new Metric("mae", (p, t) => (p - t).abs())]);
        Assert.Contains("Metric 'mae' returned shape [6, 6]", Assert.Throws<ArgumentException>(
                () => learner.Fit(new TensorBatches(x, y, 6), new TensorBatches(x, y, 6))).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void WithNothingIgnoredItIsTheMeanThatItWas()
    {
        using var small = new Small([new MixupCallback(new InputMixup(new MixupOptions { Method = new Interpolation(1), Seed = 2 }))]);
        var plain = new Metric("plain", (prediction, target) => prediction.argmax(1).eq(target).to(ScalarType.Float32));
        Metric[] metrics = [Metric.Accuracy(), plain];
        var learner = new Learner(small.Model, small.Loss, small.Optimizer, metrics: metrics, callbacks: small.Learner.Callbacks);
        foreach (var record in learner.Fit(small.Train, small.Valid, epochs: 3))
        {
            Assert.Equal(record["train_plain"], record["train_accuracy"], 1e-6);
            Assert.Equal(record["validation_plain"], record["validation_accuracy"], 1e-6);
        }
    }

    [Fact]
    public void WhatHasNoWeightMayBeAnything()
    {
        using var scope = NewDisposeScope();
        using var pixels = new Pixels();
        var (images, target) = (Some.Normal(1, 4, 2, 3, 3), Some.Classes(2, 3, 4, 3, 3));
        target[TensorIndex.Slice(0, 2)] = Ignored;

        // One weight for each sample, and values that are infinite where it is 0.
        static Tensor Infinite(Tensor prediction, Tensor target) =>
            ones_like(target, ScalarType.Float32).masked_fill(target.eq(Ignored), double.PositiveInfinity);
        var metric = new Metric("some", Infinite)
        {
            Weights = target => target.select(1, 0).select(1, 0).ne(Ignored),
        };
        var none = new Metric("none", Infinite) { Weights = target => zeros_like(target) };
        var record = pixels.Still([metric, none]).Fit(new TensorBatches(images, target, 1))[0];
        Assert.Equal(1, record["train_some"]);
        Assert.True(double.IsNaN(record["train_none"]));
    }

    [Fact]
    public void NothingIsReadBackFromTheDevice()
    {
        // On META, reading a value throws. The epoch is cancelled before its figures are read.
        using var model = Linear(4, 3);
        using var loss = MSELoss();
        using var optimizer = optim.SGD(model.parameters(), 0);
        using var x = zeros(6, 4, device: META);
        using var y = zeros(6, 3, device: META);
        var metric = new Metric("error", (prediction, target) => prediction.sub(target).square()) { Weights = target => target.ne(-100) };
        var judged = 0;
        void CancelAtTheSecond(LearnerState state)
        {
            if (++judged == 2)
            {
                state.StopFit();
            }
        }

        var learner = new Learner(
            model,
            loss,
            optimizer,
            metrics: [metric],
            device: META,
            callbacks: [new Recorder("AfterBatch", CancelAtTheSecond), new Recorder("BeforeBackward", state => state.StopBatch())],
            forward: inputs => inputs[0].narrow(1, 0, 3).mul(2));
        Assert.Empty(learner.Fit([new Batch(x, y), new Batch(x, y)]));
        Assert.Equal(2, judged);
    }

    [Fact]
    public void AMetricLeavesNoTensorBehind()
    {
        using var pixels = new Pixels();
        using var images = Some.Normal(1, 6, 2, 4, 5);
        using var target = Some.Classes(2, 3, 6, 4, 5);
        var learner = pixels.Still([Metric.Accuracy(1)], new MixupCallback(new InputMixup(1)));
        learner.Fit([new Batch(images, target)]);
        var before = Some.LiveTensors;
        learner.Fit([new Batch(images, target)], epochs: 20);
        Assert.Equal(before, Some.LiveTensors);
    }

    /// <summary>A model of three classes for every pixel.</summary>
    private sealed class Pixels : IDisposable
    {
        private readonly optim.Optimizer optimizer;
        private readonly Loss<Tensor, Tensor, Tensor> loss = CrossEntropyLoss(ignore_index: Ignored);

        public Pixels()
        {
            manual_seed(1);
            Model = Conv2d(2, 3, 1).to(Some.Device);
            optimizer = optim.SGD(Model.parameters(), 0);
        }

        public Modules.Conv2d Model { get; }

        /// <summary>A learner that never steps.</summary>
        public Learner Still(IEnumerable<Metric> metrics, params LearnerCallback[] callbacks)
        {
            var cancels = new Recorder("BeforeBackward", state => state.StopBatch());
            return new Learner(Model, loss, optimizer, metrics: metrics, callbacks: [.. callbacks, cancels]);
        }

        public void Dispose()
        {
            optimizer.Dispose();
            Model.Dispose();
            loss.Dispose();
        }
    }

    [Fact]
    public void ErrorsAndTopKAreWhatTheFormulasSay()
    {
        using var scope = NewDisposeScope();
        var (prediction, target) = (Some.Normal(1, 7, 2).cpu(), Some.Normal(2, 7, 2).cpu());
        var difference = prediction.sub(target).to(ScalarType.Float64);
        (Tensor, Tensor)[] parts = [(prediction[..4], target[..4]), (prediction[4..], target[4..])];
        Assert.Equal(difference.abs().mean().ToDouble(), Judged(Metric.MeanAbsoluteError(), parts), 1e-6);
        Assert.Equal(difference.square().mean().ToDouble(), Judged(Metric.MeanSquaredError(), parts), 1e-6);

        var logits = tensor(new float[,] { { 3, 2, 1, 0 }, { 0, 1, 2, 3 }, { 1, 0, 3, 2 }, { 9, 8, 7, 6 } });
        var classes = tensor(new long[] { 1, 1, 3, -100 });
        Assert.Equal(0, Judged(Metric.Accuracy(), (logits, classes)));
        Assert.Equal(2 / 3.0, Judged(Metric.TopKAccuracy(2), (logits, classes)), 1e-6);
        Assert.Equal(1, Judged(Metric.TopKAccuracy(3), (logits, classes)));
        Assert.Equal("top3_accuracy", Metric.TopKAccuracy(3).Name);
        var pixels = logits.t().unsqueeze(0); // [1, 4, 4]
        Assert.Equal(2 / 3.0, Judged(Metric.TopKAccuracy(2), (pixels, classes.unsqueeze(0))), 1e-6);
    }

    [Fact]
    public void AMetricOfAllPredictionsIsNoMeanOfBatches()
    {
        static double F1(Tensor prediction, Tensor target)
        {
            var (found, real) = (prediction.gt(0), target.eq(1));
            return 2 * found.logical_and(real).sum().ToDouble() / (found.sum().ToDouble() + real.sum().ToDouble());
        }

        using var scope = NewDisposeScope();
        var (scores, classes) = (Some.Normal(1, 30).cpu(), Some.Classes(2, 2, 30).cpu());
        var f1 = Metric.OfAll("f1", F1);
        (Tensor, Tensor)[] parts = [(scores[..11], classes[..11]), (scores[11..], classes[11..])];
        Assert.Equal(F1(scores, classes), Judged(f1, parts), 1e-9);
        Assert.NotEqual(F1(scores, classes), parts.Average(part => F1(part.Item1, part.Item2)), 1e-6);

        // On a learner that mixes: a figure of validation alone, and one to watch.
        using var small = new Small();
        var learner = new Learner(
            small.Model,
            small.Loss,
            small.Optimizer,
            metrics: [Metric.Accuracy(), Metric.OfAll("samples", (p, t) => p.shape[0] + (1000 * t.shape[0]))],
            callbacks: [new MixupCallback(new InputMixup()), new EarlyStopping("validation_samples", MonitorMode.Max)]);
        var record = learner.Fit(small.Train, small.Valid)[0];
        Assert.Equal(40_040, record["validation_samples"]);
        Assert.Equal(["accuracy"], record.TrainMetrics.Keys);
        Assert.Throws<ArgumentException>(() => new Learner(
            small.Model, small.Loss, small.Optimizer, metrics: learner.Metrics,
            callbacks: [new EarlyStopping("train_samples", MonitorMode.Max)]).Fit(small.Train, small.Valid));
    }

    /// <summary>A metric of given predictions.</summary>
    private static double Judged(Metric metric, params (Tensor Prediction, Tensor Target)[] batches)
    {
        using var model = nn.Identity();
        using var optimizer = optim.SGD([nn.Parameter(zeros(1))], 0.1);
        var learner = new Learner(model, new FunctionLoss((_, _) => zeros(1)), optimizer, metrics: [metric], device: CPU);
        return learner.Evaluate(batches)[metric.Name];
    }

    /// <summary>Draws the same for every batch.</summary>
    private sealed class Fixed(bool twoOutputs) : IMixupStrategy
    {
        private readonly InputMixup inner = new(new MixupOptions { Outputs = twoOutputs ? MixupOutputs.Both : MixupOutputs.Mixed });

        public MixupState State { get => inner.State; set => inner.State = value; }

        public int? Epoch { get => inner.Epoch; set => inner.Epoch = value; }

        public int? Epochs { get => inner.Epochs; set => inner.Epochs = value; }

        public int Rank { get => inner.Rank; set => inner.Rank = value; }

        public MixupStep Begin(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw = null) =>
            inner.Begin(
                inputs,
                target,
                draw ?? new MixupDraw(new Mix(Lambdas, Partners, twoOutputs ? MixupOutputs.Both : MixupOutputs.Mixed), MixupPlace.Input));
    }

    private sealed class Squeezing() : Loss<Tensor, Tensor, Tensor>(nn.Reduction.Mean)
    {
        public override Tensor forward(Tensor prediction, Tensor target) => (prediction.squeeze(1) - target).pow(2).mean();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AComparisonIsAMetric(bool mixed)
    {
        using var small = new Small();
        var learner = new Learner(
            small.Model,
            small.Loss,
            small.Optimizer,
            metrics:
            [
                Metric.Accuracy(),
                new Metric("same", (p, t) => p.argmax(1).eq(t)),
                new Metric("weighed", (p, t) => p.argmax(1).eq(t)) { Weights = t => t.ne(-100) },
            ],
            callbacks: mixed ? [new MixupCallback(new InputMixup(new MixupOptions { Seed = 3 }))] : []);
        var record = learner.Fit(small.Train, small.Valid)[0];
        foreach (var half in new[] { "train", "validation" })
        {
            Assert.Equal(record[$"{half}_accuracy"], record[$"{half}_same"], 1e-6);
            Assert.Equal(record[$"{half}_accuracy"], record[$"{half}_weighed"], 1e-6);
        }
    }

    [Fact]
    public void ABatchWithoutSamplesIsRefused()
    {
        using var small = new Small();
        Assert.Contains(
            "The batch has no sample",
            Assert.Throws<ArgumentException>(() => small.Learner.Evaluate([(small.X, small.Y), (small.X[..0], small.Y[..0])])).Message,
            StringComparison.Ordinal);
    }
}
