using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>A model that runs its parts by <c>forward()</c> is found in the first pass, whatever place was drawn.</summary>
public sealed class CalledModulesTests
{
    private const int B = 5;

    public static TheoryData<string> Places => ["input", "conv1", "fc1", "relu3"];

    [Theory]
    [MemberData(nameof(Places))]
    public void AModelOfForwardCallsIsToldSoInItsFirstPass(string place)
    {
        using var scope = NewDisposeScope();
        using var model = new Digits(byCall: false);
        var mixup = new ManifoldMixup(model);
        for (var i = 0; i < 2; i++)
        {
            using var step = mixup.Begin(Images(), Labels(), new MixupDraw(Some.Mix(), Some.Place(place)));
            Assert.Equal(
                "In the first forward pass of Digits, 6 of 6 eligible modules did not run by call(): 'conv1' (Conv2d), 'fc1' (Linear), " +
                "'pool1' (MaxPool2d), 'relu1' (ReLU), 'relu3' (ReLU), 'logsm' (LogSoftmax). These modules ran by call(): none. " +
                "A batch cannot be mixed at a module that is run by forward(), since forward() bypasses hooks. " +
                "Run the model by call() within the step; in its forward method, write layer.call(x) instead of " +
                "layer.forward(x). If the model does not use a module in every pass, or the module was replaced or disposed, choose " +
                "other places by ManifoldPlaces.Named, or give the module weight 0 by WithWeights.",
                Assert.Throws<InvalidOperationException>(() => model.call(step.Input)).Message);
        }
    }

