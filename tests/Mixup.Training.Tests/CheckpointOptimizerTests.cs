using TorchSharp.Modules;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Every optimizer that TorchSharp can save, with every buffer that it can have.</summary>
public sealed class CheckpointOptimizerTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("mixup-optimizers-").FullName;

    public static Dictionary<string, Func<IEnumerable<Parameter>, optim.Optimizer>> Optimizers { get; } = new()
    {
        ["SGD"] = parameters => optim.SGD(parameters, 0.1, momentum: 0.9),
        ["SGD, no momentum"] = parameters => optim.SGD(parameters, 0.1),
        ["SGD, two groups"] = parameters =>
            new SGD([new SGD.ParamGroup(parameters.Take(2), 0.1, momentum: 0.5), new SGD.ParamGroup(parameters.Skip(2), 0.05)], 0.1),
        ["Adam"] = parameters => optim.Adam(parameters),
        ["Adam, amsgrad"] = parameters => optim.Adam(parameters, amsgrad: true),
        ["AdamW"] = parameters => optim.AdamW(parameters),
        ["AdamW, amsgrad"] = parameters => optim.AdamW(parameters, amsgrad: true),
        ["Adamax"] = parameters => optim.Adamax(parameters),
        ["NAdam"] = parameters => optim.NAdam(parameters),
        ["RAdam"] = parameters => optim.RAdam(parameters),
        ["Adagrad"] = parameters => optim.Adagrad(parameters),
        ["Adadelta"] = parameters => optim.Adadelta(parameters),
        ["RMSProp"] = parameters => optim.RMSProp(parameters),
        ["RMSProp, centered, momentum"] = parameters => optim.RMSProp(parameters, momentum: 0.9, centered: true),
        ["Rprop"] = parameters => optim.Rprop(parameters),
        ["ASGD"] = parameters => optim.ASGD(parameters),
    };

    public static TheoryData<string> Names => [.. Optimizers.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void AResumedRunEqualsTheUninterruptedOne(string name)
    {
        using var whole = Build(name);
        whole.Learner.Fit(whole.Train, epochs: 3);

        using (var first = Build(name))
        {
            first.Learner.Fit(first.Train, epochs: 2);
            Checkpoint.Save(first.Learner, Path.Combine(folder, name));
        }

        using var second = Build(name);
        Checkpoint.Load(second.Learner, Path.Combine(folder, name));
        second.Learner.Fit(second.Train, epochs: 3);
        Assert.Equal(whole.Weights, second.Weights);
        Assert.True(whole.Weights.All(float.IsFinite));
    }

    [Theory]
    [InlineData("SGD", "Adam", "SGD")]
    [InlineData("SGD", "SGD, two groups", "in 2 group(s), but the learner's has")]
    [InlineData("AdamW", "Adam", "AdamW")]
    public void ThatOfAnotherOptimizerIsRefusedAndChangesNothing(string name, string other, string expected)
    {
        var path = Path.Combine(folder, "other");
        using (var first = Build(other))
        {
            first.Learner.Fit(first.Train, epochs: 1);
            Checkpoint.Save(first.Learner, path);
        }

        using var fresh = Build(name);
        var before = fresh.Weights;
        Assert.Contains(
            expected,
            Assert.Throws<InvalidDataException>(() => Checkpoint.Load(fresh.Learner, path)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Equal(before, fresh.Weights);
        fresh.Learner.Fit(fresh.Train, epochs: 1);
        using var untouched = Build(name);
        untouched.Learner.Fit(untouched.Train, epochs: 1);
        Assert.Equal(untouched.Weights, fresh.Weights);
    }

    [Fact]
    public void AnOptimizerWithoutAStateIsSaid()
    {
        using var small = new Small(_ => [], scheduler: false, dropout: false, parameters => optim.LBFGS(parameters));
        Assert.Contains(
            "LBFGS",
            Assert.Throws<ArgumentException>(() => Checkpoint.Save(small.Learner, Path.Combine(folder, "lbfgs"))).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void ASchedulerThatTheLearnerLacksIsSaid()
    {
        var path = Path.Combine(folder, "scheduled");
        using (var first = new Small(scheduler: true))
        {
            first.Learner.Fit(first.Train, epochs: 1);
            Checkpoint.Save(first.Learner, path);
        }

        using var fresh = Build("SGD");
        Assert.Contains(
            "scheduler",
            Assert.Throws<InvalidDataException>(() => Checkpoint.Load(fresh.Learner, path)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Empty(fresh.Learner.History);
    }

    [Fact]
    public void AnOptimizerOfOnesOwnThatFailsToLoadIsAsItWas()
    {
        var path = Path.Combine(folder, "own");
        Small BuildOwn(OwnOptimizer.Counter counter, Action? onLoad = null) => new(
            _ => [new EarlyStopping()],
            scheduler: true,
            dropout: false,
            parameters => new OwnOptimizer(parameters, writer => writer.Write(counter.Value), reader =>
            {
                counter.Value = reader.ReadInt64();
                onLoad?.Invoke();
            }));
        using (var first = BuildOwn(new OwnOptimizer.Counter { Value = 41 }))
        {
            first.Learner.Fit(first.Train, epochs: 2);
            Checkpoint.Save(first.Learner, path);
        }

        var loaded = new OwnOptimizer.Counter { Value = 3 };
        var loads = 0;
        using (var refused = BuildOwn(loaded, () => _ = loads++ == 1 ? throw new FormatException("It is the wrong state.") : 0))
        {
            var (weights, rate) = (refused.Weights, refused.Optimizer.ParamGroups.First().LearningRate);
            var error = Assert.Throws<InvalidDataException>(() => Checkpoint.Load(refused.Learner, path));
            Assert.Contains("It is the wrong state.", error.Message, StringComparison.OrdinalIgnoreCase);
            Assert.Equal(3, loaded.Value);
            Assert.Equal(weights, refused.Weights);
            Assert.Equal(rate, refused.Optimizer.ParamGroups.First().LearningRate);
        }

        var fresh = new OwnOptimizer.Counter();
        using var second = BuildOwn(fresh);
        Checkpoint.Load(second.Learner, path);
        Assert.Equal(41, fresh.Value);
        Assert.Equal(2, second.Learner.History.Count);
    }

    [Theory]
    [InlineData("SGD, no momentum", null)]
    [InlineData("SGD", "not contiguous")]
    [InlineData("Adam", "contiguous")]
    public void AParameterThatIsNotContiguousIsSavedOrRefusedBeforeTheFirstEpoch(string name, string? refusal)
    {
        var path = Path.Combine(folder, "strided", "last.ckpt");
        var recorder = new Recorder();
        (Strided Model, optim.Optimizer Optimizer, Learner Learner) Build()
        {
            var model = new Strided();
            var optimizer = Optimizers[name](model.parameters());
            return (
                model,
                optimizer,
                new Learner(model, nn.MSELoss(), optimizer, callbacks: [new ModelCheckpoint(Path.GetDirectoryName(path)!), recorder]));
        }

        using var x = Some.Normal(1, 6, 4);
        using var y = Some.Normal(2, 6, 3);
        var first = Build();
        if (refusal is not null)
        {
            var error = Assert.Throws<ArgumentException>(() => first.Learner.Fit([(x, y)]));
            Assert.Contains(refusal, error.Message, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("BeforeEpoch", recorder.Events);
            return;
        }

        first.Learner.Fit([(x, y)]);
        var second = Build();
        using var scope = NewDisposeScope();
        Assert.False(second.Model.Weight.is_contiguous());
        Checkpoint.Load(second.Learner, path);
        Assert.True(first.Model.Weight.ne(0).any().cpu().ToBoolean());
        Some.AssertEqual(first.Model.Weight, second.Model.Weight);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static Small Build(string name) => new(_ => [], scheduler: false, dropout: false, Optimizers[name]);

    private sealed class Strided : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter weight = new(zeros(3, 4).t());

        public Strided()
            : base(nameof(Strided))
        {
            RegisterComponents();
            this.to(Some.Device);
        }

        public Parameter Weight => weight;

        public override Tensor forward(Tensor x) => x.matmul(weight);
    }
}
