using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Losses that sum, and a second fit that begins anew.</summary>
public sealed class LossAndStoppingTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("mixup-stopping-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(16)]
    [InlineData(40)]
    public void TheLossOfASumIsTheMeanOverSamples(int batchSize)
    {
        using var scope = NewDisposeScope();
        using var small = new Small();
        using var sum = CrossEntropyLoss(reduction: Reduction.Sum);
        using var frozen = optim.SGD(small.Model.parameters(), 0);
        var batches = new TensorBatches(small.X, small.Y, batchSize); // the last one is smaller
        var record = new Learner(small.Model, sum, frozen).Fit(batches, batches)[0];
        small.Model.eval();
        Assert.Equal(small.Loss.call(small.Model.call(small.X), small.Y).cpu().ToDouble(), record.ValidationLoss!.Value, 1e-6);

        // In training, normalisation sees one batch after the other.
        small.Model.train();
        var total = batches.Sum(batch => sum.call(small.Model.call(batch.Inputs[0]), batch.Target).cpu().ToDouble());
        Assert.Equal(total / 40, record.TrainLoss, 1e-6);
    }

    [Fact]
    public void ASumThatACallbackTakesOverMoreRowsIsDividedByThose()
    {
        using var small = new Small();
        using var sum = CrossEntropyLoss(reduction: Reduction.Sum);
        using var frozen = optim.SGD(small.Model.parameters(), 0);
        double Train(params LearnerCallback[] callbacks) =>
            new Learner(small.Model, sum, frozen, callbacks: callbacks).Fit([new Batch(small.X, small.Y)])[0].TrainLoss;
        var once = Train();
        var twice = Train(
            new Recorder("AfterLoss", state =>
            {
                state.BatchLoss = state.BatchLoss.mul(2); // as of both outputs of each pair
                state.LossWeight = tensor(2.0 * state.Target.shape[0], ScalarType.Float64, Some.Device);
            }));
        Assert.Equal(once, twice, 1e-6);
    }

    [Fact]
    public void ASecondFitCountsAnew()
    {
        // No epoch gains 100: each fit has its first epoch, which is its best, and two that are borne.
        using var small = new Small([new EarlyStopping(patience: 2, minDelta: 100)]);
        Assert.Equal(3, small.Learner.Fit(small.Train, epochs: 20).Count);
        Assert.Equal(3, small.Learner.Fit(small.Train, epochs: 20).Count);
    }

    [Fact]
    public void AResumedFitCountsOn()
    {
        Small Build() => new([new EarlyStopping(patience: 4, minDelta: 100)]);
        var path = Path.Combine(folder, "waiting.ckpt");
        using (var first = Build())
        {
            Assert.Equal(3, first.Learner.Fit(first.Train, epochs: 3).Count);
            Checkpoint.Save(first.Learner, path);
        }

        using var second = Build();
        Checkpoint.Load(second.Learner, path);
        Assert.Equal([3, 4], second.Learner.Fit(second.Train, epochs: 20).Select(record => record.Epoch));
    }

    [Fact]
    public void AFitThatIsRefusedLeavesTheCount()
    {
        var refuse = false;
        var stopping = new EarlyStopping(patience: 9, minDelta: 100);
        void Refuse(LearnerState state)
        {
            if (refuse)
            {
                throw new InvalidOperationException("not today");
            }
        }

        using var small = new Small([stopping, new Recorder("BeforeFit", Refuse, order: 90)]);
        small.Learner.Fit(small.Train, epochs: 3);
        var before = stopping.SaveState();
        refuse = true;
        Assert.Throws<InvalidOperationException>(() => small.Learner.Fit(small.Train));
        Assert.Equal(before, stopping.SaveState());
    }

    public static TheoryData<string, string> Stops =>
    [
        .. from at in Recorder.AllEvents from part in new[] { "Batch", "Epoch", "Fit" } select (at, part),
    ];

    [Theory]
    [MemberData(nameof(Stops))]
    public void AStopAnywhereStopsItsPartOrIsRefused(string at, string part)
    {
        var stopped = false;
        List<double> gradients = [];
        Action<LearnerState> stop = part switch
        {
            "Batch" => state => state.StopBatch(),
            "Epoch" => state => state.StopEpoch(),
            _ => state => state.StopFit(),
        };
        using var small = new Small([
            new Recorder(at, state =>
            {
                if (!stopped)
                {
                    stopped = true;
                    stop(state);
                }
            }),
            new Recorder("BeforeTrain", state => gradients.Add(
                state.Learner.Model.parameters().Sum(parameter => parameter.grad?.abs().sum().cpu().ToDouble() ?? 0)))]);
        var refused = part switch
        {
            "Batch" => at is "BeforeFit" or "BeforeEpoch" or "BeforeTrain" or "AfterTrain" or "BeforeValidate" or "AfterValidate"
                or "AfterEpoch" or "AfterFit",
            "Epoch" => at is "BeforeFit" or "AfterFit",
            _ => false,
        };
        if (refused)
        {
            var error = Assert.Throws<InvalidOperationException>(() => small.Learner.Fit(small.Train, small.Valid, epochs: 2));
            Assert.Contains($"There is no {part.ToLowerInvariant()} to stop", error.Message, StringComparison.Ordinal);
        }
        else
        {
            small.Learner.Fit(small.Train, small.Valid, epochs: 2);
        }

        Assert.True(stopped);
        Assert.Single(small.Learner.Fit(small.Train, small.Valid));
        Assert.All(gradients, gradient => Assert.Equal(0, gradient)); // of a batch that was stopped
    }

    [Fact]
    public void ABatchThatIsStoppedAfterItsStepLeavesNoGradient()
    {
        using var plain = new Small();
        using var stopped = new Small([new Recorder("AfterStep", state => state.StopBatch())]);
        plain.Learner.Fit(plain.Train, epochs: 2);
        stopped.Learner.Fit(stopped.Train, epochs: 2);
        Assert.Equal(plain.Weights, stopped.Weights);
    }

    [Theory]
    [InlineData("BeforeEpoch")]
    [InlineData("AfterBatch")]
    [InlineData("AfterFit")]
    public void AFitWithinAFitIsRefused(string at)
    {
        using var small = new Small([new Recorder(at, state => state.Learner.Fit([(zeros(9, 6), zeros(9, ScalarType.Int64))]))]);
        Assert.Contains(
            "A fit of this learner is running",
            Assert.Throws<InvalidOperationException>(() => small.Learner.Fit(small.Train)).Message,
            StringComparison.Ordinal);
        using var searching = new Small([new Recorder(at, state => LearningRateFinder.Run(
            state.Learner, [(zeros(9, 6), zeros(9, ScalarType.Int64))]))]);
        Assert.Throws<InvalidOperationException>(() => searching.Learner.Fit(searching.Train));
    }
}
