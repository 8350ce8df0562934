using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Which modules of which architecture may be mixed.</summary>
public sealed class PlaceTests
{
    private static readonly Dictionary<string, (Func<nn.Module> Model, string[] Expected)> Architectures = new()
    {
        ["multilayer perceptron"] = (() =>
                Sequential(
                    ("fc1", Linear(6, 8)),
                    ("act", Tanh()),
                    ("norm", BatchNorm1d(8)),
                    ("drop", Dropout()),
                    ("fc2", Linear(8, 3))), ["fc1", "act"]),
        ["VGG-like"] = (
            () =>
                Sequential(
                    (
                        "features",
                        Sequential(("conv1", Conv2d(1, 2, 3)), ("norm1", BatchNorm2d(2)), ("relu1", ReLU()), ("pool1", MaxPool2d(2)))),
                    ("flatten", Flatten()),
                    ("head", Sequential(("fc", Linear(8, 4)), ("out", Linear(4, 3))))),
            ["features.conv1", "features.relu1", "features.pool1", "head.fc"]),
        ["pre-activation ResNet"] = (() => new PreActResNet(), ["layer1.0", "layer1.1"]),
        ["U-Net"] = (() => new TinyUNet(), ["up1", "up2"]),
        ["transformer encoder"] = (() => new Encoder(), ["embedding", "block0", "block1"]),
        ["embedding and GRU"] = (() => new GruClassifier(), ["embedding"]),
        ["marked"] = (() => Sequential(("fc1", Linear(6, 8)), ("here", new MixupPoint(Tanh())), ("fc2", Linear(8, 3))), ["here"]),
        ["nested blocks"] = (() => Sequential(("a", new OuterBlock()), ("fc", Linear(2, 2))), ["a"]),
    };

