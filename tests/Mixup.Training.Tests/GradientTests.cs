namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Clipping and accumulating gradients.</summary>
public sealed class GradientTests
{
    [Theory]
    [InlineData(3, 12)] // three batches a step, the last one alone
    [InlineData(5, 20)]
    [InlineData(100, 40)] // all that is left at the end
    public void AccumulatedBatchesStepAsOneLargeBatch(int batches, int largeBatch) => Assert.All(
        Train(4, new GradientAccumulation(batches)).Zip(Train(largeBatch)), pair => Assert.Equal(pair.First, pair.Second, 1e-12));

    [Fact]
    public void BatchesOfOtherSizesWeighByTheirSamples() =>
        Assert.All(Train(7, new GradientAccumulation(100)).Zip(Train(40)), pair => Assert.Equal(pair.First, pair.Second, 1e-12));

    [Fact]
    public void ASumIsNotDivided() => Assert.All(
        Train(7, nn.Reduction.Sum, new GradientAccumulation(100)).Zip(Train(40, nn.Reduction.Sum)),
        pair => Assert.Equal(pair.First, pair.Second, 1e-12));

    [Fact]
    public void ClippingSeesTheAccumulatedGradient() => Assert.All(
        Train(4, new GradientAccumulation(5), new GradientClipping(0.01)).Zip(Train(20, new GradientClipping(0.01))),
        pair => Assert.Equal(pair.First, pair.Second, 1e-12));

    [Fact]
    public void ASchedulerOfBatchesStepsWithTheOptimizer()
    {
        using var small = new Small();
        var scheduler = optim.lr_scheduler.ExponentialLR(small.Optimizer, 0.5);
        var learner = new Learner(small.Model, small.Loss, small.Optimizer, scheduler, callbacks: [new GradientAccumulation(2)])
        {
            SchedulerInterval = SchedulerInterval.Batch,
        };
        learner.Fit(small.Train); // 5 batches: 3 steps
        Assert.Equal(0.1 / 8, small.Optimizer.ParamGroups.First().LearningRate, 1e-12);
    }

    [Fact]
    public void AnEpochThatIsStoppedDropsWhatIsLeft()
    {
        var steps = new Recorder();
        using var small = new Small(
            [new GradientAccumulation(4), steps, new Recorder("AfterLoss", StopAtTheThird)]);
        static void StopAtTheThird(LearnerState state)
        {
            if (state.BatchIndex == 2)
            {
                state.StopEpoch();
            }
        }

        small.Learner.Fit(small.Train);
        Assert.DoesNotContain("AfterStep", steps.Events);
        Assert.All(small.Model.parameters(), parameter => Assert.True(parameter.grad?.eq(0).all().cpu().ToBoolean() ?? true));
    }

    [Fact]
    public void ClippedGradientsHaveTheNormOrValue()
    {
        double norm = 0, largest = 0;
        var look = new Recorder("AfterStep", state =>
        {
            using var scope = NewDisposeScope();
            var all = cat([.. state.Learner.Model.parameters().Select(parameter => parameter.grad!.flatten())]);
            (norm, largest) = (all.norm().cpu().ToDouble(), all.abs().max().cpu().ToDouble());
        });
        using (var small = new Small([new GradientClipping(maxNorm: 0.05), look]))
        {
            small.Learner.Fit([(small.X, small.Y)]);
            Assert.Equal(0.05, norm, 1e-4);
        }

        using (var small = new Small([GradientClipping.ByValue(0.002), look]))
        {
            small.Learner.Fit([(small.X, small.Y)]);
            Assert.Equal(0.002, largest, 1e-8);
        }

        using (var small = new Small([new GradientClipping(maxNorm: 0.003, normType: double.PositiveInfinity), look]))
        {
            small.Learner.Fit([(small.X, small.Y)]);
            Assert.Equal(0.003, largest, 1e-6);
        }
    }

    private static double[] Train(int batchSize, params LearnerCallback[] callbacks) => Train(batchSize, nn.Reduction.Mean, callbacks);

