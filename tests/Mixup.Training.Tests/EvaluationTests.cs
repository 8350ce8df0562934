namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Evaluating and predicting, against plain formulas.</summary>
public sealed class EvaluationTests
{
    [Fact]
    public void EvaluateIsWhatValidationRecords()
    {
        using var small = new Small([new MixupCallback(new InputMixup())]);
        var record = small.Learner.Fit(small.Train, small.Valid)[0];
        small.Model.train();
        var result = small.Learner.Evaluate(small.Valid);
        Assert.True(small.Model.training);
        Assert.Equal(record.ValidationLoss, result.Loss);
        Assert.Equal(record.ValidationMetrics["accuracy"], result["accuracy"]);
        Assert.Equal(result.Loss, result["loss"]);
        Assert.StartsWith("loss 0.", result.ToString(), StringComparison.Ordinal);
        Assert.Contains(", accuracy ", result.ToString(), StringComparison.Ordinal);
        Assert.Single(small.Learner.History);
        var error = Assert.Throws<ArgumentException>(() => result["f1"]).Message;
        Assert.Contains("The values are loss, accuracy", error, StringComparison.Ordinal);
    }

    [Fact]
    public void EvaluateTakesPairsAndRaisesTheEventsOfValidation()
    {
        var recorder = new Recorder();
        using var small = new Small([recorder]);
        var before = small.Weights;
        small.Learner.Evaluate([(small.X, small.Y)]);
        Assert.Equal(
            ["BeforeValidate", "BeforeBatch", "AfterPrediction", "AfterLoss", "AfterBatch", "AfterValidate"], recorder.Events);
        Assert.Equal(before, small.Weights); // batch normalisation was in evaluation mode
    }

    [Fact]
    public void PredictIsThePlainModelInEvaluationMode()
    {
        using var small = new Small(_ => [new MixupCallback(new InputMixup())], scheduler: false, dropout: true);
        small.Learner.Fit(small.Train);
        using var scope = NewDisposeScope();
        small.Model.eval();
        var expected = small.Model.call(small.X).cpu();
        small.Model.train();
        foreach (var actual in new[]
        {
            small.Learner.Predict(small.X),
            small.Learner.Predict(small.Valid),
            small.Learner.Predict([(small.X, small.Y)]),
            small.Learner.Predict(small.X.split(7)),
        })
        {
            Assert.True(actual.allclose(expected, 1e-5, 1e-6));
            Assert.False(actual.requires_grad);
            Assert.Equal(DeviceType.CPU, actual.device_type);
        }

        Assert.True(small.Model.training);
    }

    [Fact]
    public void APredictionIsACopyAndNothingElseStays()
    {
        using var scope = NewDisposeScope();
        using var identity = nn.Identity();
        using var optimizer = optim.SGD([nn.Parameter(zeros(1))], 0.1);
        var learner = new Learner(identity, new FunctionLoss((prediction, target) => (prediction - target).abs()), optimizer, device: CPU);
        var x = ones(4, 2);
        var prediction = learner.Predict(x);
        x.zero_();
        Assert.Equal(8, prediction.sum().ToDouble());
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        learner.Predict(x).Dispose();
        learner.Evaluate([(x, ones(4, 2))]);
        Assert.Equal(before + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount); // the target of the test
    }

