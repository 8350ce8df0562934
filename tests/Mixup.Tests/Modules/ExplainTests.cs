using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>What is said about every kind of module, word for word.</summary>
public sealed class ExplainTests
{
    [Fact]
    public void EveryModuleHasItsReason()
    {
        using var model = new Zoo();
        Assert.Equal(
            """
            manifold mixup of Zoo: all modules that can be mixed
              mixed      input (if it is floating)
              not mixed  sequential (Sequential): is a container
              mixed      sequential.conv (Conv2d)
              not mixed  list (ModuleList`1): is a container
              mixed      list.0 (Linear)
              not mixed  dict (ModuleDict`1): is a container
              mixed      dict.relu (ReLU)
              not mixed  dropout (Dropout2d): is dropout
              not mixed  path (DropPath): is dropout
              not mixed  norm (LayerNorm): is a normalisation
              not mixed  rnn (RNN): is recurrent
              not mixed  lstm (LSTM): is recurrent
              not mixed  gru (GRU): is recurrent
              not mixed  rnncell (RNNCell): is recurrent
              not mixed  lstmcell (LSTMCell): is recurrent
              not mixed  grucell (GRUCell): is recurrent
              not mixed  flatten (Flatten): only changes the shape
              not mixed  unflatten (Unflatten): only changes the shape
              not mixed  identity (Identity): is the identity
              not mixed  silent (Silent): cannot be hooked
              not mixed  tuple (GivesTuple): gives a tuple
              not mixed  last (Linear): is the last linear layer

            """,
            new ManifoldMixup(model).Explain());
    }

    [Fact]
    public void WhatWasAskedForIsSaid()
    {
        using var model = new Zoo();
        string[] Lines(ManifoldPlaces places) => new ManifoldMixup(model, new MixupOptions(), places).Explain().Split('\n');
        var lines = Lines(ManifoldPlaces.Named("lstm", "last"));
        Assert.Equal("manifold mixup of Zoo: the names that were given", lines[0]);
        Assert.Equal("  not mixed  input: not chosen", lines[1]);
        Assert.Contains("  mixed      lstm (LSTM): the first of its outputs; the batch is dimension 1", lines);
        Assert.Contains("  mixed      last (Linear)", lines);
        Assert.Contains("  not mixed  sequential.conv (Conv2d): not chosen", lines);
        Assert.Equal("manifold mixup of Zoo: the modules that were given", Lines(ManifoldPlaces.Modules(model.Last).WithInput())[0]);
        Assert.Equal("manifold mixup of Zoo: the predicate that was given", Lines(ManifoldPlaces.Where((name, _) => name == "last"))[0]);
    }

    [Fact]
    public void TheRuleIsSaid()
    {
        string Rule(Module model) => new ManifoldMixup(model).Explain().Split('\n')[0].Split(": ")[1];
        using var marked = Sequential(("here", new MixupPoint()), ("fc", Linear(2, 2)));
        using var block = Sequential(("a", new NeckBottleneck()), ("fc", Linear(2, 2)));
        using var unet = Sequential(("inner", new SmallUNet()), ("fc", Linear(2, 2)));
        Assert.Equal("the modules marked by a MixupPoint", Rule(marked));
        Assert.Equal("the modules whose type says block or bottleneck, outermost first", Rule(block));
        Assert.Equal("the decoder blocks of the U-Net", Rule(unet));
        Assert.Equal(
            ["inner.decoder", "inner.last", "inner.up", "input"],
            Some.Names(new ManifoldMixup(unet).Places).Order(StringComparer.Ordinal)); // not upsample
    }

    [Fact]
    public void WarningsGoToTheErrorStreamAndTheChoiceNowhere()
    {
        using var model = Sequential(("block", new NeckBottleneck()), ("fc", Linear(2, 2)));
        using var errors = new StringWriter();
        using var output = new StringWriter();
        var (before, outputBefore) = (Console.Error, Console.Out);
        try
        {
            Console.SetError(errors);
            Console.SetOut(output);
            _ = new ManifoldMixup(model);
            Assert.Empty(errors.ToString());
            _ = new ManifoldMixup(model, places: ManifoldPlaces.Named("block.conv"));
        }
        finally
        {
            Console.SetError(before);
            Console.SetOut(outputBefore);
        }

        Assert.Equal("mixup: warning: module 'block.conv' (Conv2d) lies inside 'block', which looks residual: mixing one branch alone " +
            "spoils the sum. Prefer the whole block." + Environment.NewLine, errors.ToString());
        Assert.Empty(output.ToString());
        Assert.Throws<ArgumentNullException>(() => new MixupOptions { Warn = null! });
    }

    [Fact]
    public void AModelWithoutAPlaceIsToldWhatWasSeen()
    {
        using var model = Sequential(("drop", Dropout()), ("out", Linear(2, 2)));
        Assert.Equal(
            "No module of Sequential can be mixed by any rule. Seen: 'drop' is dropout; 'out' is the last linear layer. " +
            "Name some by ManifoldPlaces.Named, or put a MixupPoint into the model. (Parameter 'model')",
            Assert.Throws<ArgumentException>(() => new ManifoldMixup(model)).Message);
    }

