using static TorchSharp.Mixup.Tests.Misuse;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Every documented error of the learner, its data and its callbacks. Those of the core are in its own tests.</summary>
public sealed class MisuseTests
{
    private const string Anew = "give one that starts anew";

    private static readonly Misuse[] Misuses =
    [
        Of<ArgumentException>(
            "two metrics of one name",
            "two metrics are called 'accuracy'",
            "another name by Named",
            b => _ = new Learner(b.Model, b.Plain, b.Optimizer, metrics: [Metric.Accuracy(), Metric.Accuracy()])),
        Of<ArgumentException>(
            "a model of no tensor",
            "is not a module that takes one to three tensors",
            "'forward'",
            b => _ = new Learner(new Silent(), b.Plain, b.Optimizer)),
        Of<ArgumentException>(
            "more inputs than the model takes",
            "takes 1 tensor(s), but the batch has 2",
            "'forward'",
            b => Learner(b).Fit([new Batch([b.X, b.X], b.Y)])),
        Of<InvalidOperationException>("a batch of two inputs as a pair", "The batch has 2 inputs", "Use Inputs and Target", b =>
        {
            var (x, _) = new Batch([b.X, b.X], b.Y);
        }),
        Of<InvalidOperationException>(
            "no batches", "There was no training batch in epoch 1", Anew, b => Learner(b).Fit(Array.Empty<Batch>())),
        Of<InvalidOperationException>("no validation batches", "There was no validation batch in epoch 1", Anew, b =>
            Learner(b).Fit([new Batch(b.X, b.Y)], Array.Empty<Batch>())),
        Of<InvalidOperationException>("a validation that yields no batch", "There was no validation batch in epoch 1", Anew, b =>
            Still(b).Fit([new Batch(b.X, b.Y)], Enumerable.Range(0, 0).Select(_ => new Batch(b.X, b.Y)).Where(_ => true))),
        Of<InvalidOperationException>("a validation source that is used up", "There was no validation batch in epoch 2", Anew, b =>
        {
            var valid = new Queue<Batch>([new Batch(b.X, b.Y)]);
            IEnumerable<Batch> Once()
            {
                while (valid.TryDequeue(out var batch))
                {
                    yield return batch;
                }
            }

            Still(b).Fit([new Batch(b.X, b.Y)], Once(), epochs: 3);
        }),
        Of<ArgumentException>("a plateau after every batch", "A ReduceLROnPlateau watches the loss of an epoch", "SchedulerInterval.Epoch",
            b =>
        {
            var plateau = optim.lr_scheduler.ReduceLROnPlateau(b.Optimizer);
            _ = new Learner(b.Model, b.Plain, b.Optimizer, plateau) { SchedulerInterval = SchedulerInterval.Batch };
        }),
        Of<ArgumentException>("an optimizer of another model", "holds none of the model's parameters", "from model.parameters()", b =>
        {
            using var foreign = optim.SGD(b.Foreign.parameters(), 0.1);
            _ = new Learner(b.Model, b.Plain, foreign);
        }),
        Of<ArgumentException>("weights of another shape than the values", "have shape [6, 3], but its values have shape [6]",
            "one weight for", b =>
        {
            var hits = new Metric("hits", (p, t) => p.argmax(1).eq(t)) { Weights = target => ones(target.shape[0], 3) };
            new Learner(b.Model, b.Plain, b.Optimizer, metrics: [hits]).Fit([new Batch(b.X, b.Y)]);
        }),
        Of<InvalidOperationException>(
            "a loss that is no scalar",
            "the loss has shape [6]",
            "Reduction.Mean or Reduction.Sum",
            b => Learner(b, CrossEntropyLoss(reduction: Reduction.None)).Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentException>(
            "inputs and targets of different length",
            "must be non-empty and of equal length",
            "along their first dimension",
            b => _ = new TensorBatches(b.X, b.Y.narrow(0, 0, 5), 2)),
        Of<ArgumentOutOfRangeException>("batches of nothing", "batchSize", "1", b => _ = new TensorBatches(b.X, b.Y, 0)),
        Of<ArgumentException>("no input key", "name the key", "one input or more", b => Dictionaries(b).AsBatches("y").ToList()),
        Of<ArgumentException>(
            "a key that is not there", "the batch has no 'z'", "it has x, y", b => Dictionaries(b).AsBatches("y", "z").ToList()),
        Of<ArgumentException>("callbacks that share a state", "two callbacks save their state as 'early-stopping'", "Set the StateKey",
            b =>
            Checkpoint.Save(
                new Learner(b.Model, b.Plain, b.Optimizer, callbacks: [new EarlyStopping(1), new EarlyStopping(2)]),
                Path.Combine(Path.GetTempPath(), "never.ckpt"))),
        Of<InvalidOperationException>("an optimizer that needs a closure", "by a closure that the learner does not give",
            "loop of your own", b =>
        {
            using var native = optim.LBFGS(b.Model.parameters());
            new Learner(b.Model, b.Plain, native).Fit([new Batch(b.X, b.Y)]);
        }),
        Of<InvalidOperationException>("a loss function that mixing would lose", "replaced LossFunction or MetricFunction before",
            "Order above 10", b =>
            new Learner(
                b.Model,
                b.Plain,
                b.Optimizer,
                callbacks: [
                    new MixupCallback(new OutputMixup()),
                    new Recorder("BeforeBatch", state => state.LossFunction = b.Plain.call)
                ]).Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentException>("two mixups on a learner", "two MixupCallbacks", "Register one", b =>
                _ = new Learner(b.Model, b.Plain, b.Optimizer, callbacks: [new MixupCallback(b.Input), new MixupCallback(b.Output)])),
        Of<InvalidOperationException>("data changed after it was mixed", "changed the inputs of a batch after it was mixed",
            "Order is below that of MixupCallback", b =>
            new Learner(
                b.Model,
                b.Plain,
                b.Optimizer,
                callbacks: [
                    new MixupCallback(new OutputMixup()),
                    new Recorder("BeforeBatch", state => state.Inputs = [b.X.clone()], order: 20)
                ]).Fit([new Batch(b.X, b.Y)])),
        Of<InvalidOperationException>("a loss function that forgets mixing", "did not call the one before", "Call it within yours", b =>
            new Learner(
                b.Model,
                b.Plain,
                b.Optimizer,
                callbacks: [
                    new MixupCallback(new OutputMixup()),
                    new Recorder("BeforeBatch", state => state.LossFunction = b.Plain.call, order: 20)
                ]).Fit([new Batch(b.X, b.Y)])),
        Of<IOException>("a folder that cannot be written", "No checkpoint can be written to the folder", "Give a folder that", b =>
            Watched(b, new ModelCheckpoint(Path.Combine(typeof(MisuseTests).Assembly.Location, "below a file")))
                .Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentException>("a checkpoint of an optimizer that has no state", "LBFGS has no state that can be saved", "LBFGS", b =>
        {
            using var native = optim.LBFGS(b.Model.parameters());
            new Learner(b.Model, b.Plain, native, callbacks: [new ModelCheckpoint(Path.GetTempPath())]).Fit([new Batch(b.X, b.Y)]);
        }),
        Of<ArgumentException>("a figure that nobody measures", "no value 'train_acuracy'", "The values are train_loss", b =>
                Watched(b, new EarlyStopping("train_acuracy", MonitorMode.Max)).Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentException>(
            "a figure of a validation that is none",
            "no value 'validation_loss'",
            "need validation batches",
            b => Watched(b, new ModelCheckpoint(Path.GetTempPath(), "validation_loss", MonitorMode.Min)).Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentOutOfRangeException>(
            "an unknown direction", "no such MonitorMode", "Use Min or Max", b => _ = new EarlyStopping("train_loss", (MonitorMode)9)),
        Of<ArgumentOutOfRangeException>("no patience", "patience", "1", b => _ = new EarlyStopping(patience: 0)),
        Of<ArgumentOutOfRangeException>("fewer epochs than one", "epochs", "1", b => Learner(b).Fit([new Batch(b.X, b.Y)], epochs: 0)),
        Of<ArgumentOutOfRangeException>("a norm of nothing", "maxNorm", "above 0", b => _ = new GradientClipping(0)),
        Of<ArgumentOutOfRangeException>("a norm that is no number", "maxNorm", "above 0", b => _ = new GradientClipping(double.NaN)),
        Of<ArgumentOutOfRangeException>("values of nothing", "maxValue", "above 0", b => _ = GradientClipping.ByValue(-1)),
        Of<ArgumentOutOfRangeException>("steps of no batch", "batches", "1", b => _ = new GradientAccumulation(0)),
        Of<ArgumentOutOfRangeException>("a top of nothing", "k", "1", b => _ = Metric.TopKAccuracy(0)),
        Of<ArgumentException>("a top of more classes than there are", "of 4 classes or more", "a metric of your own", b =>
            new Learner(b.Model, b.Plain, b.Optimizer, metrics: [Metric.TopKAccuracy(4)]).Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentException>("an error of other shapes", "mean_absolute_error compares tensors of one shape", "Reshape one", b =>
            new Learner(b.Model, b.Plain, b.Optimizer, metrics: [Metric.MeanAbsoluteError()]).Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentOutOfRangeException>("a search from nowhere", "from", "above 0", b =>
            LearningRateFinder.Run(Learner(b), [(b.X, b.Y)], from: 0)),
        Of<ArgumentOutOfRangeException>("a search that falls", "to", "above the first", b =>
            LearningRateFinder.Run(Learner(b), [(b.X, b.Y)], from: 1, to: 0.1)),
        Of<ArgumentOutOfRangeException>("a search of few steps", "steps", "10", b =>
            LearningRateFinder.Run(Learner(b), [(b.X, b.Y)], steps: 9)),
        Of<ArgumentException>("two checkpoints in one folder", "Two checkpoints of the learner write to", "its own folder", b =>
            _ = new Learner(b.Model, b.Plain, b.Optimizer, callbacks:
                [new ModelCheckpoint("a"), new ModelCheckpoint("./a", "train_loss", MonitorMode.Min)])),
        Of<ArgumentException>("no input of a data set", "There is no input", "one tensor or more", b => _ = new TensorBatches([], b.Y, 2)),
        Of<InvalidOperationException>("nothing to evaluate", "There was no batch", "Give one that starts anew", b =>
            Learner(b).Evaluate(Array.Empty<Batch>())),
        Of<InvalidOperationException>("nothing to predict", "There was no batch", "Give one that starts anew", b =>
            Learner(b).Predict(Array.Empty<Batch>())),
        Of<InvalidOperationException>("predictions of several shapes", "cannot be joined", "one by one", b =>
            new Learner(b.Model, b.Plain, b.Optimizer, forward: inputs => inputs[0]).Predict([b.X, b.X.narrow(1, 0, 2)])),
        Of<InvalidOperationException>("a step outside of training", "no optimizer step outside of training", "StepOptimizer between", b =>
            Watched(b, new Recorder("BeforeFit", state => state.StepOptimizer())).Fit([new Batch(b.X, b.Y)])),
        Of<FileNotFoundException>(
            "a checkpoint that is not there",
            "none.ckpt",
            "none.ckpt",
            b => Checkpoint.Load(Learner(b), Path.Combine(Path.GetTempPath(), "none.ckpt"))),
        Of<FormatException>(
            "a foreign state", "'{}'", "not the state of a mixup strategy", b => new MixupCallback(b.Input).LoadState("{}")),
        Of<InvalidOperationException>("mixed batches without a callback", "no callback computes its mixed loss",
            "Register a MixupCallback", b =>
            Learner(b).Fit(new InputMixup().Mix([(b.X, b.Y)]))),
        Of<InvalidOperationException>("mixed batches of another strategy", "would be mixed twice", "the strategy that mixes in the loader",
            b => new Learner(b.Model, b.Plain, b.Optimizer, callbacks: [new MixupCallback(new InputMixup())])
                .Fit(new InputMixup().Mix([(b.X, b.Y)]))),
        Of<InvalidOperationException>("mixed batches that are mixed again", "is mixed already", "Mix plain batches", b =>
            b.Input.Mix(new InputMixup().Mix([(b.X, b.Y)]).AsBatches()).ToList()),
        Of<InvalidOperationException>("mixed batches as validation", "validation is never mixed", "Give plain batches", b =>
            Still(b).Fit([new Batch(b.X, b.Y)], new InputMixup().Mix([(b.X, b.Y)]).AsBatches())),
        Of<InvalidOperationException>("mixed batches that serve twice", "can be used once", "mixes anew in every epoch", b =>
        {
            var mixup = new InputMixup();
            var once = mixup.Mix([(b.X, b.Y)]).ToList();
            once[0].Dispose();
            new Learner(b.Model, b.Plain, b.Optimizer, callbacks: [new MixupCallback(mixup)]).Fit(once);
        }),
        Of<InvalidOperationException>("a look at a batch before it is mixed in the loader", "FirstBatch shows", "in the loader", b =>
        {
            var mixup = new InputMixup();
            new Learner(b.Model, b.Plain, b.Optimizer, callbacks: [new MixupCallback(mixup) { FirstBatch = (_, _, _) => { } }])
                .Fit(mixup.Mix([(b.X, b.Y)]));
        }),
        Of<InvalidOperationException>("data changed after the loader mixed it", "changed the data of a batch", "before it is mixed", b =>
        {
            var mixup = new InputMixup();
            var change = new Recorder("BeforeBatch", state => state.Inputs = [state.Inputs[0].mul(2)]);
            new Learner(b.Model, b.Plain, b.Optimizer, callbacks: [new MixupCallback(mixup), change]).Fit(mixup.Mix([(b.X, b.Y)]));
        }),
        Of<ArgumentException>("a loader that disposes its batches", "disposes each batch when it makes the next one", "disposeBatch: false",
            b => torch.utils.data.DataLoader(new Empty(), 2).AsBatches("y", "x").Prefetch(2)),
        Of<ArgumentNullException>("no strategy", "strategy", "null", b => _ = new MixupCallback(null!)),
    ];

    public static TheoryData<string> Names => [.. Misuses.Select(misuse => misuse.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void TheErrorIsClearAndTheNextBatchTrainsAsIfNothingHadHappened(string name) =>
        Misuses.Single(misuse => misuse.Name == name).Check();

    private static Learner Learner(Bench bench, Loss<Tensor, Tensor, Tensor>? loss = null) =>
        new(bench.Model, loss ?? bench.Plain, bench.Optimizer);

    /// <summary>A learner that trains, and leaves the model as it was.</summary>
    private static Learner Still(Bench bench)
    {
        var recorder = new Recorder("AfterBackward", state =>
        {
            state.StopBatch();
            state.Learner.Optimizer.zero_grad();
        });
        return new Learner(bench.Model, bench.Plain, bench.Optimizer, callbacks: [recorder]);
    }

    private static Learner Watched(Bench bench, LearnerCallback callback) =>
        new(bench.Model, bench.Plain, bench.Optimizer, metrics: [Metric.Accuracy()], callbacks: [callback]);

    private static IEnumerable<Dictionary<string, Tensor>> Dictionaries(Bench bench) => [new() { ["x"] = bench.X, ["y"] = bench.Y }];

    private sealed class Silent() : Module(nameof(Silent));

    private sealed class Empty : torch.utils.data.Dataset
    {
        public override long Count => 0;

        public override Dictionary<string, Tensor> GetTensor(long index) => [];
    }
}
