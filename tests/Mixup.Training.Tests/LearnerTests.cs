using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

public sealed class LearnerTests
{
    public static TheoryData<string> Events => [.. Recorder.AllEvents];

    [Fact]
    public void EventsComeInOrder()
    {
        var recorder = new Recorder();
        using var small = new Small([recorder]);
        small.Learner.Fit([(small.X, small.Y)], [(small.X, small.Y)]);
        Assert.Equal(
            ["BeforeFit", "BeforeEpoch", "BeforeTrain", "BeforeBatch", "AfterPrediction", "AfterLoss", "BeforeBackward", "AfterBackward",
                "BeforeStep", "AfterStep", "AfterBatch", "AfterTrain",
                "BeforeValidate", "BeforeBatch", "AfterPrediction", "AfterLoss", "AfterBatch", "AfterValidate", "AfterEpoch", "AfterFit"],
            recorder.Events);
        Assert.Empty(Recorder.AllEvents.Except(recorder.Events));
        Assert.Equal([small.Learner], recorder.Learners);

        // Whatever else the class has would be an event that these tests know nothing of.
        var all = typeof(LearnerCallback).GetMethods().Where(method => !method.IsSpecialName && method.DeclaringType != typeof(object));
        Assert.Equal(["Attach"], all.Select(method => method.Name).Except(Recorder.AllEvents));
    }

    [Fact]
    public void CallbacksAreCalledByTheirOrderAndThenAsGiven()
    {
        List<string> calls = [];
        using var small = new Small(
            [new Recorder(order: 5, name: "a") { Shared = calls }, new Recorder(name: "b") { Shared = calls },
                new Recorder(name: "c") { Shared = calls }]);
        small.Learner.Fit(small.Train);
        Assert.Equal(["bAttach", "cAttach", "aAttach", "bBeforeFit", "cBeforeFit", "aBeforeFit"], calls.Take(6));
    }

