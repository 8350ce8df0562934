using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// Which places are not chosen unasked, since they would be wrong: heads beside others, decoders beside skipped connections; and names that
/// look like places.
/// </summary>
public sealed class DefaultPlaceTests
{
    [Theory]
    [InlineData("tuple")]
    [InlineData("array")]
    public void AHeadOfSeveralIsNotChosenUnasked(string kind)
    {
        using var model = Heads(kind);
        var mixup = new ManifoldMixup(model);
        Assert.Equal(["input", "trunk", "deep.0"], Some.Names(mixup.Places)); // deep.1 is the last linear layer
        Assert.Contains("  not mixed  first (Linear): is a head, since the model returns several " +
            "results", mixup.Explain(), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(["first"], Some.Names(new ManifoldMixup(model, places: ManifoldPlaces.Named("first")).Places));
    }

    [Fact]
    public void BothHeadsOfAModelAreMixedAlike()
    {
        using var scope = NewDisposeScope();
        using var model = new TupleHeads();
        var (x, y, z) = (Some.Normal(1, 5, 6), Some.Classes(2, 4, 5), Some.Normal(3, 5, 2));
        var mixup = new ManifoldMixup(model);
        foreach (var place in mixup.Places.Where(place => place.ModuleName != "deep.0"))
        {
            using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), place));
            var (first, second) = model.call(step.Input);
            var hidden = place == MixupPlace.Input ? model.Trunk.forward(Some.Mix().Blend(x)) : Some.Mix().Blend(model.Trunk.forward(x));
            Some.AssertClose(model.First.forward(hidden), first, 1e-5, 1e-6);
            Some.AssertClose(model.Deep.forward(hidden), second, 1e-5, 1e-6);
            Assert.True(new MixupLoss(CrossEntropyLoss()).call(first, step.Target).isfinite().cpu().ToBoolean());
            Assert.True(new MixupLoss(MSELoss()).call(second, step.TargetFor(z)).isfinite().cpu().ToBoolean());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AMixedLossOfAResultThatIsNotMixedIsAnError(bool frozen)
    {
        using var scope = NewDisposeScope();
        using var model = new DeepHeads();
        if (frozen)
        {
            // Of the trunk and the first head nothing requires a gradient: what comes from them is found all the same.
            foreach (
                var (_, parameter) in model.named_parameters().Where(pair => !pair.name.StartsWith("heads.1", StringComparison.Ordinal)))
            {
                parameter.requires_grad_(false);
            }
        }

        var (x, y, z) = (Some.Normal(1, 5, 6), Some.Classes(2, 4, 5), Some.Normal(3, 5, 2));
        List<string> warnings = [];
        var mixup = new ManifoldMixup(model, new MixupOptions { Warn = warnings.Add });
        Assert.Contains(MixupPlace.Module("heads.0"), mixup.Places);
        var (ids, values) = (new MixupLoss(CrossEntropyLoss()), new MixupLoss(MSELoss()));
        foreach (var place in new[] { "trunk", "trunk", "heads.0", "heads.0" })
        {
            using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Module(place)));
            var before = model.parameters().Select(parameter => parameter.grad is null).ToArray();
            var (first, second, _) = model.call(step.Input);
            Assert.Equal(before, model.parameters().Select(parameter => parameter.grad is null)); // asking changes no gradient
            Assert.True(ids.call(first, step.Target).isfinite().cpu().ToBoolean());
            if (place == "trunk")
            {
                values.call(second, step.TargetFor(z)).backward();
                model.zero_grad();
            }
            else
            {
                Assert.Contains("does not come from module 'heads.0'",
                    Assert.Throws<InvalidOperationException>(() => values.call(second, step.TargetFor(z))).Message,
                    StringComparison.OrdinalIgnoreCase);
                values.call(second, z).backward(); // against the plain target
            }
        }

        Assert.Contains(
            "result 1 of DeepHeads does not come from module 'heads.0' (Linear)",
            Assert.Single(warnings),
            StringComparison.OrdinalIgnoreCase); // a penalty is no prediction
    }

    [Fact]
    public void ResultsThatAreMissingAreNoError()
    {
        using var scope = NewDisposeScope();
        using var model = new WithNull();
        var (x, y) = (Some.Normal(1, 5, 6), Some.Classes(2, 4, 5));
        var mixup = new ManifoldMixup(model, places: ManifoldPlaces.Named("body"));
        for (var i = 0; i < 2; i++)
        {
            using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Module("body")));
            Some.AssertEqual(Some.Mix().Blend(model.Body.forward(x)), model.call(step.Input)[0]!);
        }
    }

    [Fact]
    public void WithTwoOutputsAUNetIsMixedAtTheInputAlone()
    {
        using var scope = NewDisposeScope();
        using var model = new TinyUNet();
        Assert.Equal(["input", "up"], Some.Names(new ManifoldMixup(model).Places));
        var two = new MixupOptions { Outputs = MixupOutputs.Both, Seed = 1 };
        var mixup = new ManifoldMixup(model, two);
        Assert.Equal([MixupPlace.Input], mixup.Places);
        Assert.Contains("do not fit the skipped connections of a U-Net", mixup.Explain(), StringComparison.OrdinalIgnoreCase);
        using (var step = mixup.Begin(Some.Normal(1, 4, 6), Some.Classes(1, 6, 4)))
        {
            Assert.Equal(8, model.call(step.Input).shape[0]);
        }

        Assert.Contains("a MixupPoint or names decide otherwise", Assert.Throws<ArgumentException>(
                () => new ManifoldMixup(model, two, ManifoldPlaces.Found.WithoutInput())).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(["up"], Some.Names(new ManifoldMixup(model, two, ManifoldPlaces.Named("up")).Places));
    }

    [Fact]
    public void AModuleMayBeCalledAsAPlaceIs()
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("input", Linear(6, 8)), ("output", Linear(8, 4))).to(Some.Device);
        var (x, y) = (Some.Normal(1, 5, 6), Some.Classes(2, 4, 5));
        var mixup = new ManifoldMixup(model, places: ManifoldPlaces.Named("input", "output").WithInput());
        Assert.Equal([MixupPlace.Input, MixupPlace.Module("input"), MixupPlace.Module("output")], mixup.Places);
        Assert.NotEqual(MixupPlace.Input, MixupPlace.Module("input"));
        Assert.Equal(
            ["input", "module 'input'", "output", "module 'output'"],
            new[] { MixupPlace.Input, MixupPlace.Module("input"), MixupPlace.Output,
                MixupPlace.Module("output") }.Select(place => place.ToString()));
        using (var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Module("input"))))
        {
            Some.AssertEqual(x, step.Input);
            var hidden = ((Linear)model.named_children().First().module).forward(x);
            Some.AssertEqual(((Linear)model.named_children().Last().module).forward(Some.Mix().Blend(hidden)), model.call(step.Input));
        }

        Assert.Contains("the place output, but", Assert.Throws<ArgumentException>(
                () => mixup.Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Output))).Message, StringComparison.OrdinalIgnoreCase);
        var only = new ManifoldMixup(model, new MixupOptions { Seed = 2 }, ManifoldPlaces.Named("output"));
        for (var i = 0; i < 20; i++)
        {
            using var step = only.Begin(x, y);
            Assert.Equal(MixupPlace.Module("output"), step.Draw.Place); // what is named is all there is
        }
    }

    private static Module Heads(string kind) => kind == "tuple" ? new TupleHeads() : new ArrayHeads();

    private sealed class TupleHeads : Module<Tensor, (Tensor, Tensor)>
    {
        public TupleHeads()
            : base(nameof(TupleHeads))
        {
            register_module("trunk", Trunk);
            register_module("first", First);
            register_module("deep", Deep);
            this.to(Some.Device);
        }

        public Tanh Trunk { get; } = Tanh();

        public Linear First { get; } = Linear(6, 4);

        public Sequential Deep { get; } = Sequential(Linear(6, 3), Linear(3, 2));

        public override (Tensor, Tensor) forward(Tensor input)
        {
            var hidden = Trunk.call(input);
            return (First.call(hidden), Deep.call(hidden));
        }
    }

    private sealed class ArrayHeads : Module<Tensor, Tensor[]>
    {
        private readonly Tanh trunk = Tanh();
        private readonly Linear first = Linear(6, 4);
        private readonly Sequential deep = Sequential(Linear(6, 3), Linear(3, 2));

        public ArrayHeads()
            : base(nameof(ArrayHeads))
        {
            RegisterComponents();
            this.to(Some.Device);
        }

        public override Tensor[] forward(Tensor input)
        {
            var hidden = trunk.call(input);
            return [first.call(hidden), deep.call(hidden)];
        }
    }

    private sealed class WithNull : Module<Tensor, Tensor?[]>
    {
        public WithNull()
            : base(nameof(WithNull))
        {
            register_module("body", Body);
            this.to(Some.Device);
        }

        public Linear Body { get; } = Linear(6, 4);

        public override Tensor?[] forward(Tensor input) => [Body.call(input), null];
    }

    private sealed class DeepHeads : Module<Tensor, (Tensor, Tensor, Tensor)>
    {
        private readonly Sequential trunk = Sequential(Linear(6, 6), Tanh());
        private readonly ModuleList<Module<Tensor, Tensor>> heads = ModuleList<Module<Tensor, Tensor>>(Linear(6, 4), Linear(6, 2));

        public DeepHeads()
            : base(nameof(DeepHeads))
        {
            register_module("trunk", new Trunk(trunk));
            RegisterComponents();
            this.to(Some.Device);
        }

        public override (Tensor, Tensor, Tensor) forward(Tensor input)
        {
            var hidden = ((Module<Tensor, Tensor>)named_children().First(child => child.name == "trunk").module).call(input);
            return (
                heads[0].call(hidden),
                heads[1].call(hidden),
                parameters().Select(parameter => parameter.square().sum()).Aggregate((a, b) => a + b));
        }
    }

    private sealed class Trunk : Module<Tensor, Tensor>
    {
        private readonly Sequential inner;

        public Trunk(Sequential inner)
            : base(nameof(Trunk))
        {
            this.inner = inner;
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => inner.call(input);
    }

    private sealed class UpBlock() : Module<Tensor, Tensor>(nameof(UpBlock))
    {
        public override Tensor forward(Tensor input) => input * 2;
    }

    private sealed class TinyUNet : Module<Tensor, Tensor>
    {
        private readonly Linear down = Linear(6, 6);
        private readonly UpBlock up = new();

        public TinyUNet()
            : base(nameof(TinyUNet))
        {
            RegisterComponents();
            this.to(Some.Device);
        }

        public override Tensor forward(Tensor input) => cat([up.call(down.call(input)), input], 1);
    }
}