    private static double[] Train(int batchSize, nn.Reduction reduction, params LearnerCallback[] callbacks)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).to(ScalarType.Float64).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), reduction == nn.Reduction.Sum ? 0.002 : 0.1, momentum: 0.9);
        var x = Some.Normal(1, 40, 6).to(ScalarType.Float64);
        var learner = new Learner(model, nn.CrossEntropyLoss(reduction: reduction), optimizer, callbacks: callbacks);
        learner.Fit(new TensorBatches(x, x.narrow(1, 0, 3).argmax(1), batchSize), epochs: 3);
        return [.. model.parameters().SelectMany(parameter => parameter.cpu().data<double>().ToArray())];
    }

    [Theory]
    [InlineData("BeforeBackward", false)] // the batch does not count
    [InlineData("AfterBackward", true)] // the step waits for the next batch
    public void ABatchThatAnotherCallbackStopsIsWeighedRight(string stop, bool counts)
    {
        double[] Train(LearnerCallback[] callbacks, params int[] batches)
        {
            using var scope = NewDisposeScope();
            manual_seed(1);
            using var model = nn.Linear(6, 3).to(ScalarType.Float64).to(Some.Device);
            using var optimizer = optim.SGD(model.parameters(), 0.1);
            var x = Some.Normal(1, 30, 6).to(ScalarType.Float64);
            var (inputs, targets) = (x.split([8, 12, 10]), x.narrow(1, 0, 3).argmax(1).split([8, 12, 10]));
            new Learner(model, nn.CrossEntropyLoss(), optimizer, callbacks: callbacks).Fit(
                batches.Select(batch => (inputs[batch], targets[batch])).ToArray());
            return [.. model.parameters().SelectMany(parameter => parameter.cpu().data<double>().ToArray())];
        }

        var stopping = new Recorder(stop, state =>
        {
            if (state.BatchIndex == 1)
            {
                state.StopBatch();
            }
        });
        var stopped = Train([new GradientAccumulation(2), stopping], 0, 1, 2);
        var expected = counts ? Train([new GradientAccumulation(3)], 0, 1, 2) : Train([new GradientAccumulation(2)], 0, 2);
        Assert.All(expected.Zip(stopped), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
    }

    [Fact]
    public void AStepThatACallbackSkipsEndsItsBatches()
    {
        // Gradients that are not finite are dropped: the last three batches step by their own mean, at the end of the epoch or before.
        float[] Train(LearnerCallback[] callbacks, Func<IEnumerable<Batch>, IEnumerable<Batch>> choose)
        {
            using var small = new Small(callbacks);
            small.Learner.Fit(choose(small.Valid).ToArray());
            return small.Weights;
        }

        var steps = 0;
        var guard = new Recorder("BeforeStep", state =>
        {
            if (steps++ == 0)
            {
                state.Learner.Optimizer.zero_grad();
                state.StopBatch();
            }
        });
        static IEnumerable<Batch> Twice(IEnumerable<Batch> batches) => batches.Concat(batches);
        var guarded = Train([new GradientAccumulation(3), guard, new ConstantStatistics()], Twice);
        var plain = Train([new GradientAccumulation(3), new ConstantStatistics()], batches => batches);
        Assert.Equal(plain, guarded);
        Assert.Equal(2, steps);

        // A step that is skipped after the last batch leaves no gradient and does not end the fit.
        steps = 0;
        using var small = new Small([new GradientAccumulation(100), guard]);
        Assert.Equal(2, small.Learner.Fit(small.Train, epochs: 2).Count);
        Assert.Equal(2, steps);
    }

    [Fact]
    public void ClippingLeavesOutWhatTheOptimizerDoesNotTrain()
    {
        double[] Train(bool frozen)
        {
            using var scope = NewDisposeScope();
            manual_seed(1);
            var (body, head) = (nn.Linear(6, 5), nn.Linear(5, 3));
            using var model = nn.Sequential(body, nn.Tanh(), head).to(ScalarType.Float64).to(Some.Device);
            foreach (var parameter in body.parameters())
            {
                parameter.requires_grad = !frozen;
            }

            using var optimizer = optim.SGD(head.parameters(), 0.1);
            var x = Some.Normal(1, 40, 6).to(ScalarType.Float64);
            var learner = new Learner(model, nn.CrossEntropyLoss(), optimizer, callbacks: [new GradientClipping(0.05)]);
            learner.Fit(new TensorBatches(x, x.narrow(1, 0, 3).argmax(1), 8), epochs: 3);
            return [.. head.parameters().SelectMany(parameter => parameter.cpu().data<double>().ToArray())];
        }

        Assert.All(Train(true).Zip(Train(false)), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
    }

    /// <summary>Normalises by the running statistics, which are not updated.</summary>
    private sealed class ConstantStatistics : LearnerCallback
    {
        public override void BeforeTrain(LearnerState state) => state.Learner.Model.children().ElementAt(3).eval();
    }
}