    [Fact]
    public void ItLearns()
    {
        using var small = new Small();
        var records = small.Learner.Fit(small.Train, small.Valid, epochs: 15);
        Assert.Equal(15, records.Count);
        Assert.True(records[^1]["validation_loss"] < records[0]["validation_loss"] / 2);
        Assert.True(records[^1]["validation_accuracy"] > 0.9);
        Assert.Contains(
            "there is no value",
            Assert.Throws<ArgumentException>(() => records[0]["nonsense"]).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void RecordsAreMeansOverSamples()
    {
        using var scope = NewDisposeScope();
        using var small = new Small();
        var record = small.Learner.Fit(small.Train, small.Valid)[0];
        small.Model.eval();
        using var noGrad = no_grad();
        var prediction = small.Model.call(small.X);
        Assert.Equal(small.Loss.call(prediction, small.Y).cpu().ToDouble(), record.ValidationLoss!.Value, 1e-6);
        Assert.Equal(
            prediction.argmax(1).eq(small.Y).to(ScalarType.Float32).mean().cpu().ToDouble(), record.ValidationMetrics["accuracy"], 1e-6);
    }

    [Theory]
    [MemberData(nameof(Events))]
    public void WhateverACallbackThrowsTheEndsAreCalledAndNothingIsLeft(string at)
    {
        var thrown = new InvalidOperationException("boom");
        var (faulty, witness) = (new Recorder(at, _ => throw thrown), new Recorder(order: 1));
        var mixup = new MixupCallback(new InputMixup(1));
        using var small = new Small([faulty, mixup, witness]);
        var loss = small.Learner.Loss;
        small.Model.eval();
        small.Learner.Loss.call(zeros(1, 3, device: Some.Device), zeros(1, ScalarType.Int64, Some.Device)).Dispose();
        var before = Some.LiveTensors;
        Assert.Same(thrown, Assert.Throws<InvalidOperationException>(() => small.Learner.Fit(small.Train, small.Valid, epochs: 2)));

        AssertBalanced(witness);
        Assert.Same(small.Loss, loss);
        Assert.Same(loss, small.Learner.Loss);
        Assert.False(small.Model.training);
        Assert.Null(mixup.Step);
        Assert.True(is_grad_enabled());
        AssertNoNewTensors(small, before);

        // The next fit trains as if nothing had happened.
        var again = new Learner(small.Model, small.Loss, small.Optimizer, callbacks: [mixup]);
        Assert.True(double.IsFinite(again.Fit(small.Train)[0].TrainLoss));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void WhateverTheDataThrowsArrivesUnchanged(int after)
    {
        var thrown = new IOException("disk");
        IEnumerable<Batch> Failing(Small of)
        {
            foreach (var batch in of.Train.Take(after))
            {
                yield return batch;
            }

            throw thrown;
        }

        var witness = new Recorder();
        using var small = new Small([new MixupCallback(new InputMixup()), witness]);
        Assert.Same(thrown, Assert.Throws<IOException>(() => small.Learner.Fit(Failing(small))));
        AssertBalanced(witness);
    }

    [Fact]
    public void WhateverTheModelThrowsArrivesUnchanged()
    {
        var witness = new Recorder();
        using var small = new Small([new MixupCallback(new InputMixup()), witness]);
        using var wrong = zeros(4, 5);
        using var target = zeros(4, ScalarType.Int64);
        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => small.Learner.Fit([(wrong, target)]));
        AssertBalanced(witness);
    }

    [Fact]
    public void TheFirstExceptionWins()
    {
        using var small = new Small(
            [new Recorder("AfterLoss", _ => throw new InvalidOperationException("first")),
                new Recorder("AfterBatch", _ => throw new InvalidOperationException("second"))]);
        Assert.Equal("first", Assert.Throws<InvalidOperationException>(() => small.Learner.Fit(small.Train)).Message);
    }

    [Fact]
    public void ACancelledTokenEndsTrainingWithTheEnds()
    {
        using var source = new CancellationTokenSource();
        var recorder = new Recorder("AfterStep", state => source.Cancel());
        using var small = new Small([recorder, new MixupCallback(new InputMixup())]);
        Assert.ThrowsAny<OperationCanceledException>(() => small.Learner.Fit(small.Train, cancellationToken: source.Token));
        AssertBalanced(recorder);
        Assert.Single(recorder.Events, "AfterStep");
    }

    [Fact]
    public void ABatchCanBeCancelled()
    {
        var recorder = new Recorder("AfterBackward", state => state.StopBatch());
        using var small = new Small([recorder]);
        var weights = small.Weights[..96];
        small.Learner.Fit(small.Train);
        Assert.Equal(small.Train.Count, recorder.Events.Count(name => name == "AfterBatch"));
        Assert.DoesNotContain("BeforeStep", recorder.Events);
        Assert.Equal(weights, small.Weights[..96]);
    }

    [Fact]
    public void AnEpochCanBeCancelled()
    {
        var recorder = new Recorder("AfterLoss", state => { if (state.Epoch == 0) { state.StopEpoch(); } });
        using var small = new Small([recorder]);
        var records = small.Learner.Fit(small.Train, epochs: 3);
        Assert.Equal([1, 2], records.Select(record => record.Epoch));
        AssertBalanced(recorder);
    }

    [Fact]
    public void AFitCanBeCancelled()
    {
        var recorder = new Recorder("AfterEpoch", state => state.StopFit());
        using var small = new Small([recorder]);
        Assert.Single(small.Learner.Fit(small.Train, epochs: 9));
        AssertBalanced(recorder);
    }

    [Fact]
    public void CallbacksCanReplaceInputTargetPredictionAndLoss()
    {
        var seen = 0.0;
        using var small = new Small([
            new Recorder("BeforeBatch", state => { state.Inputs = [state.Inputs[0].mul(0)]; state.Target = zeros_like(state.Target); }),
            new Recorder("AfterPrediction", state => state.Prediction = state.Prediction.mul(0)),
            new Recorder("AfterLoss", state => { seen = state.BatchLoss.cpu().ToDouble(); state.BatchLoss = state.BatchLoss.mul(2); })]);
        var record = small.Learner.Fit(small.Train)[0];
        Assert.Equal(Math.Log(3), seen, 1e-5);
        Assert.Equal(2 * Math.Log(3), record.TrainLoss, 1e-5);
    }

    [Fact]
    public void WhatIsNotThereIsSaid()
    {
        using var small = new Small([new Recorder("BeforeFit", state => _ = state.Prediction)]);
        Assert.Contains(
            "from AfterPrediction",
            Assert.Throws<InvalidOperationException>(() => small.Learner.Fit(small.Train)).Message,
            StringComparison.OrdinalIgnoreCase);
        using var unreduced = CrossEntropyLoss(reduction: Reduction.None);
        Assert.Contains(
            "needs a scalar",
            Assert.Throws<InvalidOperationException>(() => new Learner(small.Model, unreduced, small.Optimizer).Fit(small.Train)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains("no training batch", Assert.Throws<InvalidOperationException>(() =>
                new Learner(small.Model, small.Loss, small.Optimizer)
                    .Fit(Array.Empty<Batch>())).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "'forward'",
            Assert.Throws<ArgumentException>(
                () => new Learner(small.Model, small.Loss, small.Optimizer).Fit([new Batch([small.X, small.X], small.Y)])).Message,
            StringComparison.OrdinalIgnoreCase);
        using var list = ModuleList(small.Model);
        Assert.Contains(
            "'forward'",
            Assert.Throws<ArgumentException>(() => new Learner(list, small.Loss, small.Optimizer)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Throws<ArgumentException>(
            () => new Learner(small.Model, small.Loss, small.Optimizer, metrics: [Metric.Accuracy(), Metric.Accuracy()]));
        Assert.Throws<ArgumentOutOfRangeException>(() => small.Learner.Fit(small.Train, epochs: 0));
        Assert.Throws<ArgumentException>(() => new TensorBatches(small.X, small.Y.narrow(0, 0, 3), 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TensorBatches(small.X, small.Y, 0));
    }

    [Fact]
    public void TheLearnerAndAHandWrittenLoopGiveIdenticalWeights()
    {
        const int epochs = 3;
        var options = new MixupOptions { Method = new Interpolation(1), Seed = 5 };
        using var byLearner = new Small([new MixupCallback(new InputMixup(options))], scheduler: true);
        byLearner.Learner.Fit(byLearner.Train, byLearner.Valid, epochs);

        using var byHand = new Small(scheduler: true);
        var mixup = new InputMixup(options);
        using var loss = new MixupLoss(byHand.Loss);
        var batches = byHand.Train;
        byHand.Model.train();
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            batches.Epoch = epoch;
            foreach (var batch in batches)
            {
                using var scope = NewDisposeScope();
                using var step = mixup.Begin(batch.Inputs, batch.Target);
                byHand.Optimizer.zero_grad();
                loss.call(byHand.Model.call(step.Input), step.Target).backward();
                byHand.Optimizer.step();
            }

            byHand.Scheduler!.step();
        }

        Assert.Equal(byHand.Weights, byLearner.Weights);
        Assert.Equal(byHand.Optimizer.ParamGroups.First().LearningRate, byLearner.Optimizer.ParamGroups.First().LearningRate);
    }

    public static TheoryData<string, string> PlacesAndEvents =>
        new MatrixTheoryData<string, string>(["manifold", "output"], Recorder.AllEvents);

    [Theory]
    [MemberData(nameof(PlacesAndEvents))]
    public void WhateverIsThrownNoHookIsLeft(string place, string at)
    {
        using var small = new Small();
        var strategy = Strategy(small, place);
        var faulty = new Learner(
            small.Model,
            small.Loss,
            small.Optimizer,
            callbacks: [new MixupCallback(strategy), new Recorder(at, _ => throw new IOException(at))]);
        Assert.Throws<IOException>(() => faulty.Fit(small.Train, small.Valid));

        // The next step can begin, and outside of steps the model is plain.
        strategy.Begin(small.X, small.Y).Dispose();
        small.Model.eval();
        using var scope = NewDisposeScope();
        var plain = small.Model.named_children().Aggregate(small.X, (x, child) => ((Module<Tensor, Tensor>)child.module).forward(x));
        Some.AssertEqual(plain, small.Model.call(small.X));
    }

    [Theory]
    [InlineData("input", false)]
    [InlineData("input", true)]
    [InlineData("manifold", false)]
    [InlineData("manifold", true)]
    [InlineData("output", false)]
    [InlineData("output", true)]
    public void EveryStrategyTrainsAndMeasures(string place, bool twoOutputs)
    {
        using var small = new Small();
        var learner = new Learner(
            small.Model,
            small.Loss,
            small.Optimizer,
            metrics: [Metric.Accuracy()],
            callbacks: [new MixupCallback(Strategy(small, place,
                new MixupOptions { Method = new Interpolation(0.4), Seed = 1,
                Outputs = twoOutputs ? MixupOutputs.Both : MixupOutputs.Mixed }))]);
        var records = learner.Fit(small.Train, small.Valid, epochs: 15);
        Assert.True(records[^1]["validation_accuracy"] > 0.85);
        Assert.InRange(records[^1]["train_accuracy"], 0.5, 1);
        Assert.Same(small.Loss, learner.Loss);
        learner.Fit(small.Train, small.Valid); // a second fit begins anew
    }

    [Fact]
    public void AStackedInputTrainsThroughTheLearnerAsThroughALoop()
    {
        var options = new MixupOptions { Method = new Interpolation(1), Seed = 4 };
        double[] Train(bool byLearner)
        {
            manual_seed(2);
            using var network = new MixingNetwork();
            using var optimizer = optim.SGD(network.parameters(), 0.1);
            using var loss = nn.CrossEntropyLoss();
            using var data = new Small();
            var mixup = new InputMixup(options) { StackInput = true };
            if (byLearner)
            {
                new Learner(network, loss, optimizer, callbacks: [new MixupCallback(mixup)]).Fit(data.Train, epochs: 2);
            }
            else
            {
                using var mixed = new MixupLoss(loss);
                var batches = data.Train;
                for (batches.Epoch = 0; batches.Epoch < 2; batches.Epoch++)
                {
                    foreach (var batch in batches)
                    {
                        using var scope = NewDisposeScope();
                        using var step = mixup.Begin(batch.Inputs, batch.Target);
                        optimizer.zero_grad();
                        mixed.call(network.call(step.Inputs[0], step.Inputs[1], step.Inputs[2]), step.Target).backward();
                        optimizer.step();
                    }
                }
            }

            using var inner = NewDisposeScope();
            return [.. network.parameters().Select(parameter => parameter.to(ScalarType.Float64).sum().cpu().ToDouble())];
        }

        Assert.Equal(Train(byLearner: false), Train(byLearner: true));
    }

    [Fact]
    public void MixupChangesTrainingAndNotValidation()
    {
        List<bool> sameInput = [];
        var mixup = new MixupCallback(new InputMixup(new MixupOptions { Method = new Interpolation(1), Seed = 1 }));
        using var small = new Small(
            [mixup, new Recorder("AfterPrediction",
                state => sameInput.Add(mixup.Step is null || state.Inputs[0].equal(mixup.Step.Input).all().cpu().ToBoolean()))]);
        var steps = new List<(bool, bool)>();
        using var other = new Small(
            [mixup, new Recorder("AfterPrediction", state => steps.Add((state.IsTraining, mixup.Step is not null)))]);
        other.Learner.Fit(other.Train, other.Valid);
        Assert.All(steps, pair => Assert.Equal(pair.Item1, pair.Item2));
        small.Learner.Fit(small.Train);
        Assert.All(sameInput, Assert.True);
    }

    [Fact]
    public void TrainingAccuracyWeighsBothTargets()
    {
        using var half = new Small([new MixupCallback(new HalfMixup())]);
        half.Learner.Fit(half.Train, epochs: 12);
        var weighted = half.Learner.History[^1].TrainMetrics["accuracy"];
        Assert.InRange(weighted, 0.35, 0.85); // a pair of two classes can be hit by half at most, one of a single class wholly
    }

    [Fact]
    public void ScheduleKnowsTheEpochs()
    {
        var mixup = new InputMixup(new MixupOptions { Seed = 1, Schedule = Schedules.OffForLast(epochs: 1) });
        List<bool> mixed = [];
        var callback = new MixupCallback(mixup);
        using var small = new Small(
            [callback, new Recorder("AfterLoss",
                _ => mixed.Add(callback.Step!.Draw.Mix.Coefficients.ToArray().Any(lambda => lambda < 1)))]);
        small.Learner.Fit(small.Train, epochs: 2);
        Assert.Equal([.. Enumerable.Repeat(true, 5), .. Enumerable.Repeat(false, 5)], mixed);
    }

    [Fact]
    public void ManyBatchesLeaveNoTensorBehind()
    {
        using var small = new Small([new MixupCallback(new InputMixup(1))]);
        small.Learner.Fit(small.Train, small.Valid, epochs: 2);
        var before = Some.LiveTensors;
        small.Learner.Fit(small.Train, small.Valid, epochs: 100);
        Assert.Equal(before, Some.LiveTensors);
    }

    private static void AssertBalanced(Recorder witness)
    {
        foreach (
            var (begin, end) in new[] { ("BeforeEpoch", "AfterEpoch"), ("BeforeTrain", "AfterTrain"), ("BeforeBatch", "AfterBatch"),
                ("BeforeValidate", "AfterValidate") })
        {
            var (begins, ends) = (witness.Events.Count(e => e == begin), witness.Events.Count(e => e == end));
            Assert.True(ends >= begins, $"{begin} {begins}, {end} {ends}");
        }

        Assert.Equal("AfterFit", witness.Events[^1]);
    }

    private static void AssertNoNewTensors(Small small, long before)
    {
        // The optimizer's momentum and the gradients of the parameters stay theirs.
        var parameters = small.Model.parameters().Count();
        Assert.InRange(Some.LiveTensors - before, 0, 2 * parameters);
    }

    private static IMixupStrategy Strategy(Small small, string place, MixupOptions? options = null) => place switch
    {
        "input" => new InputMixup(options ?? new MixupOptions()),
        "output" => new OutputMixup(options ?? new MixupOptions()),
        _ => new ManifoldMixup(small.Model, options ?? new MixupOptions(), ManifoldPlaces.Named("1")),
    };

    /// <summary>A network that mixes by itself, behind its first layer.</summary>
    private sealed class MixingNetwork : Module<Tensor, Tensor, Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Linear first = nn.Linear(6, 8);
        private readonly TorchSharp.Modules.Linear last = nn.Linear(8, 3);

        public MixingNetwork()
            : base(nameof(MixingNetwork))
        {
            RegisterComponents();
            this.to(Some.Device);
        }

        public override Tensor forward(Tensor x, Tensor partner, Tensor lambda) =>
            last.call((first.call(x) * lambda.unsqueeze(1)) + (first.call(partner) * (1 - lambda).unsqueeze(1)));
    }

    /// <summary>A strategy of one's own: every coefficient is one half.</summary>
    private sealed class HalfMixup : IMixupStrategy
    {
        private readonly InputMixup inner = new();

        public MixupState State { get => inner.State; set => inner.State = value; }

        public int? Epoch { get => inner.Epoch; set => inner.Epoch = value; }

        public int? Epochs { get => inner.Epochs; set => inner.Epochs = value; }

        public int Rank { get => inner.Rank; set => inner.Rank = value; }

        public MixupStep Begin(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw = null)
        {
            var batch = (int)target.shape[0];
            return inner.Begin(
                inputs,
                target,
                draw ?? new MixupDraw(
                    new Mix([.. Enumerable.Repeat(0.5, batch)], [.. Enumerable.Range(0, batch).Select(i => (long)(batch - 1 - i))]),
                    MixupPlace.Input));
        }
    }
}