    [Theory]
    [InlineData("input")]
    [InlineData("fc1")]
    public void AModelThatIsRunByForwardItselfIsToldSoByTheLoss(string place)
    {
        using var scope = NewDisposeScope();
        using var model = new Digits(byCall: false);
        using var step = new ManifoldMixup(model).Begin(Images(), Labels(), new MixupDraw(Some.Mix(), Some.Place(place)));
        var prediction = model.forward(step.Input);
        var message = Assert.Throws<InvalidOperationException>(() => new MixupLoss(NLLLoss()).call(prediction, step.Target)).Message;
        Assert.Contains(
            "Digits did not run by call() in this step, and 6 of 6 eligible modules did not run by call(): 'conv1' (Conv2d), ",
            message,
            StringComparison.Ordinal);
        Assert.Contains("If you ran another model, build the strategy with that one.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void AModelOfCallsIsMixedEverywhere()
    {
        using var scope = NewDisposeScope();
        using var model = new Digits(byCall: true);
        var mixup = new ManifoldMixup(model, new MixupOptions { Seed = 1 });
        HashSet<MixupPlace> drawn = [];
        for (var i = 0; i < 60; i++)
        {
            using var step = mixup.Begin(Images(), Labels());
            drawn.Add(step.Draw.Place);
            new MixupLoss(NLLLoss()).call(model.call(step.Input), step.Target).backward();
        }

        Assert.Equal(mixup.Places.Count, drawn.Count);
    }

    [Theory]
    [InlineData("input")]
    [InlineData("used")]
    [InlineData("unused")]
    public void OneModuleThatDoesNotRunIsNamedBesideThoseThatDo(string place)
    {
        using var scope = NewDisposeScope();
        using var model = new Partial();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var mixup = new ManifoldMixup(model);
        using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), Some.Place(place)));
        Assert.Contains(
            "1 of 2 eligible modules did not run by call(): 'unused' (Counted). " +
            "These modules ran by call(): 'used' (Counted), 'last' (Linear).",
            Assert.Throws<InvalidOperationException>(() => model.call(step.Input)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutThatModuleTheModelIsMixed()
    {
        using var scope = NewDisposeScope();
        using var model = new Partial();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        foreach (var places in new[] { ManifoldPlaces.Named("used"), ManifoldPlaces.Found.WithWeights(("unused", 0)) })
        {
            using var step = new ManifoldMixup(model, places: places).Begin(x, y, new MixupDraw(Some.Mix(), Some.Place("used")));
            Some.AssertClose(model.Last.forward(Some.Mix().Blend(model.Used.forward(x))), model.call(step.Input), 1e-6, 1e-6);
        }
    }

    [Fact]
    public void OnlyTheFirstPassMustRunThemAllAndNothingStaysHooked()
    {
        using var scope = NewDisposeScope();
        using var model = new Partial { UsesAll = true };
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var mixup = new ManifoldMixup(model);
        var draw = new MixupDraw(Some.Mix(), Some.Place("used"));
        using (var step = mixup.Begin(x, y, draw))
        {
            using (step.Suspend())
            {
                model.UsesAll = false;
                model.call(x); // is not checked
                model.UsesAll = true;
            }

            model.call(step.Input);
            model.UsesAll = false;
            model.call(step.Input); // a later pass must run the module that was drawn
        }

        using (var step = mixup.Begin(x, y, draw))
        {
            model.call(step.Input);
        }

        Assert.Equal(0, model.Used.Hooks + model.Unused.Hooks);
    }

    [Fact]
    public void AStepThatEndsBeforeAPassLeavesNoHook()
    {
        using var scope = NewDisposeScope();
        using var model = new Partial();
        using (new ManifoldMixup(model).Begin(Some.Normal(1, B, 6), Some.Classes(2, 4, B)))
        {
            Assert.True(model.Unused.Hooks > 0);
        }

        Assert.Equal(0, model.Used.Hooks + model.Unused.Hooks);
    }

    [Fact]
    public void ALongListIsCut()
    {
        using var scope = NewDisposeScope();
        var layers = Enumerable.Range(0, 12).Select(i => ($"fc{i}", (Module<Tensor, Tensor>)Tanh())).ToArray();
        using var model = new Forwards(layers);
        using var step = new ManifoldMixup(model).Begin(Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        Assert.Contains(
            "12 of 12 eligible modules did not run by call(): 'fc0' (Tanh), 'fc1' (Tanh), 'fc2' (Tanh), 'fc3' (Tanh), " +
            "'fc4' (Tanh), 'fc5' (Tanh), 'fc6' (Tanh), 'fc7' (Tanh), 'fc8' (Tanh), 'fc9' (Tanh) and 2 more.",
            Assert.Throws<InvalidOperationException>(() => model.call(step.Input)).Message,
            StringComparison.Ordinal);
    }

    private static Tensor Images() => Some.Normal(1, B, 1, 6, 6);

    private static Tensor Labels() => Some.Classes(2, 4, B);

    /// <summary>The model of TorchSharp's MNIST example, smaller.</summary>
    private sealed class Digits : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> conv1 = Conv2d(1, 2, 3);
        private readonly Module<Tensor, Tensor> fc1 = Linear(8, 6);
        private readonly Module<Tensor, Tensor> fc2 = Linear(6, 4);
        private readonly Module<Tensor, Tensor> pool1 = MaxPool2d(2);
        private readonly Module<Tensor, Tensor> relu1 = ReLU();
        private readonly Module<Tensor, Tensor> relu3 = ReLU();
        private readonly Module<Tensor, Tensor> dropout1 = Dropout(0.25);
        private readonly Module<Tensor, Tensor> flatten = Flatten();
        private readonly Module<Tensor, Tensor> logsm = LogSoftmax(1);
        private readonly bool byCall;

        public Digits(bool byCall)
            : base(nameof(Digits))
        {
            this.byCall = byCall;
            RegisterComponents();
            this.to(Some.Device);
        }

        public override Tensor forward(Tensor input)
        {
            Module<Tensor, Tensor>[] layers = [conv1, relu1, pool1, dropout1, flatten, fc1, relu3, fc2, logsm];
            return layers.Aggregate(input, (x, layer) => byCall ? layer.call(x) : layer.forward(x));
        }
    }

    private sealed class Counted() : Module<Tensor, Tensor>(nameof(Counted))
    {
        public int Hooks => pre_hooks.Count + post_hooks.Count + module_pre_hooks.Count + module_post_hooks.Count;

        public override Tensor forward(Tensor input) => input.tanh();
    }

    private sealed class Partial : Module<Tensor, Tensor>
    {
        public Partial()
            : base(nameof(Partial))
        {
            register_module("used", Used);
            register_module("unused", Unused);
            register_module("last", Last);
            this.to(Some.Device);
        }

        public bool UsesAll { get; set; }

        public Counted Used { get; } = new();

        public Counted Unused { get; } = new();

        public Linear Last { get; } = Linear(6, 4);

        public override Tensor forward(Tensor input)
        {
            var hidden = Used.call(input);
            return Last.call(UsesAll ? Unused.call(hidden) : hidden);
        }
    }

    private sealed class Forwards : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor>[] layers;

        public Forwards((string Name, Module<Tensor, Tensor> Module)[] layers)
            : base(nameof(Forwards))
        {
            this.layers = [.. layers.Select(layer => layer.Module)];
            foreach (var (name, module) in layers)
            {
                register_module(name, module);
            }
        }

        public override Tensor forward(Tensor input) => layers.Aggregate(input, (x, layer) => layer.forward(x));
    }
}
