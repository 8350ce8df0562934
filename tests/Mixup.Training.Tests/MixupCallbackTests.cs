using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Mixup on a learner: what comes before it and after it, twice of it, and what is measured under it.</summary>
public sealed class MixupCallbackTests
{
    [Fact]
    public void ACallbackThatChangesDataComesFirstByDefault()
    {
        // Doubling in a callback, and doubling the data, is the same training.
        float[] Train(bool byCallback)
        {
            using var small = new Small(
                [new MixupCallback(new InputMixup(new MixupOptions { Seed = 1 })),
                    new Recorder("BeforeBatch", byCallback ? Double : null)]);
            using var doubled = small.X.mul(2);
            small.Learner.Fit(new TensorBatches(byCallback ? small.X : doubled, small.Y, 9), epochs: 2);
            return small.Weights;
        }

        static void Double(LearnerState state) => state.Inputs = [state.Inputs[0].mul(2)];
        Assert.Equal(Train(byCallback: false), Train(byCallback: true));
    }

    [Fact]
    public void ForwardUnitesTheMasksOfBothPartnersInTrainingAlone()
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(Linear(6, 4), Linear(4, 3)).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.1);
        using var loss = CrossEntropyLoss();
        var (x, y) = (Some.Normal(1, 8, 6), Some.Classes(2, 3, 8));
        var padding = x.gt(0);
        List<bool[]> seen = [];
        IReadOnlyList<long> partners = [];
        var mixing = new MixupCallback(new ManifoldMixup(model, new MixupOptions { Seed = 3 }, ManifoldPlaces.Named("0")));
        Tensor Forward(IReadOnlyList<Tensor> inputs)
        {
            var united = mixing.Step?.Draw.Mix.UniteMask(inputs[1]) ?? inputs[1];
            partners = mixing.Step?.Draw.Mix.Partners ?? partners;
            seen.Add(united.cpu().data<bool>().ToArray());
            return model.call(inputs[0].masked_fill(united, 0));
        }

        // The second pass is an evaluation within the training batch, the third is validation: neither is mixed.
        Batch[] batches = [new Batch([x, padding], y)];
        var looks = new Recorder("AfterBackward", state => state.Learner.Evaluate(batches));
        new Learner(model, loss, optimizer, callbacks: [mixing, looks], forward: Forward).Fit(batches, batches);
        var plain = padding.cpu().data<bool>().ToArray();
        var other = padding.cpu().index(TensorIndex.Tensor(tensor(partners.ToArray()))).data<bool>().ToArray();
        Assert.Equal(3, seen.Count);
        Assert.Equal(plain.Zip(other, (first, second) => first && second), seen[0]); // true is padding: both have none there
        Assert.NotEqual(plain, seen[0]);
        Assert.Equal(plain, seen[1]);
        Assert.Equal(plain, seen[2]);
    }

    [Theory]
    [InlineData("inputs", "input")]
    [InlineData("inputs", "output")]
    [InlineData("target", "input")]
    [InlineData("target", "output")]
    public void ALaterChangeOfWhatWasMixedIsAnError(string what, string place)
    {
        IMixupStrategy strategy = place == "input" ? new InputMixup() : new OutputMixup();
        using var small = new Small([new MixupCallback(strategy), new Recorder("BeforeBatch", Change, order: 20)]);
        void Change(LearnerState state)
        {
            if (what == "inputs")
            {
                state.Inputs = [state.Inputs[0].mul(2)];
            }
            else
            {
                state.Target = state.Target.clone();
            }
        }

        var error = Assert.Throws<InvalidOperationException>(() => small.Learner.Fit(small.Train)).Message;
        Assert.Contains($"changed the {what} of a batch after it was mixed", error, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Order is below that of MixupCallback", error, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void ALossThatForgetsTheMixedOneIsAnErrorAndOneThatAddsToItIsNot()
    {
        using var forgetful = new Small(
            [new MixupCallback(new InputMixup()),
                new Recorder("BeforeBatch", state => state.LossFunction = (p, t) => functional.cross_entropy(p, t), order: 20)]);
        Assert.Contains("did not call the one before",
            Assert.Throws<InvalidOperationException>(() => forgetful.Learner.Fit(forgetful.Train)).Message,
            StringComparison.OrdinalIgnoreCase);

        static void Add(LearnerState state)
        {
            var before = state.LossFunction;
            state.LossFunction = (prediction, target) => before(prediction, target) + prediction.pow(2).mean();
        }

        using var adding = new Small([new MixupCallback(new InputMixup()), new Recorder("BeforeBatch", Add, order: 20)]);
        Assert.Single(adding.Learner.Fit(adding.Train, adding.Valid));
    }

    [Fact]
    public void ALossThatWasReplacedBeforeMixingIsAnErrorAndNotLost()
    {
        static void Add(LearnerState state)
        {
            var before = state.LossFunction;
            state.LossFunction = (prediction, target) => before(prediction, target) + 100;
        }

        using var early = new Small([new MixupCallback(new InputMixup()), new Recorder("BeforeBatch", Add)]);
        Assert.Contains("Order above 10", Assert.Throws<InvalidOperationException>(() => early.Learner.Fit(early.Train)).Message,
            StringComparison.OrdinalIgnoreCase);
        using var metrics = new Small(
            [new MixupCallback(new InputMixup()), new Recorder("BeforeBatch", state => state.MetricFunction = _ => zeros(1))]);
        Assert.Contains(
            "MetricFunction",
            Assert.Throws<InvalidOperationException>(() => metrics.Learner.Fit(metrics.Train)).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void ModelsThatRunBeforeTheBatchAreMixedAlike()
    {
        // A callback runs the model once more in BeforeBatch: the pass that trains must still be mixed.
        float[] Train(bool runs)
        {
            using var small = new Small(
                model =>
                [
                    new MixupCallback(new ManifoldMixup(
                        model, new MixupOptions { Seed = 1, Method = new Interpolation(1) }, ManifoldPlaces.Named("1"))),
                    new Recorder("BeforeBatch", runs ? Run : null, order: 20),
                ],
                scheduler: false,
                dropout: false);
            small.Learner.Fit(small.Train, epochs: 2);
            return small.Weights;
        }

        static void Run(LearnerState state)
        {
            using var noGrad = no_grad();
            state.Learner.Model.eval(); // no statistics of its normalisation
            ((Module<Tensor, Tensor>)state.Learner.Model).call(state.Inputs[0]);
            state.Learner.Model.train(state.IsTraining);
        }

        Assert.Equal(Train(runs: false), Train(runs: true));
    }

    [Fact]
    public void TwoMixupsOnALearnerAreRefusedAsItIsBuilt()
    {
        using var small = new Small();
        var error = Assert.Throws<ArgumentException>(() => new Learner(
            small.Model, small.Loss, small.Optimizer, callbacks: [
                new MixupCallback(new InputMixup()),
                new MixupCallback(new OutputMixup())
            ])).Message;
        Assert.Contains("two MixupCallbacks, which would mix every batch twice", error, StringComparison.OrdinalIgnoreCase);
        var one = new MixupCallback(new InputMixup());
        Assert.Throws<ArgumentException>(() => new Learner(small.Model, small.Loss, small.Optimizer, callbacks: [one, one]));
    }

    [Fact]
    public void AMetricOfRegressionIsTheLossItMeasures()
    {
        using var scope = NewDisposeScope();
        using var model = Linear(6, 1).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.01);
        var (x, y) = (Some.Normal(1, 40, 6), Some.Normal(2, 40, 1));
        foreach (
            var strategy in new IMixupStrategy[] { new InputMixup(1),
                new InputMixup(new MixupOptions { Method = new Interpolation(1), Outputs = MixupOutputs.Both }) })
        {
            var learner = new Learner(
                model,
                MSELoss(),
                optimizer,
                metrics: [new Metric("mse", (p, t) => (p - t).pow(2))],
                callbacks: [new MixupCallback(strategy)]);
            var record = Assert.Single(learner.Fit(new TensorBatches(x, y, 9)));
            Assert.Equal(record.TrainLoss, record["train_mse"], 1e-6);
        }
    }

    [Fact]
    public void ACheckpointIsThatOfAllRanks()
    {
        var saved = new InputMixup { State = new MixupState(3, 4, 5, Rank: 2) };
        var text = new MixupCallback(saved).SaveState();
        Assert.Equal("""{"Seed":3,"Batch":4,"Epoch":5}""", text);
        foreach (var rank in new[] { 0, 1 })
        {
            var loaded = new InputMixup { Rank = rank };
            new MixupCallback(loaded).LoadState(text);
            Assert.Equal(new MixupState(3, 4, 5, rank), loaded.State);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ASumIsDividedByTheRowsThatWereSummed(bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        using var model = Linear(6, 3).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.0);
        var (x, y) = (Some.Normal(1, 20, 6), Some.Classes(2, 3, 20));
        double Loss(Reduction reduction)
        {
            using var loss = CrossEntropyLoss(reduction: reduction);
            var mixup = new MixupCallback(
                new InputMixup(new MixupOptions { Seed = 3, Outputs = twoOutputs ? MixupOutputs.Both : MixupOutputs.Mixed }));
            return new Learner(model, loss, optimizer, callbacks: [mixup]).Fit(new TensorBatches(x, y, 10))[0].TrainLoss;
        }

        Assert.Equal(Loss(Reduction.Mean), Loss(Reduction.Sum), 1e-5);
    }
}