    [Fact]
    public void AStopOfMoreThanABatchEndsAnEvaluationByAnError()
    {
        using var small = new Small([new Recorder("AfterLoss", state => state.StopFit())]);
        Assert.Contains("A callback stopped", Assert.Throws<OperationCanceledException>(() => small.Learner.Evaluate(small.Valid)).Message,
            StringComparison.Ordinal);
        Assert.Throws<OperationCanceledException>(() => small.Learner.Evaluate(small.Valid, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void ACallbackMayEvaluateWithinAFit()
    {
        List<double> losses = [];
        using var small = new Small(
            [new Recorder("AfterEpoch", state => Look(state.Learner))]);
        using var plain = new Small();
        void Look(Learner learner)
        {
            losses.Add(learner.Evaluate([(Probe, Targets)]).Loss);
            learner.Predict(Probe).Dispose();
        }

        small.Learner.Fit(small.Train, small.Valid, epochs: 2);
        plain.Learner.Fit(plain.Train, plain.Valid, epochs: 2);
        Assert.Equal(plain.Weights, small.Weights);
        Assert.Equal(2, losses.Count);
    }

    private static Tensor Probe => zeros(2, 6, device: Some.Device);

    private static Tensor Targets => zeros(2, ScalarType.Int64, Some.Device);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ALossMayBeAFunction(bool mixed)
    {
        float[] Train(Func<Small, LearnerCallback[], Learner> build)
        {
            using var small = new Small();
            var mixup = new MixupCallback(new InputMixup(new MixupOptions { Seed = 4 }));
            build(small, mixed ? [mixup] : []).Fit(small.Train, small.Valid, epochs: 2);
            return small.Weights;
        }

        var byModule = Train((small, callbacks) => new Learner(small.Model, small.Loss, small.Optimizer, callbacks: callbacks));
        var byFunction = Train((small, callbacks) => new Learner(
            small.Model,
            new FunctionLoss((prediction, target) => nn.functional.cross_entropy(prediction, target, reduction: nn.Reduction.None)),
            small.Optimizer,
            callbacks: callbacks));
        Assert.All(byModule.Zip(byFunction), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void AFunctionThatReducesServesWhereNothingIsMixed()
    {
        using var small = new Small();
        using var reduced = new FunctionLoss((prediction, target) => nn.functional.cross_entropy(prediction, target));
        Assert.Single(new Learner(small.Model, reduced, small.Optimizer).Fit(small.Train));
        var learner = new Learner(small.Model, reduced, small.Optimizer, callbacks: [new MixupCallback(new InputMixup())]);
        Assert.Throws<ArgumentException>(() => learner.Fit(small.Train));
    }

    [Fact]
    public void AFunctionThatBroadcastsIsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(6, 1).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.1);
        var learner = new Learner(model, new FunctionLoss((prediction, target) => (prediction - target).square()), optimizer);
        Assert.Contains(
            "broadcast against each other",
            Assert.Throws<ArgumentException>(() => learner.Fit([(Some.Normal(1, 5, 6), Some.Normal(2, 5))])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ALossOfTorchThatBroadcastsIsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(6, 1).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.1);
        var (x, y) = (Some.Normal(1, 5, 6), Some.Normal(2, 5));
        foreach (var loss in new Loss<Tensor, Tensor, Tensor>[] { nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss() })
        {
            var learner = new Learner(model, loss, optimizer);
            var error = Assert.Throws<ArgumentException>(() => learner.Fit([(x, y)])).Message;
            Assert.Contains("would broadcast a prediction of shape [5, 1] against a target of shape [5]", error, StringComparison.Ordinal);
            Assert.Throws<ArgumentException>(() => learner.Evaluate([(x, y)]));
            Assert.Single(learner.Fit([(x, y.unsqueeze(1))]));
        }
    }

    [Fact]
    public void TensorsForTrainingAndPairsForValidationGoTogether()
    {
        using var small = new Small();
        (Tensor, Tensor)[] pairs = [(small.X, small.Y)];
        small.Learner.Fit(small.Train, pairs, epochs: 1);
        small.Learner.Fit(pairs, small.Valid, epochs: 1);
        Assert.All(small.Learner.History, record => Assert.NotNull(record.ValidationLoss));
    }

    [Fact]
    public void RecordsPrintWhatTheyHold()
    {
        using var small = new Small();
        var record = small.Learner.Fit(small.Train, small.Valid)[0];
        Assert.Matches(
            "^epoch 1: train_loss [0-9.]+, validation_loss [0-9.]+, train_accuracy [0-9.]+, validation_accuracy [0-9.]+, " +
            "learning rate 1e-1, [0-9.]+ s$",
            record.ToString());
        Assert.Equal(record, record with { });
        Assert.NotEqual(record, record with { TrainLoss = record.TrainLoss + 1 });
        Assert.Equal("accuracy", Metric.Accuracy().ToString());
    }

    [Fact]
    public void EveryPartKeepsItsMode()
    {
        using var small = new Small();
        small.Model.train();
        var normalisation = small.Model.children().ElementAt(3);
        normalisation.eval();
        small.Learner.Predict(small.X).Dispose();
        small.Learner.Evaluate(small.Valid);
        small.Learner.Fit(small.Train, small.Valid);
        Assert.False(normalisation.training);
        Assert.True(small.Model.training);
    }

    [Fact]
    public void ACallbackMaySetTheModeOfAPart()
    {
        using var small = new Small([new Recorder("BeforeTrain", state => state.Learner.Model.children().ElementAt(3).eval())]);
        small.Learner.Fit(small.Train, epochs: 2);
        Assert.Equal(0, small.Model.state_dict()["3.running_mean"].abs().sum().cpu().ToDouble());
    }

    [Theory]
    [InlineData("AfterPrediction")]
    [InlineData("AfterStep")]
    [InlineData("AfterBatch")]
    public void ACallbackMayEvaluateWithinAMixedBatch(string at)
    {
        foreach (var order in new[] { 0, 20 }) // before and after the one that mixes
        {
            foreach (var manifold in new[] { false, true })
            {
                List<(double Evaluated, double Expected)> losses = [];
                float[] Train(bool evaluates)
                {
                    var options = new MixupOptions { Seed = 3 };
                    using var small = new Small(
                        model =>
                        [
                            new MixupCallback(manifold ? new ManifoldMixup(model, options) : new InputMixup(options)),
                            new Recorder(at, state => { if (evaluates && state.IsTraining) { Look(state.Learner); } }, order),
                        ],
                        scheduler: false,
                        dropout: false);
                    small.Learner.Fit(small.Train, small.Valid, epochs: 2);
                    return small.Weights;
                }

                void Look(Learner learner)
                {
                    using var scope = NewDisposeScope();
                    var (x, y) = (Some.Normal(7, 9, 6), zeros(9, ScalarType.Int64, Some.Device)); // of the size of a training batch
                    var prediction = learner.Predict(x).to(Some.Device);
                    losses.Add((learner.Evaluate([(x, y)]).Loss, nn.functional.cross_entropy(prediction, y).cpu().ToDouble()));
                }

                Assert.Equal(Train(false), Train(true));
                Assert.Equal(10, losses.Count);
                Assert.All(losses, loss => Assert.Equal(loss.Expected, loss.Evaluated, 1e-5));
            }
        }
    }
}