    public static TheoryData<string> Names => [.. Architectures.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void TheEligibleModulesAreFoundAsUsersExpect(string name)
    {
        var (make, expected) = Architectures[name];
        using var model = make();
        var places = name == "transformer encoder"
            ? ManifoldPlaces.Where((path, _) => expected.Contains(path))
            : ManifoldPlaces.Found.WithoutInput();
        var strategy = new ManifoldMixup(model, new MixupOptions(), places);
        Assert.Equal(expected, Some.Names(strategy.Places));
        foreach (var (path, module) in model.named_modules().Where(pair => pair.module != model))
        {
            Assert.Contains($"{(expected.Contains(path) ? "  mixed      " : "  not mixed  ")}{path} " +
                "(", strategy.Explain(), StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void ATransformersBlocksAreFoundUnasked()
    {
        using var model = new Encoder();
        Assert.Equal(["input", "block0", "block1"], Some.Names(new ManifoldMixup(model).Places));
    }

    [Fact]
    public void ModulesNamesAndPredicatesCanBeGiven()
    {
        using var model = Small.Mlp();
        IEnumerable<string> With(ManifoldPlaces places) => Some.Names(new ManifoldMixup(model, new MixupOptions(), places).Places);
        Assert.Equal(["input", "0", "2", "4"], With(ManifoldPlaces.Where((_, module) => module is Linear).WithInput()));
        Assert.Equal(["0", "2"], With(ManifoldPlaces.Named("0", "2"))); // what was named, and nothing else
        Assert.Equal(["0", "2"], With(ManifoldPlaces.Named("0", "2").WithInput().WithoutInput()));
        Assert.Equal(
            ["input", "1"], With(ManifoldPlaces.Modules(model.named_modules().Single(pair => pair.name == "1").module).WithInput()));
        Assert.Equal(["0", "1", "2", "3", "4"], With(ManifoldPlaces.Named("?")));
        Assert.Equal(["3"], With(ManifoldPlaces.Named("*3")));
    }

    [Fact]
    public void AChoiceThatCannotBeMixedIsRefusedAtConstruction()
    {
        using var model = Small.Mlp();
        string Error(ManifoldPlaces places, nn.Module? of = null) =>
            Assert.Throws<ArgumentException>(() => new ManifoldMixup(of ?? model, new MixupOptions(), places)).Message;
        using var stranger = Linear(2, 2);
        Assert.Contains(
            "is not in the model; its modules are '0', '1'",
            Error(ManifoldPlaces.Modules(stranger).WithInput()),
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains("use OutputMixup", Error(ManifoldPlaces.Modules(model).WithInput()), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("no module is called 'x*'", Error(ManifoldPlaces.Named("x*").WithInput()), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Seen: '0' Linear", Error(ManifoldPlaces.Where((_, _) => false)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "no eligible module is called 'nowhere'",
            Error(ManifoldPlaces.Found.WithWeights(("nowhere", 1))),
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains("weight of '0' is -1", Assert.Throws<ArgumentException>(() => ManifoldPlaces.Found.WithWeights(("0", -1))).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "every place has weight 0", Error(ManifoldPlaces.Named("*").WithWeights(("*", 0))), StringComparison.OrdinalIgnoreCase);
        using var nothing = Sequential(Flatten(), BatchNorm1d(4), Linear(4, 2));
        Assert.Contains("'0' only changes the shape; '1' is a normalisation; '2' is the last linear " +
            "layer", Error(ManifoldPlaces.Found, nothing), StringComparison.OrdinalIgnoreCase);
        using var list = new WithList();
        Assert.Contains("gives no tensor", Error(ManifoldPlaces.Named("list").WithInput(), list), StringComparison.OrdinalIgnoreCase);
        Assert.Throws<ArgumentNullException>(() => new ManifoldMixup(null!));
    }

    [Fact]
    public void AScriptedModuleIsRefusedByName()
    {
        var model = new WithScript(Scripted.Load(typed: false)); // TorchSharp fails to dispose a module that holds a scripted one
        var error = Assert.Throws<ArgumentException>(
            () => new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("scripted").WithInput())).Message;
        Assert.Contains("'scripted' (ScriptModule) cannot be mixed: it is a scripted module without typed " +
            "hooks", error, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(["input", "fc"], Some.Names(new ManifoldMixup(model).Places));
    }

    [Fact]
    public void AScriptedModuleWithTypedHooksIsMixed()
    {
        using var scope = NewDisposeScope();
        var model = new WithScript(Scripted.Load(typed: true)); // TorchSharp fails to dispose a module that holds a scripted one
        var places = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named("scripted"));
        var x = Some.Normal(1, 5, 2).cpu();
        using var step = places.Begin(x, Some.Classes(1, 2, 5).cpu(), new MixupDraw(Some.Mix(), Some.Place("scripted")));
        Some.AssertClose(Some.Mix().Blend(x), model.RunScripted(x), 1e-6, 1e-6);
    }

    [Fact]
    public void APlaceInsideAResidualBranchIsWarnedAbout()
    {
        using var model = new PreActResNet();
        List<string> log = [];
        _ = new ManifoldMixup(model, new MixupOptions { Warn = log.Add }, ManifoldPlaces.Named("layer1.0.conv1", "layer1.1"));
        Assert.Contains("'layer1.0.conv1' (Conv2d) lies inside 'layer1.0'", Assert.Single(log), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void PlacesAreDrawnByTheirWeights()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = (Some.Normal(1, 4, 6), Some.Classes(1, 4, 4));
        Dictionary<string, int> Count(double input, params (string, double)[] weights)
        {
            var strategy = new ManifoldMixup(
                model, new MixupOptions { Seed = 3 }, ManifoldPlaces.Named("0", "1", "3").WithInput(input).WithWeights(weights));
            var counts = Some.Names(strategy.Places).ToDictionary(place => place, _ => 0);
            for (var i = 0; i < 4_000; i++)
            {
                using var step = strategy.Begin(x, y);
                counts[Some.Names([step.Draw.Place]).Single()]++;
            }

            return counts;
        }

        Assert.All(Count(1).Values, count => Assert.InRange(count, 900, 1_100));
        var weighted = Count(0, ("3", 6), ("*", 1), ("3", 0)); // the first pattern that matches counts
        Assert.Equal(0, weighted["input"]);
        Assert.InRange(weighted["3"], 2_900, 3_100);
        Assert.Equal(4_000, Count(0, ("0", 0), ("1", 0))["3"]);
    }

    private sealed class PreActBlock : Module<Tensor, Tensor>
    {
        private readonly BatchNorm2d norm1 = BatchNorm2d(2);
        private readonly Conv2d conv1 = Conv2d(2, 2, 3, padding: 1);

        public PreActBlock()
            : base("PreActResBlock") => RegisterComponents();

        public override Tensor forward(Tensor input) => input + conv1.call(functional.relu(norm1.call(input)));
    }

    private sealed class PreActResBlock : Module<Tensor, Tensor>
    {
        private readonly Conv2d conv1 = Conv2d(2, 2, 3, padding: 1);

        public PreActResBlock()
            : base(nameof(PreActResBlock)) => RegisterComponents();

        public override Tensor forward(Tensor input) => input + conv1.call(functional.relu(input));
    }

    private sealed class PreActResNet : Module<Tensor, Tensor>
    {
        private readonly Conv2d stem = Conv2d(1, 2, 3);
        private readonly Sequential layer1 = Sequential(new PreActResBlock(), new PreActBlock());
        private readonly Linear head = Linear(2, 3);

        public PreActResNet()
            : base(nameof(PreActResNet)) => RegisterComponents();

        public override Tensor forward(Tensor input) => head.call(layer1.call(stem.call(input)).mean([2, 3]));
    }

    private sealed class UpBlock : Module<Tensor, Tensor>
    {
        private readonly Conv2d conv = Conv2d(2, 2, 1);

        public UpBlock()
            : base(nameof(UpBlock)) => RegisterComponents();

        public override Tensor forward(Tensor input) => conv.call(input);
    }

    private sealed class DownBlock : Module<Tensor, Tensor>
    {
        private readonly Conv2d conv = Conv2d(2, 2, 1);

        public DownBlock()
            : base(nameof(DownBlock)) => RegisterComponents();

        public override Tensor forward(Tensor input) => conv.call(input);
    }

    private sealed class TinyUNet : Module<Tensor, Tensor>
    {
        private readonly DownBlock down1 = new();
        private readonly Upsample upsample = Upsample(scale_factor: [2, 2]);
        private readonly UpBlock up1 = new();
        private readonly UpBlock up2 = new();

        public TinyUNet()
            : base(nameof(TinyUNet)) => RegisterComponents();

        public override Tensor forward(Tensor input) => up2.call(up1.call(upsample.call(down1.call(input))));
    }

    private sealed class EncoderBlock : Module<Tensor, Tensor, Tensor>
    {
        private readonly Linear fc = Linear(8, 8);

        public EncoderBlock()
            : base(nameof(EncoderBlock)) => RegisterComponents();

        public override Tensor forward(Tensor input, Tensor mask) => input + (fc.call(input) * mask);
    }

    private sealed class Encoder : Module<Tensor, Tensor>
    {
        private readonly Embedding embedding = Embedding(9, 8);
        private readonly EncoderBlock block0 = new();
        private readonly EncoderBlock block1 = new();
        private readonly Linear head = Linear(8, 3);

        public Encoder()
            : base(nameof(Encoder)) => RegisterComponents();

        public override Tensor forward(Tensor ids) => head.call(block1.call(block0.call(embedding.call(ids), ones(1)), ones(1)).mean([1]));
    }

    private sealed class GruClassifier : Module<Tensor, Tensor>
    {
        private readonly Embedding embedding = Embedding(9, 8);
        private readonly Dropout dropout = Dropout();
        private readonly GRU gru = GRU(8, 8, batchFirst: true);
        private readonly Linear head = Linear(8, 3);

        public GruClassifier()
            : base(nameof(GruClassifier)) => RegisterComponents();

        public override Tensor forward(Tensor ids) => head.call(gru.call(dropout.call(embedding.call(ids)), null).Item1.mean([1]));
    }

    private sealed class OuterBlock : Module<Tensor, Tensor>
    {
        private readonly UpBlock inner = new();

        public OuterBlock()
            : base(nameof(OuterBlock)) => RegisterComponents();

        public override Tensor forward(Tensor input) => inner.call(input);
    }

    private sealed class WithList : Module<Tensor, Tensor>
    {
        private readonly ModuleList<Module<Tensor, Tensor>> list = ModuleList<Module<Tensor, Tensor>>(Linear(2, 2), Tanh());

        public WithList()
            : base(nameof(WithList)) => RegisterComponents();

        public override Tensor forward(Tensor input) => list.Aggregate(input, (x, layer) => layer.call(x));
    }

    private sealed class WithScript : Module<Tensor, Tensor>
    {
        private readonly Linear fc = Linear(2, 2);
        private readonly Linear head = Linear(2, 2);

        private readonly nn.Module scripted;

        public WithScript(nn.Module scripted)
            : base(nameof(WithScript))
        {
            this.scripted = scripted;
            RegisterComponents();
        }

        public Tensor RunScripted(Tensor input) => ((jit.ScriptModule<Tensor, Tensor>)scripted).call(input);

        public override Tensor forward(Tensor input) => head.call(fc.call(input));
    }
}
