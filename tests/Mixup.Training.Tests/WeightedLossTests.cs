using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>
/// The loss of an epoch and the gradient of accumulated batches are those of one large batch, with class weights and ignored class ids.
/// </summary>
public sealed class WeightedLossTests
{
    private const int K = 3;
    private static readonly int[] Sizes = [7, 4, 9];
    private static readonly long[][] Partners = [[1, 2, 3, 4, 5, 6, 0], [1, 0, 3, 2], [1, 0, 3, 2, 5, 4, 7, 8, 6]];

    /// <summary>How the losses of class ids are computed: by the class, and by where it is mixed.</summary>
    public static TheoryData<string, string> Cases =>
        new MatrixTheoryData<string, string>(Kinds, ["plain", "input", "two outputs", "clean beside mixed"]);

    public static TheoryData<string> PlainCases => [.. Kinds];

    private static string[] Kinds => ["weighted", "ignoring", "both", "smoothed", "values"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void UnevenBatchesStepAsOneLargeBatch(string kind, string mixing)
    {
        using var data = new Data();
        var (weights, losses) = (new List<double[]>(), new List<double>());
        foreach (var whole in new[] { false, true })
        {
            var replay = mixing == "plain" ? null : new Replay(mixing, whole);
            LearnerCallback[] mixed = replay is null ? [] : [new MixupCallback(replay)];
            LearnerCallback[] accumulated = whole ? [] : [new GradientAccumulation(5)];
            var (after, record) = data.Train(Loss(kind), kind, whole, [.. mixed, .. accumulated]);
            weights.Add(after);
            losses.Add(record.TrainLoss);
        }

        Assert.All(weights[0].Zip(weights[1]), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
        Assert.Equal(losses[1], losses[0], 1e-12);
    }

    [Theory]
    [InlineData("first")]
    [InlineData("middle")]
    [InlineData("last")]
    [InlineData("all but the last")]
    [InlineData("all")]
    public void ABatchThatIsIgnoredAsAWholeDoesNotCount(string which)
    {
        int[] ignored = which switch { "first" => [0], "middle" => [1], "last" => [2], "all" => [0, 1, 2], _ => [0, 1] };
        using var data = new Data(ignored);
        var accumulated = data.Train(Loss("both"), "both", whole: false, [new GradientAccumulation(3)]);
        var whole = data.Train(Loss("both"), "both", whole: true, []);
        Assert.All(accumulated.Weights.Zip(whole.Weights), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
        Assert.Equal(whole.Record.TrainLoss, accumulated.Record.TrainLoss, 1e-12);
        Assert.Equal(which == "all", double.IsNaN(accumulated.Record.TrainLoss));
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.Float32)]
    public void AFirstBatchOfLittleWeightDoesNotOverflowFloat16(ScalarType typeOfLoss)
    {
        using var scope = NewDisposeScope();
        const int count = 70_000; // more than the largest number of the type
        var x = Some.Normal(1, 2 * count, 2).to(ScalarType.Float16);
        var y = Some.Classes(2, K, 2 * count);
        y.narrow(0, 1, count - 1).fill_(-100);
        float[] Train(int batchSize, params LearnerCallback[] callbacks)
        {
            manual_seed(1);
            using var model = Linear(2, K).to(ScalarType.Float16).to(Some.Device);
            using var optimizer = optim.SGD(model.parameters(), 1);
            var learner = new Learner(
                model, CrossEntropyLoss(), optimizer, callbacks: callbacks, forward: inputs => model.call(inputs[0]).to(typeOfLoss));
            learner.Fit(new TensorBatches(x, y, batchSize));
            return [.. model.parameters().SelectMany(parameter => parameter.to(ScalarType.Float32).cpu().data<float>().ToArray())];
        }

        Assert.All(
            Train(count, new GradientAccumulation(2)).Zip(Train(2 * count)), pair => Assert.Equal(pair.Second, pair.First, 0.01));
    }

    [Theory]
    [MemberData(nameof(PlainCases))]
    public void TheLossOfValidationIsThatOfAllSamples(string kind)
    {
        foreach (int[] ignored in new int[][] { [], [0], [2], [0, 1] })
        {
            using var data = new Data(ignored);
            using var loss = Loss(kind);
            using var optimizer = optim.SGD(data.Model.parameters(), 0);
            var learner = new Learner(data.Model, loss, optimizer);
            using var expected = loss.call(data.Model.call(data.X), data.Target(kind));
            Assert.Equal(expected.cpu().ToDouble(), learner.Evaluate(data.Batches(kind, whole: false)).Loss, 1e-12);
            var record = learner.Fit(data.Batches(kind, whole: false), data.Batches(kind, whole: false))[0];
            Assert.Equal(expected.cpu().ToDouble(), record.ValidationLoss!.Value, 1e-12);
            Assert.Equal(expected.cpu().ToDouble(), record.TrainLoss, 1e-12);
        }
    }

    [Fact]
    public void EveryValueOfSequencesOfAnyLengthCountsOnce()
    {
        using var scope = NewDisposeScope();
        using var model = Linear(4, 4).to(ScalarType.Float64).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0);
        (Tensor, Tensor)[] batches = [.. new[] { 2, 5, 1 }.Select(length => (
            Some.Normal(length, 3, length, 4).to(ScalarType.Float64), Some.Normal(9, 3, length, 4).to(ScalarType.Float64)))];
        var errors = cat([.. batches.Select(batch => (model.call(batch.Item1) - batch.Item2).square().flatten())]);
        Assert.Equal(errors.mean().cpu().ToDouble(), new Learner(model, MSELoss(), optimizer).Evaluate(batches).Loss, 1e-12);
    }

    [Fact]
    public void TwoMeansThatDivideByDifferentNumbersTrainButAreNotAccumulated()
    {
        using var data = new Data();
        LearnerCallback Mixing() => new MixupCallback(new InputMixup(
            new MixupOptions { Method = new Interpolation(1), Outputs = MixupOutputs.CleanAndMixed(), Seed = 1 }));
        Assert.True(double.IsFinite(data.Train(Loss("both"), "both", whole: false, [Mixing()]).Record.TrainLoss));
        var error = Assert.Throws<InvalidOperationException>(() =>
            data.Train(Loss("both"), "both", whole: false, [Mixing(), new GradientAccumulation(2)]));
        Assert.Contains("Choose CoefficientPer.Pair", error.Message, StringComparison.Ordinal);
        data.Train(Loss("values"), "values", whole: false, [Mixing(), new GradientAccumulation(2)]);
    }

    public static TheoryData<string> Replacements => ["adds to it", "adds to it in a scope", "another loss"];

    [Theory]
    [MemberData(nameof(Replacements))]
    public void ALossFunctionThatCallsTheLearnersLossIsWeighedAsThatLossIs(string how)
    {
        using var data = new Data();
        var replace = new Recorder("BeforeBatch", state =>
        {
            var before = state.LossFunction;
            state.LossFunction = (prediction, target) =>
            {
                using var scope = NewDisposeScope();
                return how switch
                {
                    "another loss" => prediction.square().mean().MoveToOuterDisposeScope(),
                    "adds to it" => scope.Detach(before(prediction, target) + 1),
                    _ => (before(prediction, target) + 1).MoveToOuterDisposeScope(),
                };
            };
        });
        using var loss = Loss("both");
        using var optimizer = optim.SGD(data.Model.parameters(), 0);
        var figure = new Learner(data.Model, loss, optimizer, callbacks: [replace]).Evaluate(data.Batches("both", whole: false)).Loss;
        using var predictions = data.Model.call(data.X);

        // Another loss is a mean over samples.
        using var expected = how == "another loss" ? predictions.square().mean() : loss.call(predictions, data.Y) + 1;
        Assert.Equal(expected.cpu().ToDouble(), figure, 1e-12);
    }

    [Fact]
    public void WeightsAreFreed()
    {
        using var data = new Data([0]);
        long live = 0;
        for (var i = 0; i < 3; i++)
        {
            live = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
            using var scope = NewDisposeScope();
            data.Train(Loss("both"), "both", whole: false, [new MixupCallback(new InputMixup()), new GradientAccumulation(2)]);
        }

        Assert.Equal(live, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    private static Loss<Tensor, Tensor, Tensor> Loss(string kind)
    {
        var weights = tensor(new[] { 0.5, 2, 1.25 }, device: Some.Device);
        return kind switch
        {
            "weighted" => CrossEntropyLoss(weights),
            "ignoring" => CrossEntropyLoss(),
            "smoothed" => new CrossEntropyLoss(weights, -100, Reduction.Mean, 0.1),
            "values" => MSELoss(),
            _ => CrossEntropyLoss(weights, ignore_index: -100),
        };
    }

    /// <summary>Batches of different sizes, and all of them as one.</summary>
    private sealed class Data : IDisposable
    {
        public Data(int[]? ignored = null)
        {
            using var scope = NewDisposeScope();
            var y = Some.Classes(2, K, Sizes.Sum());
            y[0] = y[3] = y[8] = tensor(-100, device: Some.Device);
            var first = 0;
            for (var i = 0; i < Sizes.Length; first += Sizes[i++])
            {
                if (ignored?.Contains(i) == true)
                {
                    y.narrow(0, first, Sizes[i]).fill_(-100);
                }
            }

            (X, Y) = (Some.Normal(1, Sizes.Sum(), 6).to(ScalarType.Float64).DetachFromDisposeScope(), y.DetachFromDisposeScope());
            Values = Some.Normal(3, Sizes.Sum(), K).to(ScalarType.Float64).DetachFromDisposeScope();
            Model = NewModel();
        }

        public Sequential Model { get; }

        public Tensor X { get; }

        public Tensor Y { get; }

        private Tensor Values { get; }

        public Tensor Target(string kind) => kind switch
        {
            "values" => Values,
            _ => Y,
        };

        public Batch[] Batches(string kind, bool whole)
        {
            long[] sizes = whole ? [Sizes.Sum()] : [.. Sizes.Select(size => (long)size)];
            return [.. X.split(sizes).Zip(Target(kind).split(sizes), (x, y) => new Batch(x, y))];
        }

        public (double[] Weights, EpochRecord Record) Train(
            Loss<Tensor, Tensor, Tensor> loss, string kind, bool whole, LearnerCallback[] callbacks)
        {
            using var scope = NewDisposeScope();
            using var model = NewModel();
            using var optimizer = optim.SGD(model.parameters(), 0.3);
            var learner = new Learner(model, loss, optimizer, callbacks: callbacks);
            var record = Assert.Single(learner.Fit(Batches(kind, whole)));
            return ([.. model.parameters().SelectMany(parameter => parameter.detach().cpu().data<double>().ToArray())], record);
        }

        public void Dispose()
        {
            X.Dispose();
            Y.Dispose();
            Values.Dispose();
            Model.Dispose();
        }

        private static Sequential NewModel()
        {
            manual_seed(1);
            return Sequential(Linear(6, 5), Tanh(), Linear(5, K)).to(ScalarType.Float64).to(Some.Device);
        }
    }

    /// <summary>Gives each batch its own part of one draw, or the large batch all of it.</summary>
    private sealed class Replay(string mixing, bool whole) : IMixupStrategy
    {
        private readonly InputMixup inner = new(new MixupOptions { Outputs = Outputs(mixing) });
        private int batch;

        public MixupState State { get => inner.State; set => inner.State = value; }

        public int? Epoch { get => inner.Epoch; set => inner.Epoch = value; }

        public int? Epochs { get => inner.Epochs; set => inner.Epochs = value; }

        public int Rank { get => inner.Rank; set => inner.Rank = value; }

        public MixupStep Begin(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw = null)
        {
            List<double> lambdas = [];
            List<long> partners = [];
            foreach (var part in whole ? Enumerable.Range(0, Sizes.Length) : [batch++])
            {
                // Two means divide by one number if those who share partners share a coefficient.
                partners.AddRange(Partners[part].Select(partner => partner + lambdas.Count));
                var shared = 0.2 + (0.25 * part);
                lambdas.AddRange(Enumerable.Range(0, Sizes[part]).Select(i => mixing == "clean beside mixed" ? shared : i / 8.0));
            }

            return inner.Begin(inputs, target, new MixupDraw(new Mix(lambdas, partners, Outputs(mixing)), MixupPlace.Input));
        }

        private static MixupOutputs Outputs(string mixing) => mixing switch
        {
            "two outputs" => MixupOutputs.Both,
            "clean beside mixed" => MixupOutputs.CleanAndMixed(0.7),
            _ => MixupOutputs.Mixed,
        };
    }
}
