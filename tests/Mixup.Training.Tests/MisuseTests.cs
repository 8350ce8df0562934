using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Every documented error: its type, what it says was wrong, and what it says to do; and that the next batch trains as if nothing had happened.</summary>
public sealed class MisuseTests
{
    private static readonly (string Name, Type Type, string Wrong, string Do, Action<Bench> Act)[] Misuses =
    [
        // What is drawn.
        Of<ArgumentException>("no coefficients", "the batch is empty", "one sample or more", _ => new Mix([], [])),
        Of<ArgumentException>("fewer partners than coefficients", "2 coefficients but 1 partners", "one of each for every sample", _ => new Mix([1, 1], [0])),
        Of<ArgumentException>("a coefficient above 1", "coefficient 1 is 1.5", "between 0", _ => new Mix([1, 1.5], [1, 0])),
        Of<ArgumentException>("a coefficient that is not a number", "coefficient 0 is NaN", "between 0", _ => new Mix([double.NaN], [0])),
        Of<ArgumentException>("a partner twice", "the partner of sample 1 is 0", "exactly once", _ => new Mix([1, 1], [0, 0])),
        Of<ArgumentException>("a partner outside", "the partner of sample 0 is 2", "every index from 0 to 1", _ => new Mix([1, 1], [2, 0])),
        Of<ArgumentException>("blending a scalar", "scalar tensor", "first dimension must be the batch", b => b.Mix.Blend(b.X.sum())),
        Of<ArgumentException>("blending another batch", "has shape [5, 4]", "here of 6", b => b.Mix.Blend(b.X.narrow(0, 0, 5))),
        Of<ArgumentException>("blending token ids", "type Int64 cannot be blended", "manifold mixup on the embedding", b => b.Mix.Blend(b.Y)),
        Of<ArgumentException>("blending booleans", "type Bool cannot be blended", "float32", b => b.Mix.Blend(b.X.gt(0))),
        Of<ArgumentException>("blending complex numbers", "type ComplexFloat32 cannot be blended", "float32", b => b.Mix.Blend(b.X.to(ScalarType.ComplexFloat32))),
        Of<ArgumentNullException>("blending nothing", "tensor", "null", b => b.Mix.Blend(null!)),
        Of<ArgumentException>("partners of another batch", "has shape [5]", "here of 6", b => b.Mix.Partner(b.Y.narrow(0, 0, 5))),
        Of<ArgumentException>("rows of another batch", "has shape [5]", "here of 6", b => b.Mix.Own(b.Y.narrow(0, 0, 5))),
        Of<ArgumentException>("coefficients for a scalar", "scalar tensor", "batch", b => b.Mix.CoefficientsFor(b.X.sum())),
        Of<ArgumentException>("a mask that is not boolean", "mask is of type Float32", "mask.to(ScalarType.Bool)", b => b.Mix.UniteMask(b.X)),

        // Options.
        Of<ArgumentOutOfRangeException>("a negative alpha", "alpha", "0 (no mixing) or more", _ => new InputMixup(-1)),
        Of<ArgumentOutOfRangeException>("an infinite alpha", "alpha", "finite", _ => new OutputMixup(double.PositiveInfinity)),
        Of<ArgumentOutOfRangeException>("an alpha that is not a number, later", "alpha", "finite", b => b.Manifold.Alpha = double.NaN),
        Of<ArgumentOutOfRangeException>("a probability above 1", "probability", "between 0 (never) and 1 (always)", _ => new MixupOptions { Probability = 2 }),
        Of<ArgumentOutOfRangeException>("an unknown pairing", "no such Pairing", "Permutation, Halves, Roll", _ => new MixupOptions { Pairing = (Pairing)9 }),
        Of<ArgumentOutOfRangeException>("an unknown kind of coefficient", "no such CoefficientPer", "Sample", _ => new MixupOptions { CoefficientPer = (CoefficientPer)9 }),
        Of<ArgumentOutOfRangeException>("an unknown target mixing", "no such TargetMixing", "ByType", _ => new MixupOptions { TargetMixing = (TargetMixing)9 }),
        Of<ArgumentException>("pairs of a rolled batch", "no pairs", "Pairing.Halves", _ => new InputMixup(new MixupOptions { CoefficientPer = CoefficientPer.Pair, Pairing = Pairing.Roll })),
        Of<ArgumentException>("a stacked input of output mixup", "mixed by the network itself", "input mixup", _ => new OutputMixup(new MixupOptions { StackInput = true })),
        Of<ArgumentException>("a stacked input with two outputs", "mixed by the network itself", "one output a pair", _ => new InputMixup(new MixupOptions { StackInput = true, TwoOutputs = true })),
        Of<ArgumentException>("overwriting for output mixup", "can be overwritten", "leave OverwriteInput off", _ => new OutputMixup(new MixupOptions { OverwriteInput = true })),
        Of<ArgumentException>("overwriting with two outputs", "can be overwritten", "leave OverwriteInput off", _ => new InputMixup(new MixupOptions { OverwriteInput = true, TwoOutputs = true })),
        Of<ArgumentNullException>("no options", "options", "null", _ => new InputMixup(null!)),
        Of<ArgumentOutOfRangeException>("a negative step", "Step", "non-negative", b => b.Input.State = b.Input.State with { Step = -1 }),
        Of<ArgumentNullException>("no state", "value", "null", b => b.Input.State = null!),

        // Beginning a step.
        Of<ArgumentException>("no inputs", "one input tensor or more", "none may be null", b => b.Input.Begin([], b.Y)),
        Of<ArgumentException>("an input that is null", "one input tensor or more", "none may be null", b => b.Input.Begin([b.X, null!], b.Y)),
        Of<ArgumentNullException>("no target", "target", "null", b => b.Input.Begin(b.X, null!)),
        Of<ArgumentException>("a scalar input", "scalar tensor", "first dimension must be the batch", b => b.Input.Begin(b.X.sum(), b.Y)),
        Of<ArgumentException>("an empty batch", "the batch is empty", "Drop empty batches", b => b.Input.Begin(b.X.narrow(0, 0, 0), b.Y.narrow(0, 0, 0))),
        Of<ArgumentException>("inputs of two batches", "has shape [5, 4]", "here of 6", b => b.Input.Begin([b.X, b.X.narrow(0, 0, 5)], b.Y)),
        Of<ArgumentException>("a target of another batch", "the target has shape [5]", "here of 6", b => b.Input.Begin(b.X, b.Y.narrow(0, 0, 5))),
        Of<ArgumentException>("input mixup of token ids", "type Int64 cannot be blended", "embedding", b => b.Input.Begin(b.Y, b.Y)),
        Of<ArgumentException>("a draw of another batch", "the draw is of 6 samples, but the batch has 5", "replay it", b => b.Input.Begin(b.X.narrow(0, 0, 5), b.Y.narrow(0, 0, 5), new MixupDraw(b.Mix, MixupDraw.Input))),
        Of<ArgumentException>("a draw of another strategy", "the place 'output'", "replay it with the strategy", b => b.Input.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupDraw.Output))),
        Of<ArgumentException>("a draw for a module that is none", "the place 'attic'", "replay it with the strategy", b => b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, "attic"))),
        Of<ArgumentException>("several stacked inputs", "there are 2 inputs", "(x, x[p], lambda)", b => new InputMixup(new MixupOptions { StackInput = true }).Begin([b.X, b.X], b.Y)),
        Of<ArgumentException>("overwriting what needs a gradient", "requires gradients", "detach it", b => new InputMixup(new MixupOptions { OverwriteInput = true }).Begin(b.X.clone().requires_grad_(), b.Y)),
        Of<ArgumentException>("overwriting what shares memory", "expanded input", "clone it", b => new InputMixup(new MixupOptions { OverwriteInput = true }).Begin(b.X.narrow(1, 0, 1).expand(6, 4), b.Y)),

        // Manifold mixup.
        Of<ArgumentNullException>("no model", "model", "null", _ => new ManifoldMixup(null!)),
        Of<ArgumentException>("a name that matches nothing", "no module is called 'attic'", "the modules are", b => b.Places(new ManifoldPlaces { Names = ["attic"] })),
        Of<ArgumentException>("a module of another model", "is not in the model", "its modules are", b => b.Places(new ManifoldPlaces { Modules = [b.Foreign] })),
        Of<ArgumentException>("the model itself", "no place inside it", "use OutputMixup", b => b.Places(new ManifoldPlaces { Modules = [b.Model] })),
        Of<ArgumentException>("modules chosen twice over", "give the eligible modules once", "or by Where", b => b.Places(new ManifoldPlaces { Names = ["a"], Where = (_, _) => true })),
        Of<ArgumentException>("a choice of nothing", "can be mixed by", "Name some by ManifoldPlaces", b => b.Places(new ManifoldPlaces { Where = (_, _) => false })),
        Of<ArgumentException>("a negative weight", "the weight of 'a' is -1", "0 or more", b => b.Places(new ManifoldPlaces { Names = ["a"], Weights = new Dictionary<string, double> { ["a"] = -1 } })),
        Of<ArgumentException>("a weight for nothing", "no place is called 'attic'", "the places are", b => b.Places(new ManifoldPlaces { Names = ["a"], Weights = new Dictionary<string, double> { ["attic"] = 1 } })),
        Of<ArgumentException>("weights of 0 alone", "every place has weight 0", "more", b => b.Places(new ManifoldPlaces { Names = ["a"], Weights = new Dictionary<string, double> { ["*"] = 0 } })),
        Of<InvalidOperationException>("steps that overlap", "steps of one model cannot overlap", "Dispose it before the next", b =>
        {
            using var first = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, "a"));
            using var second = b.Manifold.Begin(b.X, b.Y);
        }),
        Of<InvalidOperationException>("a module that does not run", "module 'a'", "run it by call()", b =>
        {
            using var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, "a"));
            b.Loss.call(b.Foreign.call(step.Input), step.Target);
        }),
        Of<InvalidOperationException>("a module that gives another batch", "cannot be mixed", "the batch first", b =>
        {
            using var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, "a"));
            b.Model.call(b.X.narrow(0, 0, 5));
        }),

        // Losses.
        Of<ArgumentNullException>("no loss", "loss", "null", _ => new MixupLoss((Loss<Tensor, Tensor, Tensor>)null!)),
        Of<ArgumentNullException>("no function", "a loss is expected", "a loss is expected", _ => new MixupLoss((Func<Tensor, Tensor, Tensor>)null!)),
        Of<ArgumentOutOfRangeException>("an unknown reduction", "no such Reduction", "Mean", _ => new MixupLoss((p, t) => p, (Reduction)9)),
        Of<ArgumentException>("a prediction of another batch", "the prediction has shape [5, 3]", "here of 6", b => b.Judge((loss, target) => loss.call(b.Logits.narrow(0, 0, 5), target))),
        Of<ArgumentException>("classes on the wrong dimension", "class ids [6, 2]", "Move the classes to dimension 1", b => b.Judge((loss, target) => loss.call(b.Logits.unsqueeze(1), target), stack([b.Y, b.Y], 1))),
        Of<ArgumentException>("a class that is none", "class id 7 is not one of the 3 classes", "ignore_index", b => b.Judge((loss, target) => loss.call(b.Logits, target), full_like(b.Y, 7)), cpuOnly: true),
        Of<ArgumentException>("too few class weights", "2 class weights", "one weight for each class", b => b.Judge((_, target) => new MixupLoss(CrossEntropyLoss(ones(2))).call(b.Logits, target)), cpuOnly: true),
        Of<ArgumentException>("values that would broadcast", "[6, 1] but the target [6]", "squeeze(1)", b => b.Judge((_, target) => new MixupLoss(MSELoss()).call(b.Logits.narrow(1, 0, 1), target), b.X.select(1, 0))),
        Of<ArgumentException>("a function that reduces", "returned shape []", "Reduction.None", b => b.Judge((_, target) => new MixupLoss((p, t) => functional.cross_entropy(p, t)).call(b.Logits, target))),
        Of<ArgumentException>("a foreign loss that reduces", "reduces its values to their mean", "Build it with Reduction.None", b => b.Judge((_, target) => new MixupLoss(new Foreign()).call(b.Logits, target))),
        Of<ArgumentException>("output mixup before a loss without softmax", "MSELoss has none", "BCEWithLogitsLoss", b =>
        {
            using var step = b.Output.Begin(b.X, b.X, new MixupDraw(b.Mix, MixupDraw.Output));
            new MixupLoss(MSELoss()).call(b.X, step.Target);
        }),
        Of<ArgumentException>("a metric that reduces", "returned shape []", "Reduction.None", b => b.Judge((_, target) => target.Evaluate((p, t) => p.argmax(1).eq(t).to(ScalarType.Float32).mean(), b.Logits))),
        Of<ArgumentException>("integer targets mixed for a prediction that does not go with them", "integer targets of shape [6, 2]", "TargetMixing.Losses", b =>
        {
            using var step = new InputMixup(new MixupOptions { TargetMixing = TargetMixing.Targets }).Begin(b.X, stack([b.Y, b.Y], 1));
            new MixupLoss(MSELoss()).call(b.Logits, step.Target);
        }),

        // The learner and its data.
        Of<ArgumentException>("two metrics of one name", "two metrics are called 'accuracy'", "a name of its own", b => _ = new Learner(b.Model, b.Plain, b.Optimizer, metrics: [Metric.Accuracy, Metric.Accuracy])),
        Of<ArgumentException>("a model of no tensor", "is not a module of one to three tensors", "'forward'", b => _ = new Learner(new Silent(), b.Plain, b.Optimizer)),
        Of<ArgumentException>("more inputs than the model takes", "takes 1 tensor(s) but the batch has 2", "'forward'", b => b.Learner().Fit([new Batch([b.X, b.X], b.Y)])),
        Of<InvalidOperationException>("no batches", "there was no training batch", "give one that starts anew", b => b.Learner().Fit(Array.Empty<Batch>())),
        Of<InvalidOperationException>("a loss that is no scalar", "the loss has shape [6]", "Reduction.Mean or Reduction.Sum", b => b.Learner(CrossEntropyLoss(reduction: Reduction.None)).Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentException>("inputs and targets of different length", "are no data set", "one target for each", b => _ = new TensorBatches(b.X, b.Y.narrow(0, 0, 5), 2)),
        Of<ArgumentOutOfRangeException>("batches of nothing", "batchSize", "1", b => _ = new TensorBatches(b.X, b.Y, 0)),
        Of<ArgumentException>("no input key", "name the key", "one input or more", b => b.Dictionaries.AsBatches("y").ToList()),
        Of<ArgumentException>("a key that is not there", "the batch has no 'z'", "it has x, y", b => b.Dictionaries.AsBatches("y", "z").ToList()),
        Of<ArgumentException>("callbacks that share a state", "two callbacks keep their state as 'mixup'", "register one of each", b =>
            Checkpoint.Save(new Learner(b.Model, b.Plain, b.Optimizer, callbacks: [new MixupCallback(b.Input), new MixupCallback(b.Output)]), Path.Combine(Path.GetTempPath(), "never.ckpt"))),
        Of<ArgumentException>("a figure that nobody measures", "no figure 'train_acuracy'", "there are train_loss", b => b.Watched(new EarlyStopping("train_acuracy", Better.Larger)).Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentException>("a figure of a validation that is none", "no figure 'valid_loss'", "need a validation set", b => b.Watched(new Checkpoint(Path.GetTempPath(), "valid_loss", Better.Smaller)).Fit([new Batch(b.X, b.Y)])),
        Of<ArgumentOutOfRangeException>("an unknown direction", "no such Better", "Smaller, Larger", b => _ = new EarlyStopping("train_loss", (Better)9)),
        Of<ArgumentOutOfRangeException>("no patience", "patience", "1", b => _ = new EarlyStopping(patience: 0)),
        Of<ArgumentOutOfRangeException>("fewer epochs than one", "epochs", "1", b => b.Learner().Fit([new Batch(b.X, b.Y)], epochs: 0)),
        Of<FileNotFoundException>("a checkpoint that is not there", "none.ckpt", "none.ckpt", b => Checkpoint.Load(b.Learner(), Path.Combine(Path.GetTempPath(), "none.ckpt"))),
        Of<FormatException>("a foreign state", "'{}'", "not the state of a mixup strategy", b => new MixupCallback(b.Input).LoadState("{}")),
        Of<ArgumentNullException>("no strategy", "strategy", "null", b => _ = new MixupCallback(null!)),
    ];

    public static TheoryData<string> Names => [.. Misuses.Select(misuse => misuse.Name)];

    [Fact]
    public void ThereAreEnoughAndNoneTwice()
    {
        Assert.InRange(Misuses.Length, 60, 200);
        Assert.Equal(Misuses.Length, Misuses.Select(misuse => misuse.Name).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheErrorIsClearAndTheNextBatchTrainsAsIfNothingHadHappened(string name)
    {
        var (_, type, wrong, what, act) = Misuses.Single(misuse => misuse.Name == name);
        using var bench = new Bench();
        using (NewDisposeScope())
        {
            var error = Assert.Throws(type, () => act(bench));
            Assert.Contains(wrong, error.Message, StringComparison.Ordinal);
            Assert.Contains(what, error.Message, StringComparison.Ordinal);
        }

        using var untouched = new Bench();
        Assert.Equal(untouched.TrainWithAll(), bench.TrainWithAll());
    }

    private static (string, Type, string, string, Action<Bench>) Of<T>(string name, string wrong, string what, Action<Bench> act, bool cpuOnly = false)
        where T : Exception =>
        (name, typeof(T), wrong, what, cpuOnly && Some.Device.type != DeviceType.CPU ? _ => throw (Exception)Activator.CreateInstance(typeof(T), wrong + what)! : act);

    /// <summary>A model with all three strategies, ready to be misused.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly DisposeScope scope = NewDisposeScope();

        public Bench()
        {
            manual_seed(3);
            Model = Sequential(("a", Linear(4, 8)), ("b", Tanh()), ("c", Linear(8, 3))).to(Some.Device);
            Foreign = Linear(4, 3).to(Some.Device);
            Optimizer = optim.SGD(Model.parameters(), 0.1);
            var options = new MixupOptions { Alpha = 1, Seed = 5 };
            (Input, Output) = (new InputMixup(options), new OutputMixup(options));
            Manifold = new ManifoldMixup(Model, options, new ManifoldPlaces { Names = ["a", "b"], Log = _ => { } });
            (X, Y, Logits) = (Some.Normal(1, 6, 4), Some.Classes(2, 3, 6), Some.Normal(3, 6, 3));
            Mix = new Mix([0.3, 0.4, 0.5, 0.6, 0.7, 0.8], [1, 2, 3, 4, 5, 0]);
            Loss = new MixupLoss(Plain);
        }

        public Sequential Model { get; }

        public Linear Foreign { get; }

        public optim.Optimizer Optimizer { get; }

        public InputMixup Input { get; }

        public OutputMixup Output { get; }

        public ManifoldMixup Manifold { get; }

        public Tensor X { get; }

        public Tensor Y { get; }

        public Tensor Logits { get; }

        public Mix Mix { get; }

        public CrossEntropyLoss Plain { get; } = CrossEntropyLoss();

        public MixupLoss Loss { get; }

        public IEnumerable<Dictionary<string, Tensor>> Dictionaries => [new() { ["x"] = X, ["y"] = Y }];

        public Learner Learner(Loss<Tensor, Tensor, Tensor>? loss = null) => new(Model, loss ?? Plain, Optimizer);

        public Learner Watched(ITrainerCallback callback) => new(Model, Plain, Optimizer, metrics: [Metric.Accuracy], callbacks: [callback]);

        public void Places(ManifoldPlaces places) => _ = new ManifoldMixup(Model, new MixupOptions(), places with { Log = _ => { } });

        public void Judge(Action<MixupLoss, MixedTarget> judge, Tensor? target = null) => judge(Loss, new MixedTarget(Mix, target ?? Y));

        public float[] TrainWithAll()
        {
            foreach (var strategy in new IMixupStrategy[] { Input, Manifold, Output })
            {
                for (var i = 0; i < 2; i++)
                {
                    using var inner = NewDisposeScope();
                    using var step = strategy.Begin(X, Y);
                    Optimizer.zero_grad();
                    Loss.call(Model.call(step.Input), step.Target).backward();
                    Optimizer.step();
                }
            }

            return [.. Model.parameters().SelectMany(parameter => parameter.detach().cpu().data<float>().ToArray())];
        }

        public void Dispose()
        {
            scope.Dispose();
            Optimizer.Dispose();
            Model.Dispose();
            Foreign.Dispose();
        }
    }

    private sealed class Foreign() : Loss<Tensor, Tensor, Tensor>(Reduction.Mean)
    {
        public override Tensor forward(Tensor prediction, Tensor target) => prediction.mean();
    }

    private sealed class Silent() : Module(nameof(Silent));
}
