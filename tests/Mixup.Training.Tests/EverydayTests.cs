using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Mixup beside what training code has anyway.</summary>
public sealed class EverydayTests
{
    [Fact]
    public void TorchSharpsDataLoaderAndDatasetFeedTheLearner()
    {
        using var data = new Pairs();
        using var loader = torch.utils.data.DataLoader(data, 8, shuffle: true, device: Some.Device);
        using var small = new Small([new MixupCallback(new InputMixup(1))]);
        var records = small.Learner.Fit(loader.AsBatches("label", "x"), loader.AsBatches("label", "x"), epochs: 12);
        Assert.InRange(records[^1].ValidationLoss!.Value, 0, records[0].ValidationLoss!.Value * 0.8);
    }

    [Fact]
    public void ADictionaryBatchHasSeveralInputsAndSeveralTargets()
    {
        using var scope = NewDisposeScope();
        using var data = new Pairs();
        using var loader = torch.utils.data.DataLoader(data, 8, device: Some.Device);
        using var model = new TwoHeads().to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.1);
        var (classes, values) = (new MixupLoss(CrossEntropyLoss()), new MixupLoss(MSELoss()));
        var mixup = new ManifoldMixup(model, new MixupOptions { Seed = 1 }, ManifoldPlaces.Named("trunk").WithInput());
        var losses = new List<double>();
        for (var epoch = 0; epoch < 12; epoch++)
        {
            foreach (var batch in loader)
            {
                using var inner = NewDisposeScope();
                using var step = mixup.Begin([batch["x"], batch["extra"]], batch["label"]);
                var (logits, value) = model.call(step.Inputs[0], step.Inputs[1]);
                var loss = classes.call(logits, step.Target) + values.call(value, step.TargetFor(batch["value"]));
                optimizer.zero_grad();
                loss.backward();
                optimizer.step();
                losses.Add(loss.cpu().ToDouble());
            }
        }

