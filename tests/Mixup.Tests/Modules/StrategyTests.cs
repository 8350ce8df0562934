using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>The three places are one operation; and what goes wrong inside a model is said.</summary>
public sealed class StrategyTests
{
    private const int B = 5;

    [Fact]
    public void AtTheInputManifoldMixupIsInputMixup()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        AssertSameTraining(model, new InputMixup(), MixupPlace.Input, new ManifoldMixup(model), MixupPlace.Input);
    }

    [Fact]
    public void AtTheLastModuleManifoldMixupIsOutputMixup()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        AssertSameTraining(
            model,
            new OutputMixup(),
            MixupPlace.Output,
            new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("4")),
            MixupPlace.Module("4"));
    }

    [Theory]
    [InlineData("input")]
    [InlineData("1")]
    [InlineData("output")]
    public void TwoOutputsAPairAreBothCombinations(string place)
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = Data();
        var strategy = Strategy(model, place, new MixupOptions { Outputs = MixupOutputs.Both });
        var logits = new List<Tensor>();
        var losses = new List<Tensor>();
        using var unreduced = CrossEntropyLoss(reduction: Reduction.None);
        foreach (var coefficients in new[] { Some.Coefficients, [.. Some.Coefficients.Select(lambda => 1 - lambda)] })
        {
            using var single = Strategy(model, place, new MixupOptions()).Begin(
                x, y, new MixupDraw(new Mix(coefficients, Some.Permutation), Some.Place(place)));
            logits.Add(model.call(single.Input));
            losses.Add(new MixupLoss(unreduced).call(logits[^1], single.Target));
        }

        using var step = strategy.Begin(
            x, y, new MixupDraw(new Mix(Some.Coefficients, Some.Permutation, outputs: MixupOutputs.Both), Some.Place(place)));
        var both = model.call(step.Input);
        Assert.Equal(place == "output" ? B : 2 * B, both.shape[0]);
        if (place != "output")
        {
            Some.AssertClose(cat(logits), both, 1e-6, 1e-6);
        }

        var loss = new MixupLoss(unreduced).call(both, step.Target);
        Some.AssertClose(cat(losses), loss, 1e-5);
        Some.AssertClose(cat(losses).mean(), new MixupLoss(CrossEntropyLoss()).call(both, step.Target), 1e-5);
        loss.sum().backward();
        Assert.All(model.parameters(), parameter => Assert.True(parameter.grad!.isfinite().all().cpu().ToBoolean()));
        step.Dispose();
        using var drawn = strategy.Begin(x, y);
        Assert.Equal(2 * B, drawn.Draw.Mix.Rows);
    }

    [Fact]
    public void TwoOutputsMixTargetsOfAnyKind()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix(Some.Coefficients, Some.Permutation, outputs: MixupOutputs.Both);
        var (floating, classes) = (Some.Normal(1, B, 4).softmax(1), Some.Classes(1, 4, B));
        var prediction = Some.Normal(2, 2 * B, 4);
        Some.AssertClose(
            CrossEntropyLoss().call(prediction, mix.Blend(floating)),
            new MixupLoss(CrossEntropyLoss()).call(prediction, new MixedTarget(mix, floating)),
            1e-6);
        foreach (var mixing in new[] { TargetMixing.Targets, TargetMixing.Losses })
        {
            var soft = mix.Blend(functional.one_hot(classes, 4).to(ScalarType.Float32));
            Some.AssertClose(
                CrossEntropyLoss().call(prediction, soft),
                new MixupLoss(CrossEntropyLoss()).call(prediction, new MixedTarget(mix, classes, mixing)),
                1e-5);
        }

        var x = Some.Normal(3, B, 3).requires_grad_();
        var upstream = Some.Normal(4, 2 * B, 3);
        mix.Blend(x).backward([upstream]);
        var first = new Mix(Some.Coefficients, Some.Permutation);
        var second = new Mix([.. Some.Coefficients.Select(lambda => 1 - lambda)], Some.Permutation);
        var leaf = x.detach().clone().requires_grad_();
        cat([first.Blend(leaf), second.Blend(leaf)]).backward([upstream]);
        Some.AssertClose(leaf.grad!, x.grad!, 1e-5, 1e-6);
    }

    [Fact]
    public void AStackedInputIsMixedByTheNetwork()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Data();
        var draw = new MixupDraw(Some.Mix(), MixupPlace.Input);
        using var step = new InputMixup { StackInput = true }.Begin(x, y, draw);
        Assert.Equal(3, step.Inputs.Count);
        var lambda = step.Inputs[2].unsqueeze(1);
        using var plain = new InputMixup().Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Input));
        Some.AssertClose(plain.Input, (step.Inputs[0] * lambda) + (step.Inputs[1] * (1 - lambda)), 1e-6, 1e-6);

        // Token ids, too: the network embeds both.
        using var ids = new InputMixup { StackInput = true }.Begin(Some.Classes(1, 9, B, 7), y);
        Assert.Equal([ScalarType.Int64, ScalarType.Int64, ScalarType.Float32], ids.Inputs.Select(input => input.dtype));
        Assert.Equal([B], ids.Inputs[2].shape);
        Assert.Throws<ArgumentException>(() => new InputMixup(new MixupOptions { Outputs = MixupOutputs.Both }) { StackInput = true });
        Assert.Contains(
            "(x, x[p], lambda)",
            Assert.Throws<ArgumentException>(() => new InputMixup { StackInput = true }.Begin([x, x], y)).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void OutputMixupIsRefusedWhereThereIsNoSoftmax()
    {
        using var scope = NewDisposeScope();
        var probabilities = Some.Normal(1, B, 4).softmax(1);
        var values = Some.Normal(2, B, 4);
        var classes = Some.Classes(1, 4, B);
        foreach (var (loss, target) in new (Loss<Tensor, Tensor, Tensor>, Tensor)[]
        {
            (MSELoss(), values), (L1Loss(), values), (SmoothL1Loss(), values), (HuberLoss(), values), (PoissonNLLLoss(), values),
            (KLDivLoss(), probabilities), (BCELoss(), probabilities), (NLLLoss(), classes),
        })
        {
            using var step = new OutputMixup().Begin(values, target);
            Assert.Contains(
                loss.GetType().Name,
                Assert.Throws<ArgumentException>(() => new MixupLoss(loss).call(probabilities, step.Target)).Message,
                StringComparison.OrdinalIgnoreCase);
        }

        foreach (
            var (loss, target) in new (Loss<Tensor, Tensor, Tensor>, Tensor)[] { (CrossEntropyLoss(), classes),
                (BCEWithLogitsLoss(), probabilities), (MultiMarginLoss(), classes) })
        {
            using var step = new OutputMixup().Begin(values, target);
            Assert.True(new MixupLoss(loss).call(values, step.Target).isfinite().cpu().ToBoolean());
        }
    }

    [Fact]
    public void AModuleThatWasBypassedIsAnErrorThatNamesIt()
    {
        using var scope = NewDisposeScope();
        using var model = new Bypass();
        var (x, y) = Data();
        var mixup = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("first"));
        using (var step = mixup.Begin(x, y))
        {
            var error = Assert.Throws<InvalidOperationException>(
                () => new MixupLoss(CrossEntropyLoss()).call(model.call(step.Input), step.Target));
            Assert.Contains("'first' (Linear)", error.Message, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("forward() bypasses hooks", error.Message, StringComparison.OrdinalIgnoreCase);
            Assert.Throws<InvalidOperationException>(
                () => new MixupLoss(CrossEntropyLoss()).Evaluate((p, t) => p.argmax(1).eq(t), model.call(step.Input), step.Target));
        }

        model.UseCall = true;
        using var next = mixup.Begin(x, y);
        Assert.True(new MixupLoss(CrossEntropyLoss()).call(model.call(next.Input), next.Target).isfinite().cpu().ToBoolean());
    }

    [Fact]
    public void AModuleThatRunsTwiceIsMixedTheFirstTimeAndWarnedAboutOnce()
    {
        using var scope = NewDisposeScope();
        using var model = new Twice();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(1, 6, B));
        List<string> log = [];
        var mixup = new ManifoldMixup(model, new MixupOptions { Warn = log.Add }, ManifoldPlaces.Named("shared"));
        for (var i = 0; i < 3; i++)
        {
            using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), Some.Place("shared")));
            Some.AssertClose(model.Shared.forward(Some.Mix().Blend(model.Shared.forward(x))), model.call(step.Input), 1e-6, 1e-6);
        }

        Assert.Single(log, line => line.Contains("'shared' (Linear) ran more than once", StringComparison.Ordinal));
    }

    [Fact]
    public void AnOutputWithoutTheBatchInFrontIsAnErrorThatNamesTheModule()
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("merge", new Merge()), ("fc", Linear(3, 4)), ("out", Linear(4, 2)));
        var mixup = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("merge"));
        var step = mixup.Begin(Some.Normal(1, B, 7, 3), Some.Classes(1, 2, B));
        var error = Assert.Throws<InvalidOperationException>(() => model.call(step.Input));
        Assert.Contains("'merge' (Merge) returned Float32 [35, 3]", error.Message, StringComparison.OrdinalIgnoreCase);
        step.Dispose();
        Assert.Equal(35, model.call(Some.Normal(1, B, 7, 3)).shape[0]);
    }

    [Fact]
    public void AReplacedModuleIsAnErrorThatNamesIt()
    {
        using var scope = NewDisposeScope();
        using var model = new Bypass { UseCall = true };
        var mixup = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("first"));
        var (x, y) = Data();
        var old = model.Replace();
        old.Dispose();
        using var step = mixup.Begin(x, y);
        Assert.Contains("replaced or disposed", Assert.Throws<InvalidOperationException>(() =>
                new MixupLoss(CrossEntropyLoss()).call(model.call(step.Input), step.Target)).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void StepsOfOneModelCannotOverlap()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        using var otherModel = Small.Mlp();
        var (x, y) = Data();
        var options = new MixupOptions { Seed = 1 };
        var (first, second, other) = (
            new ManifoldMixup(model, options, ManifoldPlaces.Named("1")),
            new ManifoldMixup(model, options),
            new ManifoldMixup(otherModel, options, ManifoldPlaces.Named("1")));
        var step = first.Begin(x, y);
        foreach (var strategy in new[] { first, second })
        {
            var state = strategy.State;
            Assert.Contains("steps of one model cannot overlap",
                Assert.Throws<InvalidOperationException>(() => strategy.Begin(x, y)).Message,
                StringComparison.OrdinalIgnoreCase);
            Assert.Equal(state, strategy.State);
        }

        using var independent = other.Begin(x, y);
        var mixed = model.call(step.Input);
        Assert.True(new MixupLoss(CrossEntropyLoss()).call(mixed, step.Target).isfinite().cpu().ToBoolean()); // still intact
        step.Dispose();
        step.Dispose();
        second.Begin(x, y).Dispose();
        first.Begin(x, y).Dispose();
    }

    [Fact]
    public void AnotherLibrarysHookIsNotDisturbed()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = Data();
        var seen = 0;
        using var spy = Spy.On(model, "1", _ => seen++);
        var mixup = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("1"));
        for (var i = 0; i < 3; i++)
        {
            using var step = mixup.Begin(x, y);
            model.call(step.Input);
        }

        var plain = model.call(x);
        Assert.Equal(4, seen);
        using var fresh = Small.Mlp();
        Some.AssertEqual(fresh.call(x), plain); // no hook of ours is left
    }

    [Fact]
    public void TwoThreadsWithTwoModelsAreIndependent()
    {
        double[] Train(int seed)
        {
            using var scope = NewDisposeScope();
            using var generator = new Generator(1, CPU);
            using var model = Sequential(Linear(6, 8), Tanh(), Linear(8, 4));
            using (no_grad())
            {
                foreach (var parameter in model.parameters())
                {
                    parameter.copy_(randn(parameter.shape, generator: generator));
                }
            }

            using var optimizer = optim.SGD(model.parameters(), 0.1);
            var mixup = new ManifoldMixup(model, new MixupOptions { Seed = (ulong)seed });
            var loss = new MixupLoss(CrossEntropyLoss());
            var (x, y) = (randn(B, 6, generator: generator), zeros(B, ScalarType.Int64));
            for (var i = 0; i < 100; i++)
            {
                using var inner = NewDisposeScope();
                using var step = mixup.Begin(x, y);
                optimizer.zero_grad();
                loss.call(model.call(step.Input), step.Target).backward();
                optimizer.step();
            }

            return [.. model.parameters().Select(parameter => parameter.sum().ToDouble())];
        }

        var alone = new[] { Train(1), Train(2) };
        var together = new double[2][];
        var threads = Enumerable.Range(0, 2).Select(i => new Thread(() => together[i] = Train(i + 1))).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(alone, together);
    }

    [Fact]
    public void TokenIdsAreMixedBehindTheEmbedding()
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("embedding", Embedding(9, 6)), ("encoder", new MeanPool()), ("head", Linear(6, 3))).to(Some.Device);
        var (ids, y) = (Some.Classes(1, 9, B, 7), Some.Classes(2, 3, B));
        var mixup = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("embedding").WithInput());
        for (var i = 0; i < 20; i++)
        {
            using var step = mixup.Begin(ids, y);
            Assert.Equal("embedding", step.Draw.Place.ModuleName); // the input is eligible, but not for integers
            new MixupLoss(CrossEntropyLoss()).call(model.call(step.Input), step.Target).backward();
        }

        for (var i = 0; i < 20; i++)
        {
            using var step = mixup.Begin([Some.Normal(1, B, 2), ids], y);
            Assert.Equal("embedding", step.Draw.Place.ModuleName); // nor where one input of several is of integers
        }

        var none = new ManifoldMixup(
            model, new MixupOptions(), ManifoldPlaces.Named("embedding").WithInput().WithWeights(("embedding", 0)));
        Assert.Contains(
            "token ids", Assert.Throws<ArgumentException>(() => none.Begin(ids, y)).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void MasksOfAPairAreUnited(bool trueIsPadding)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([0.7, 1, 0, 0.5], [1, 0, 3, 2]);
        var content = tensor(
            new[,] { { true, false, false }, { true, true, false }, { true, true, true }, { true, false, false } }, device: Some.Device);
        var expected = tensor(
            new[,] { { true, true, false }, { true, true, false }, { true, false, false }, { true, true, true } }, device: Some.Device);
        Some.AssertEqual(
            trueIsPadding ? expected.logical_not() : expected,
            mix.UniteMask(trueIsPadding ? content.logical_not() : content, trueIsPadding));
        Assert.Throws<ArgumentException>(() => mix.UniteMask(zeros(4, 3)));
        Assert.Throws<ArgumentException>(() => mix.UniteMask(zeros(3, 3, ScalarType.Bool)));
    }

    [Fact]
    public void ARecurrentModuleThatWasAskedForIsMixedOnItsSequence()
    {
        using var scope = NewDisposeScope();
        using var model = new Recurrent(batchFirst: true);
        var (x, y) = (Some.Normal(1, B, 7, 3), Some.Classes(1, 2, B));
        var mixup = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("lstm"));
        Assert.Contains("lstm (LSTM): the first of its outputs", mixup.Explain(), StringComparison.OrdinalIgnoreCase);
        using (var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), Some.Place("lstm"))))
        {
            var (sequence, _, _) = model.Lstm.forward(x);
            Some.AssertClose(model.Head.call(Some.Mix().Blend(sequence).mean([1])), model.call(step.Input), 1e-5, 1e-6);
        }

        using var timeFirst = new Recurrent(batchFirst: false);
        using var turned = new ManifoldMixup(timeFirst, new MixupOptions(), ManifoldPlaces.Named("lstm")).Begin(
            x, y, new MixupDraw(Some.Mix(), Some.Place("lstm")));
        var steps = timeFirst.Lstm.forward(x.transpose(0, 1)).Item1;
        var mixed = Some.Mix().Blend(steps.transpose(0, 1)).transpose(0, 1);
        Some.AssertClose(timeFirst.Head.call(mixed.mean([1])), timeFirst.call(turned.Input), 1e-5, 1e-6);
    }

    [Fact]
    public void ModulesOfTwoArgumentsCanBeMixed()
    {
        using var scope = NewDisposeScope();
        using var model = new TwoArguments();
        var (x, y) = (Some.Normal(1, B, 3), Some.Classes(1, 3, B));
        using var step = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("pair")).Begin(
            x, y, new MixupDraw(Some.Mix(), Some.Place("pair")));
        Some.AssertClose(Some.Mix().Blend(x * 2), model.call(step.Input), 1e-6, 1e-6);
    }

    [Fact]
    public void AMixupPointMarksAPlaceInTheMiddleOfForward()
    {
        using var scope = NewDisposeScope();
        using var point = new MixupPoint();
        var x = Some.Normal(1, B, 3);
        Some.AssertEqual(x, point.call(x));
        using var model = Sequential(("a", Linear(3, 4)), ("here", point), ("b", Linear(4, 2))).to(Some.Device);
        using var step = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Found.WithoutInput()).Begin(
            x, Some.Classes(1, 2, B), new MixupDraw(Some.Mix(), Some.Place("here")));
        using var plain = Sequential(("a", (Module<Tensor, Tensor>)model.named_modules().Single(pair => pair.name == "a").module));
        Some.AssertClose(
            ((Linear)model.named_modules().Single(pair => pair.name == "b").module).forward(Some.Mix().Blend(plain.call(x))),
            model.call(step.Input),
            1e-5,
            1e-6);
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void HalfPrecisionGoesThroughEveryPlace(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp(dtype: dtype);
        var (x, y) = Data();
        foreach (var place in new[] { "input", "1", "output" })
        {
            using var step = Strategy(model, place, new MixupOptions()).Begin(x.to(dtype), y, new MixupDraw(Some.Mix(), Some.Place(place)));
            var value = new MixupLoss(CrossEntropyLoss()).call(model.call(step.Input), step.Target);
            value.backward();
            Assert.Equal((dtype, ScalarType.Int64), (value.dtype, step.Target.Unmixed.dtype));
            Assert.True(value.isfinite().cpu().ToBoolean());
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void SegmentationKeepsWeightsAndIgnoredPixelsExact(int batch)
    {
        using var scope = NewDisposeScope();
        var logits = Some.Normal(1, batch, 4, 3, 2);
        var classes = Some.Classes(1, 4, batch, 3, 2);
        classes[0, 0, 0] = tensor(255L);
        var weight = tensor(new[] { 1f, 2f, 0.5f, 4f }, device: Some.Device);
        double[] lambda = [.. Enumerable.Repeat(0.7, batch)];
        long[] partners = [.. Enumerable.Range(0, batch).Select(i => (long)((i + 1) % batch))];
        foreach (var strategy in new IMixupStrategy[] { new InputMixup(), new OutputMixup() })
        {
            var place = strategy is InputMixup ? MixupPlace.Input : MixupPlace.Output;
            using var step = strategy.Begin(logits, classes, new MixupDraw(new Mix(lambda, partners), place));
            var prediction = strategy is InputMixup ? logits : step.Draw.Mix.Blend(logits);
            var (a, b) = (
                functional.cross_entropy(prediction, classes, weight, 255, Reduction.Sum),
                functional.cross_entropy(prediction, step.Draw.Mix.SelectPartners(classes), weight, 255, Reduction.Sum));
            Tensor Counted(Tensor of) => weight.index(TensorIndex.Tensor(of.remainder(255).clamp(0, 3))).mul(of.ne(255)).sum();
            var expected = (a.mul(0.7) + b.mul(0.3)) / (
                Counted(classes).mul(0.7) + Counted(step.Draw.Mix.SelectPartners(classes)).mul(0.3));
            Some.AssertClose(expected, new MixupLoss(new CrossEntropyLoss(weight, 255)).call(logits, step.Target), 1e-5);
        }

        var soft = Some.Normal(2, batch, 4, 3, 2).sigmoid();
        var mix = new Mix(lambda, partners);
        Some.AssertClose(
            BCEWithLogitsLoss().call(logits, mix.Blend(soft)),
            new MixupLoss(BCEWithLogitsLoss()).call(logits, new MixedTarget(mix, soft)),
            1e-6);
    }

    [Theory]
    [InlineData("1", false)]
    [InlineData("1", true)]
    [InlineData("output", false)]
    [InlineData("output", true)]
    [InlineData("input", true)]
    public void NothingIsReadBackAtAnyPlace(string place, bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp(META);
        var (x, y) = (empty(B, 6, device: META), empty(B, ScalarType.Int64, META));
        using var step = Strategy(model, place, new MixupOptions { Outputs = Some.Outputs(twoOutputs) }).Begin(x, y);
        new MixupLoss(CrossEntropyLoss()).call(model.call(step.Input), step.Target).backward();
        Assert.All(model.parameters(), parameter => Assert.Equal(DeviceType.META, parameter.grad!.device_type));
    }

    [Theory]
    [InlineData("input")]
    [InlineData("1")]
    [InlineData("output")]
    public void AThousandStepsLeaveNoTensorBehind(string place)
    {
        using var model = Small.Mlp();
        using var x = Some.Normal(1, B, 6);
        using var y = Some.Classes(1, 4, B);
        using var loss = new MixupLoss(CrossEntropyLoss());
        var strategy = Strategy(model, place, new MixupOptions { Outputs = MixupOutputs.Both });
        void Step()
        {
            using var scope = NewDisposeScope();
            using var step = strategy.Begin(x, y);
            model.zero_grad();
            loss.call(model.call(step.Input), step.Target).backward();
        }

        Step();
        Step();
        var before = Some.LiveTensors;
        for (var i = 0; i < 1_000; i++)
        {
            Step();
        }

        Assert.Equal(before, Some.LiveTensors);
    }

    private static (Tensor X, Tensor Y) Data() => (Some.Normal(1, B, 6), Some.Classes(2, 4, B));

    private static IMixupStrategy Strategy(nn.Module model, string place, MixupOptions options) => place switch
    {
        "input" => new InputMixup(options),
        "output" => new OutputMixup(options),
        _ => new ManifoldMixup(model, options, ManifoldPlaces.Named(place)),
    };

    private static void AssertSameTraining(Sequential model, IMixupStrategy a, MixupPlace placeOfA, IMixupStrategy b, MixupPlace placeOfB)
    {
        var (x, y) = Data();
        List<Tensor[]> seen = [];
        foreach (var (strategy, place) in new[] { (a, placeOfA), (b, placeOfB) })
        {
            model.zero_grad();
            using var step = strategy.Begin(x, y, new MixupDraw(Some.Mix(), place));
            var loss = new MixupLoss(CrossEntropyLoss()).call(model.call(step.Input), step.Target);
            loss.backward();
            seen.Add([loss, .. model.parameters().Select(parameter => parameter.grad!.clone())]);
        }

        foreach (var (first, second) in seen[0].Zip(seen[1]))
        {
            Some.AssertEqual(first, second);
        }
    }

    private sealed class Bypass : Module<Tensor, Tensor>
    {
        private readonly Linear last = Linear(8, 4);
        private Linear first = Linear(6, 8);

        public Bypass()
            : base(nameof(Bypass))
        {
            RegisterComponents();
            this.to(Some.Device);
        }

        public bool UseCall { get; set; }

        public Linear Replace()
        {
            var old = first;
            first = Linear(6, 8, device: Some.Device);
            return old;
        }

        public override Tensor forward(Tensor input) => last.call(UseCall ? first.call(input) : first.forward(input));
    }

    private sealed class Twice : Module<Tensor, Tensor>
    {
        public Twice()
            : base(nameof(Twice))
        {
            register_module("shared", Shared);
            this.to(Some.Device);
        }

        public Linear Shared { get; } = Linear(6, 6);

        public override Tensor forward(Tensor input) => Shared.call(Shared.call(input));
    }

    private sealed class Merge() : Module<Tensor, Tensor>(nameof(Merge))
    {
        public override Tensor forward(Tensor input) => input.reshape(-1, input.shape[2]);
    }

    private sealed class MeanPool() : Module<Tensor, Tensor>(nameof(MeanPool))
    {
        public override Tensor forward(Tensor input) => input.mean([1]);
    }

    private sealed class Recurrent : Module<Tensor, Tensor>
    {
        private readonly bool batchFirst;

        public Recurrent(bool batchFirst)
            : base(nameof(Recurrent))
        {
            this.batchFirst = batchFirst;
            Lstm = LSTM(3, 4, batchFirst: batchFirst);
            register_module("lstm", Lstm);
            register_module("head", Head);
            this.to(Some.Device);
        }

        public LSTM Lstm { get; }

        public Linear Head { get; } = Linear(4, 2);

        public override Tensor forward(Tensor input) => Head.call(Lstm.call(batchFirst ? input : input.transpose(0, 1)).Item1.mean([1]));
    }

    private sealed class Pair() : Module<Tensor, Tensor, Tensor>(nameof(Pair))
    {
        public override Tensor forward(Tensor a, Tensor b) => a + b;
    }

    private sealed class TwoArguments : Module<Tensor, Tensor>
    {
        private readonly Pair pair = new();

        public TwoArguments()
            : base(nameof(TwoArguments)) => RegisterComponents();

        public override Tensor forward(Tensor input) => pair.call(input, input);
    }
}