    [Theory]
    [InlineData("res.conv", "res")]
    [InlineData("basic.conv", "basic")]
    [InlineData("neck.conv", "neck")]
    [InlineData("encoder.conv", "encoder")]
    [InlineData("decoder.conv", "decoder")]
    public void ABranchOfWhatLooksResidualIsWarnedAbout(string name, string block)
    {
        using var model = Sequential(
            ("res", new ResUnit()),
            ("basic", new MyBasicBlock()),
            ("neck", new NeckBottleneck()),
            ("encoder", new TransformerEncoderLayer()),
            ("decoder", new TransformerDecoderLayer()),
            ("fc", Linear(2, 2)));
        List<string> log = [];
        _ = new ManifoldMixup(model, new MixupOptions { Warn = log.Add }, ManifoldPlaces.Named(name, "fc"));
        Assert.Equal($"module '{name}' (Conv2d) lies inside '{block}', which looks residual: mixing one branch alone spoils the sum. " +
            "Prefer the whole block.", Assert.Single(log));
    }

    [Fact]
    public void AMixupPointIsItsModule()
    {
        using var scope = NewDisposeScope();
        using var linear = Linear(3, 2);
        using var point = new MixupPoint(linear);
        var x = Some.Normal(1, 4, 3).cpu();
        Some.AssertEqual(linear.call(x), point.call(x));
        Assert.Equal(["bias", "weight"], point.named_parameters().Select(pair => pair.name).Order(StringComparer.Ordinal));
        using var alone = new MixupPoint();
        Assert.Empty(alone.parameters());
        Some.AssertEqual(x, alone.call(x));
    }

    [Fact]
    public void TheHookComesOffWithItsStep()
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("a", Linear(3, 4)), ("b", Linear(4, 2))).to(Some.Device);
        List<string> log = [];
        var mixup = new ManifoldMixup(model, new MixupOptions { Warn = log.Add }, ManifoldPlaces.Named("a"));
        for (var i = 0; i < 3; i++)
        {
            // A hook that is left would run a second time in the next step, which is warned about.
            using var step = mixup.Begin(Some.Normal(1, 5, 3), Some.Classes(1, 2, 5), new MixupDraw(Some.Mix(), Some.Place("a")));
            model.call(step.Input);
        }

        Assert.Empty(log);
    }

    private sealed class Zoo : Module<Tensor, Tensor>
    {
        public Zoo()
            : base(nameof(Zoo))
        {
            register_module("sequential", Sequential(("conv", Conv2d(1, 1, 3))));
            register_module("list", ModuleList<Module>(Linear(2, 2)));
            register_module("dict", ModuleDict<Module>(("relu", ReLU())));
            register_module("dropout", Dropout2d());
            register_module("path", new DropPath());
            register_module("norm", LayerNorm(2));
            register_module("rnn", RNN(2, 2));
            register_module("lstm", LSTM(2, 2));
            register_module("gru", GRU(2, 2));
            register_module("rnncell", RNNCell(2, 2));
            register_module("lstmcell", LSTMCell(2, 2));
            register_module("grucell", GRUCell(2, 2));
            register_module("flatten", Flatten());
            register_module("unflatten", Unflatten(1, [1, 2]));
            register_module("identity", Identity());
            register_module("silent", new Silent());
            register_module("tuple", new GivesTuple());
            register_module("last", Last);
        }

        public Linear Last { get; } = Linear(2, 2);

        public override Tensor forward(Tensor input) => input;
    }

    private sealed class Silent() : Module(nameof(Silent));

    private sealed class DropPath() : Pass(nameof(DropPath), bare: true);

    private sealed class ResUnit() : Pass(nameof(ResUnit));

    private sealed class MyBasicBlock() : Pass(nameof(MyBasicBlock));

    private sealed class TransformerEncoderLayer() : Pass(nameof(TransformerEncoderLayer));

    private sealed class TransformerDecoderLayer() : Pass(nameof(TransformerDecoderLayer));

    private sealed class NeckBottleneck() : Pass(nameof(NeckBottleneck));

    private sealed class SmallUNet : Module<Tensor, Tensor>
    {
        public SmallUNet()
            : base(nameof(SmallUNet))
        {
            register_module("down", Conv2d(1, 1, 3));
            register_module("up", new UpStep());
            register_module("upsample", Upsample(scale_factor: [2.0]));
            register_module("nearest", new UpsamplingNearest2d());
            register_module("bilinear", new UpsamplingBilinear2d());
            register_module("decoder", new MyDecoder());
            register_module("last", new LastUNetBlock());
        }

        public override Tensor forward(Tensor input) => input;
    }

    private sealed class UpsamplingNearest2d() : Pass(nameof(UpsamplingNearest2d), bare: true);

    private sealed class UpsamplingBilinear2d() : Pass(nameof(UpsamplingBilinear2d), bare: true);

    private sealed class UpStep() : Pass(nameof(UpStep), bare: true);

    private sealed class MyDecoder() : Pass(nameof(MyDecoder), bare: true);

    private sealed class LastUNetBlock() : Pass(nameof(LastUNetBlock), bare: true);

    private class Pass : Module<Tensor, Tensor>
    {
        protected Pass(string name, bool bare = false)
            : base(name)
        {
            if (!bare)
            {
                register_module("conv", Conv2d(1, 1, 3));
            }
        }

        public override Tensor forward(Tensor input) => input;
    }

    private sealed class GivesTuple() : Module<Tensor, (Tensor, Tensor)>(nameof(GivesTuple))
    {
        public override (Tensor, Tensor) forward(Tensor input) => (input, input);
    }
}
