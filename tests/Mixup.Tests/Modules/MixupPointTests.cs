using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>A model with points has the names of one without, and is moved, trained, saved and disposed as one.</summary>
public sealed class MixupPointTests
{
    [Fact]
    public void NamesAreThoseWithoutThePoint()
    {
        using var scope = NewDisposeScope();
        using var plain = new Network(false);
        using var marked = new Network(true);
        static IEnumerable<string> Names(IEnumerable<string> names) => names.Order(StringComparer.Ordinal);
        Assert.Equal(plain.state_dict().Keys, marked.state_dict().Keys);
        Assert.Contains("block.norm.running_var", marked.state_dict().Keys);
        Assert.Equal(
            Names(plain.named_parameters().Select(pair => pair.name)), Names(marked.named_parameters().Select(pair => pair.name)));
        Assert.Equal(Names(plain.named_buffers().Select(pair => pair.name)), Names(marked.named_buffers().Select(pair => pair.name)));
        Assert.Equal(plain.parameters().Count(), marked.parameters().Count());
        Assert.Equal(plain.buffers().Count(), marked.buffers().Count());
        Assert.NotNull(marked.get_parameter("block.fc.weight"));
        Assert.NotNull(marked.get_buffer("block.norm.running_mean"));
        Assert.True(marked.has_parameter("head.bias") && marked.has_buffer("block.norm.running_mean"));
        Assert.False(marked.has_parameter("head.inner.bias") || marked.has_buffer("block.inner.norm.running_mean"));
        Assert.Null(marked.get_parameter("head.nothing"));
        Assert.Contains("block.inner.fc", marked.named_modules().Select(pair => pair.name)); // so that each module is listed
    }

    [Fact]
    public void WeightsAreLoadedWithAndWithoutThePoint()
    {
        using var scope = NewDisposeScope();
        using var plain = new Network(false);
        using var marked = new Network(true);
        var x = Some.Normal(1, 5, 6).cpu();
        plain.call(x); // moves the running statistics
        foreach (var (from, to) in new (Module<Tensor, Tensor>, Module<Tensor, Tensor>)[] { (plain, marked), (marked, new Network(false)) })
        {
            using var stream = new MemoryStream();
            using (var writer = new BinaryWriter(stream, System.Text.Encoding.UTF8, leaveOpen: true))
            {
                from.save(writer);
            }

            stream.Position = 0;
            to.load(stream);
            from.eval();
            to.eval();
            Some.AssertEqual(from.call(x), to.call(x));
        }

        using var other = new Network(true);
        var (missing, unexpected) = other.load_state_dict(plain.state_dict());
        Assert.Empty(missing);
        Assert.Empty(unexpected);
        other.eval();
        Some.AssertEqual(plain.call(x), other.call(x));
    }

    [Fact]
    public void TheModuleIsMovedTrainedAndDisposedWithThePoint()
    {
        using var scope = NewDisposeScope();
        using var marked = new Network(true);
        marked.to(ScalarType.Float64).to(Some.Device);
        var floating = marked.state_dict().Values.Where(value => value.is_floating_point());
        Assert.All(floating, value => Assert.Equal(ScalarType.Float64, value.dtype));
        var x = Some.Normal(1, ScalarType.Float64, 5, 6);
        var modules = marked.named_modules().ToDictionary(pair => pair.name, pair => pair.module);
        var norm = (BatchNorm1d)modules["block.inner.norm"];
        marked.eval();
        Assert.False(norm.training || modules["block.inner.drop"].training);
        Some.AssertEqual(marked.call(x), marked.call(x)); // no dropout
        marked.train();
        Assert.True(norm.training && modules["block.inner.drop"].training);
        var before = norm.running_mean!.clone();
        marked.call(x).sum().backward();
        Assert.False(before.equal(norm.running_mean).all().cpu().ToBoolean()); // the buffer of the state is the module's own
        Some.AssertEqual(norm.running_mean!, marked.state_dict()["block.norm.running_mean"]);
        Assert.All(marked.parameters(), parameter => Assert.NotNull(parameter.grad));
        var optimizer = optim.SGD(marked.parameters(), 0.1);
        var weight = marked.get_parameter("block.fc.weight")!;
        var old = weight.clone();
        optimizer.step();
        Assert.False(old.equal(weight).all().cpu().ToBoolean());
        marked.zero_grad();
        Assert.All(marked.parameters(), parameter => Assert.Null(parameter.grad));

        var called = 0;
        var hook = ((Sequential)modules["block.inner"]).register_forward_hook((_, _, output) =>
        {
            called++;
            return output;
        });
        marked.call(x);
        hook.remove();
        Assert.Equal(1, called);

        var parameters = marked.parameters().ToArray();
        marked.Dispose();
        Assert.All(parameters, parameter => Assert.True(parameter.IsInvalid));
    }

    [Fact]
    public void TheOutputOfTheModuleIsMixedAtThePoint()
    {
        using var scope = NewDisposeScope();
        using var marked = new Network(true);
        marked.to(Some.Device).eval();
        var (x, y) = (Some.Normal(1, 5, 6), Some.Classes(2, 4, 5));
        var mixup = new ManifoldMixup(marked);
        Assert.Equal(["input", "block", "head"], Some.Names(mixup.Places));
        using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), Some.Place("block")));
        Some.AssertClose(marked.Head.forward(Some.Mix().Blend(marked.Block.forward(x))), marked.call(step.Input), 1e-6, 1e-6);
    }

    [Fact]
    public void APointAloneHasNoState()
    {
        using var scope = NewDisposeScope();
        using var point = new MixupPoint();
        Assert.Empty(point.state_dict());
        Assert.Empty(point.named_parameters());
        Assert.Empty(point.named_buffers());
        Assert.False(point.has_parameter("weight") || point.has_buffer("weight"));
        Assert.Null(point.get_parameter("weight"));
        Assert.Null(point.get_buffer("weight"));
        var x = Some.Normal(1, 4, 3);
        Some.AssertEqual(x, point.call(x));
    }

    private sealed class Network : Module<Tensor, Tensor>
    {
        public Network(bool marked)
            : base(nameof(Network))
        {
            Module<Tensor, Tensor> Mark(Module<Tensor, Tensor> module) => marked ? new MixupPoint(module) : module;
            Block = Mark(Sequential(("fc", Linear(6, 8)), ("norm", BatchNorm1d(8)), ("drop", Dropout(0.5))));
            Head = Mark(Linear(8, 4));
            register_module("block", Block);
            register_module("head", Head);
        }

        public Module<Tensor, Tensor> Block { get; }

        public Module<Tensor, Tensor> Head { get; }

        public override Tensor forward(Tensor input) => Head.call(Block.call(input));
    }
}