        Assert.InRange(losses.TakeLast(5).Average(), 0, losses.Take(5).Average() * 0.9);
    }

    [Fact]
    public void TheLearnerTakesSeveralInputs()
    {
        using var data = new Pairs();
        using var loader = torch.utils.data.DataLoader(data, 8, device: Some.Device);
        manual_seed(1);
        using var model = new Both().to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.1);
        using var loss = CrossEntropyLoss();
        var records = new Learner(model, loss, optimizer, callbacks: [new MixupCallback(new InputMixup(1))]).Fit(
            loader.AsBatches("label", "x", "extra"), epochs: 8);
        Assert.InRange(records[^1].TrainLoss, 0, records[0].TrainLoss * 0.95);
    }

    [Fact]
    public void AccumulatedGradientsAreTheSumOfThoseOfTheBatches()
    {
        using var small = new Small();
        using var scope = NewDisposeScope();
        var loss = new MixupLoss(small.Loss);
        Tensor[] Gradients(IEnumerable<int> batches)
        {
            var mixup = new ManifoldMixup(small.Model, new MixupOptions { Method = new Interpolation(1), Seed = 3 }, ManifoldPlaces.Found);
            small.Model.train();
            small.Optimizer.zero_grad();
            foreach (var i in batches)
            {
                using var step = mixup.Begin(small.X.narrow(0, i * 10, 10), small.Y.narrow(0, i * 10, 10));
                loss.call(small.Model.call(step.Input), step.Target).div(4).backward();
            }

            return [.. small.Model.parameters().Select(parameter => parameter.grad!.clone())];
        }

        var together = Gradients([0, 1, 2, 3]);
        var again = Gradients([0, 1, 2, 3]);
        Assert.All(together.Zip(again), pair => Some.AssertEqual(pair.First, pair.Second));
        Assert.Contains(together, gradient => gradient.abs().max().cpu().ToDouble() > 0);

        // One after the other, each with the draw that it had in the sequence.
        var sum = together.Select(gradient => zeros_like(gradient)).ToArray();
        for (var i = 0; i < 4; i++)
        {
            var mixup = new ManifoldMixup(small.Model, new MixupOptions { Method = new Interpolation(1), Seed = 3 }, ManifoldPlaces.Found);
            mixup.State = mixup.State with { Batch = i };
            small.Optimizer.zero_grad();
            using var step = mixup.Begin(small.X.narrow(0, i * 10, 10), small.Y.narrow(0, i * 10, 10));
            loss.call(small.Model.call(step.Input), step.Target).div(4).backward();
            sum = [.. sum.Zip(small.Model.parameters(), (total, parameter) => total + parameter.grad!)];
        }

        Assert.All(together.Zip(sum), pair => Some.AssertClose(pair.Second, pair.First, 1e-4, 1e-6));
    }

    [Fact]
    public void GradientsAreClippedBetweenBackwardAndStep()
    {
        var norms = new List<double>();
        using var small = new Small(
            model =>
            [
                new MixupCallback(new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Found)),
                new Recorder("AfterBackward", state =>
                {
                    nn.utils.clip_grad_norm_(state.Learner.Model.parameters(), 0.01);
                    norms.Add(Math.Sqrt(state.Learner.Model.parameters().Sum(parameter => parameter.grad!.pow(2).sum().cpu().ToDouble())));
                }),
            ],
            scheduler: false,
            dropout: false);
        small.Learner.Fit(small.Train, epochs: 2);
        Assert.Equal(10, norms.Count);
        Assert.All(norms, norm => Assert.InRange(norm, 1e-6, 0.0101));
    }

    [Fact]
    public void BodyAndHeadMayHaveOptimizersOfTheirOwn()
    {
        using var scope = NewDisposeScope();
        using var small = new Small();
        Module[] modules = [.. small.Model.children()];
        using var body = optim.Adam(modules[0].parameters(), 1e-2);
        using var head = optim.SGD(modules[^1].parameters(), 1e-1);
        var (mixup, loss) = (new OutputMixup(new MixupOptions { Seed = 1 }), new MixupLoss(small.Loss));
        var before = small.Weights;
        double first = 0, last = 0;
        for (var i = 0; i < 40; i++)
        {
            using var step = mixup.Begin(small.X, small.Y);
            body.zero_grad();
            head.zero_grad();
            using var value = loss.call(small.Model.call(step.Input), step.Target);
            value.backward();
            body.step();
            head.step();
            (first, last) = (i == 0 ? value.cpu().ToDouble() : first, value.cpu().ToDouble());
        }

        Assert.NotEqual(before, small.Weights);
        Assert.InRange(last, 0, first);
    }

    [Fact]
    public void AModuleThatGivesATupleIsMixedInItsFirstTensor()
    {
        using var scope = NewDisposeScope();
        using var model = new Recurrent().to(Some.Device);
        var mixup = new ManifoldMixup(model, new MixupOptions { Method = new Interpolation(1), Seed = 1 }, ManifoldPlaces.Named("cell"));
        var (x, y) = (Some.Normal(1, 8, 5, 4), Some.Classes(1, 3, 8));
        using var step = mixup.Begin(x, y);
        var mixed = model.call(step.Input);
        var (sequence, _) = model.Cell.forward(x);
        Some.AssertClose(model.Head.forward(step.Draw.Mix.Blend(sequence).mean([1])), mixed, 1e-5, 1e-6);
        new MixupLoss(CrossEntropyLoss()).call(mixed, step.Target).backward();
        Assert.All(model.parameters(), parameter => Assert.True(parameter.grad is not null));
    }

    [Fact]
    public void AModelThatGivesATupleTrainsWithALearnerThatIsToldHow()
    {
        using var data = new Pairs();
        using var loader = torch.utils.data.DataLoader(data, 8, device: Some.Device);
        manual_seed(1);
        using var model = new TwoHeads().to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.1);
        using var loss = CrossEntropyLoss();
        var learner = new Learner(
            model,
            loss,
            optimizer,
            callbacks: [new MixupCallback(new OutputMixup(1))],
            forward: inputs => model.call(inputs[0], inputs[1]).Item1);
        var records = learner.Fit(loader.AsBatches("label", "x", "extra"), epochs: 8);
        Assert.InRange(records[^1].TrainLoss, 0, records[0].TrainLoss * 0.95);
    }

    [Fact]
    public void EvaluatingInTheMiddleOfAnEpochIsNeitherMixedNorDoesItDisturbTraining()
    {
        float[] Train(bool evaluate)
        {
            using var small = new Small();
            var mixup = new ManifoldMixup(small.Model, new MixupOptions { Method = new Interpolation(1), Seed = 4 }, ManifoldPlaces.Found);
            var loss = new MixupLoss(small.Loss);
            for (var i = 0; i < 6; i++)
            {
                using var scope = NewDisposeScope();
                small.Model.train();
                using (var step = mixup.Begin(small.X, small.Y))
                {
                    small.Optimizer.zero_grad();
                    loss.call(small.Model.call(step.Input), step.Target).backward();
                    small.Optimizer.step();
                }

                if (evaluate)
                {
                    small.Model.eval();
                    using var noGrad = no_grad();
                    var (some, all) = (small.Model.call(small.X.narrow(0, 0, 3)), small.Model.call(small.X));
                    Some.AssertClose(all.narrow(0, 0, 3), some, 1e-5, 1e-6); // a sample's prediction does not depend on the others
                }
            }

            return small.Weights;
        }

        Assert.Equal(Train(evaluate: false), Train(evaluate: true));
    }

    private sealed class Pairs : torch.utils.data.Dataset
    {
        private readonly Tensor x = Some.Normal(1, 40, 6).cpu();
        private readonly Tensor y;

        public Pairs() => y = x.narrow(1, 0, 3).argmax(1);

        public override long Count => 40;

        public override Dictionary<string, Tensor> GetTensor(long index) =>
            new() { ["x"] = x[index], ["extra"] = x[index].mul(2), ["label"] = y[index], ["value"] = x[index].sum().unsqueeze(0) };
    }

    private sealed class Both : Module<Tensor, Tensor, Tensor>
    {
        private readonly Linear first = Linear(6, 8);
        private readonly Linear second = Linear(6, 8);
        private readonly Linear head = Linear(8, 3);

        public Both()
            : base(nameof(Both)) => RegisterComponents();

        public override Tensor forward(Tensor x, Tensor extra) => head.call((first.call(x) + second.call(extra)).tanh());
    }

    private sealed class TwoHeads : Module<Tensor, Tensor, (Tensor, Tensor)>
    {
        private readonly Linear trunk = Linear(12, 16);
        private readonly Linear classes = Linear(16, 3);
        private readonly Linear value = Linear(16, 1);

        public TwoHeads()
            : base(nameof(TwoHeads)) => RegisterComponents();

        public override (Tensor, Tensor) forward(Tensor x, Tensor extra)
        {
            var hidden = trunk.call(cat([x, extra], 1)).tanh();
            return (classes.call(hidden), value.call(hidden));
        }
    }

    private sealed class Recurrent : Module<Tensor, Tensor>
    {
        private readonly Pair cell = new();
        private readonly Linear head = Linear(6, 3);

        public Recurrent()
            : base(nameof(Recurrent)) => RegisterComponents();

        public Pair Cell => cell;

        public Linear Head => head;

        public override Tensor forward(Tensor x) => head.call(cell.call(x).Item1.mean([1]));
    }

    private sealed class Pair : Module<Tensor, (Tensor, Tensor)>
    {
        private readonly Linear inner = Linear(4, 6);

        public Pair()
            : base(nameof(Pair)) => RegisterComponents();

        public override (Tensor, Tensor) forward(Tensor x)
        {
            var all = inner.forward(x).tanh();
            return (all, all.select(1, -1));
        }
    }
}
