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
}
