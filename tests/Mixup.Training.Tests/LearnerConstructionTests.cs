using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>What a learner refuses as it is built: before anything was trained on something else than what was meant.</summary>
public sealed class LearnerConstructionTests
{
    [Fact]
    public void APlateauSchedulerCannotStepAfterEveryBatch()
    {
        using var small = new Small();
        var plateau = optim.lr_scheduler.ReduceLROnPlateau(small.Optimizer);
        Learner Build(optim.lr_scheduler.LRScheduler? scheduler, SchedulerInterval interval) =>
            new(small.Model, small.Loss, small.Optimizer, scheduler) { SchedulerInterval = interval };
        var error = Assert.Throws<ArgumentException>(() => Build(plateau, SchedulerInterval.Batch));
        Assert.Contains("ReduceLROnPlateau", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("SchedulerInterval.Epoch", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Throws<ArgumentOutOfRangeException>(() => Build(null, (SchedulerInterval)7));

        // After every epoch it serves, and so does any other scheduler after every batch.
        Build(plateau, SchedulerInterval.Epoch).Fit(small.Train);
        Build(optim.lr_scheduler.StepLR(small.Optimizer, 3), SchedulerInterval.Batch).Fit(small.Train);
    }

    [Fact]
    public void AnOptimizerOfAnotherModelIsRefused()
    {
        using var small = new Small();
        using var other = Linear(6, 3).to(Some.Device);
        optim.Optimizer[] all = [optim.SGD(other.parameters(), 0.1), optim.Adam(other.parameters()), optim.LBFGS(other.parameters())];
        foreach (var foreign in all)
        {
            using (foreign)
            {
                var error = Assert.Throws<ArgumentException>(() => new Learner(small.Model, small.Loss, foreign));
                Assert.Equal("optimizer", error.ParamName);
                Assert.Contains("none of the model's parameters", error.Message, StringComparison.OrdinalIgnoreCase);
                Assert.Contains("model.parameters()", error.Message, StringComparison.OrdinalIgnoreCase);
            }
        }
    }

    [Fact]
    public void AnOptimizerFromBeforeTheModelWasConvertedIsRefused()
    {
        // As .to(device) does where there is another device: it replaces the parameters.
        foreach (var asList in new[] { false, true })
        {
            using var model = Linear(6, 3);
            using var loss = CrossEntropyLoss();
            IEnumerable<Modules.Parameter> parameters = asList ? model.parameters().ToArray() : model.parameters();
            using var optimizer = optim.Adam(parameters);
            model.to(ScalarType.Float64);
            var error = Assert.Throws<ArgumentException>(() => new Learner(model, loss, optimizer));
            Assert.Contains(".to(", error.Message, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void AnOptimizerOfSomeParametersServes()
    {
        using var small = new Small();
        using var head = optim.SGD(small.Model.children().Last().parameters(), 0.1);
        Assert.True(double.IsFinite(new Learner(small.Model, small.Loss, head).Fit(small.Train)[0].TrainLoss));
        using var native = optim.LBFGS(small.Model.parameters()); // it holds the parameters by other handles
        for (var i = 0; i < 3; i++)
        {
            _ = new Learner(small.Model, small.Loss, native);
        }

        using var half = Linear(6, 3).to(ScalarType.BFloat16);
        using var nativeOfHalf = optim.LBFGS(half.parameters());
        _ = new Learner(half, small.Loss, nativeOfHalf);
    }

    [Fact]
    public void AModelWithoutParametersTrainsWhatItsForwardReaches()
    {
        using var small = new Small();
        using var shell = Identity();
        var before = small.Weights;
        var learner = new Learner(shell, small.Loss, small.Optimizer, device: Some.Device, forward: inputs => small.Model.call(inputs[0]));
        learner.Fit(small.Train);
        Assert.NotEqual(before, small.Weights);
    }

    [Fact]
    public void ACallbackIsAttachedOnceToEveryLearnerAndMayRefuseIt()
    {
        using var small = new Small();
        var recorder = new Recorder();
        var first = new Learner(small.Model, small.Loss, small.Optimizer, metrics: [Metric.Accuracy()], callbacks: [recorder]);
        var second = new Learner(small.Model, small.Loss, small.Optimizer, callbacks: [recorder]);
        first.Fit(small.Train, epochs: 2);
        Assert.Equal([first, second], recorder.Learners);

        var picky = new Picky();
        var (before, after) = (new Recorder(), new Recorder(order: 1));
        var refused = Assert.Throws<NotSupportedException>(
            () => new Learner(small.Model, small.Loss, small.Optimizer, metrics: [Metric.Accuracy()], callbacks: [after, before, picky]));
        Assert.Same(picky.Refusal, refused);
        Assert.Equal(["accuracy"], picky.Seen!.Metrics.Select(metric => metric.Name));
        Assert.Equal(3, picky.Seen.Callbacks.Count); // it sees the learner as a whole
        Assert.Equal((1, 0), (before.Learners.Count, after.Learners.Count));
        Assert.Empty(before.Events);

        // A learner that is refused for another reason is nobody's.
        var untouched = new Recorder();
        using var list = ModuleList(small.Model);
        Assert.Throws<ArgumentException>(() => new Learner(list, small.Loss, small.Optimizer, callbacks: [untouched]));
        Assert.Empty(untouched.Learners);
    }

    private sealed class Picky : LearnerCallback
    {
        public NotSupportedException Refusal { get; } = new("It cannot serve this learner. Build another.");

        public Learner? Seen { get; private set; }

        public override void Attach(Learner learner)
        {
            Seen = learner;
            throw Refusal;
        }
    }

    [Fact]
    public void AMetricCannotTakeTheNameOfTheLoss()
    {
        using var small = new Small();
        Assert.Contains(
            "A metric is called 'loss'",
            Assert.Throws<ArgumentException>(() => new Learner(
                small.Model, small.Loss, small.Optimizer, metrics: [Metric.Accuracy().Named("loss")])).Message,
            StringComparison.Ordinal);
    }
}
