using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Which names a pattern matches, and what is said when it matches none.</summary>
public sealed class NamePatternTests
{
    public static TheoryData<string, string[]> Patterns => new()
    {
        { "stem", ["stem"] },
        { "Stem", [] },
        { "layer?", ["layer1", "layer2"] },
        { "layer*", ["layer1", "layer2"] },
        { "layer1.*", ["layer1.conv", "layer1.more"] },
        { "layer1.**", ["layer1.conv", "layer1.more", "layer1.more.conv"] },
        { "layer1**", ["layer1", "layer1.conv", "layer1.more", "layer1.more.conv"] },
        { "*.conv", ["layer1.conv", "layer2.conv"] },
        { "**.conv", ["layer1.conv", "layer1.more.conv", "layer2.conv"] },
        { "layer1.**.conv", ["layer1.conv", "layer1.more.conv"] },
        { "**.stem", ["stem"] },
        { "***", ["stem", "layer1", "layer1.conv", "layer1.more", "layer1.more.conv", "layer2", "layer2.conv", "a+b(c)[d]^$"] },
        { "*", ["stem", "layer1", "layer2", "a+b(c)[d]^$"] },
        { "?????1?conv", [] },
        { "a+b(c)[d]^$", ["a+b(c)[d]^$"] },
        { "a+b(c)[?]^*", ["a+b(c)[d]^$"] },
        { "stem|layer1", [] },
        { ".*", [] },
        { "st.m", [] },
        { @"\w+", [] },
    };

    [Theory]
    [MemberData(nameof(Patterns))]
    public void APatternMatchesTheseNames(string pattern, string[] expected)
    {
        using var model = Model();
        var places = ManifoldPlaces.Named(pattern);
        if (expected.Length == 0)
        {
            Assert.Throws<ArgumentException>(() => new ManifoldMixup(model, places: places));
            return;
        }

        Assert.Equal(expected, Some.Names(new ManifoldMixup(model, new MixupOptions { Warn = _ => { } }, places).Places));
    }

    [Fact]
    public void WeightsAndDimensionsTakeTheSamePatterns()
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        var (x, y) = (Some.Normal(1, 4, 6), Some.Classes(1, 4, 4));
        var mixup = new ManifoldMixup(
            model, new MixupOptions { Seed = 1, Warn = _ => { } }, ManifoldPlaces.Named("**").WithWeights(("layer1.*", 1), ("**", 0)));
        HashSet<string> drawn = [];
        for (var i = 0; i < 60; i++)
        {
            using var step = mixup.Begin(x, y);
            drawn.Add(step.Draw.Place.ModuleName!);
        }

        Assert.Equal(["layer1.conv", "layer1.more"], drawn.Order(StringComparer.Ordinal));
        var places = ManifoldPlaces.Named("stem", "layer2.conv").WithBatchDimension(("layer2.*", 1), ("**", 0));
        var lines = new ManifoldMixup(model, places: places).Explain().ReplaceLineEndings("\n").Split('\n');
        Assert.Contains("  mixed      stem (Linear)", lines);
        Assert.Contains("  mixed      layer2.conv (Linear): the batch is dimension 1", lines);
    }

    [Theory]
    [InlineData(
        "layer1*conv",
        "No module is called 'layer1*conv'; * does not cross a dot. 'layer1**conv' matches 'layer1.conv', 'layer1.more.conv'. " +
        "Use ** where dots may follow. (Parameter 'places')")]
    [InlineData(
        "Layer2.konv", "No module is called 'Layer2.konv'; the modules are 'layer2.conv', 'layer1.conv', ")]
    public void APatternThatMatchesNothingIsToldWhatComesNear(string pattern, string expected)
    {
        using var model = Model();
        var places = ManifoldPlaces.Named(pattern);
        var error = Assert.Throws<ArgumentException>(nameof(places), () => new ManifoldMixup(model, places: places));
        Assert.StartsWith(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OfManyModulesTheNearestAreListed()
    {
        using var model = Sequential([.. Enumerable.Range(0, 40).Select(i => ($"block{i}", (Module<Tensor, Tensor>)Linear(2, 2)))]);
        string Error(ManifoldPlaces places) =>
            Assert.Throws<ArgumentException>(nameof(places), () => new ManifoldMixup(model, places: places)).Message;
        var message = Error(ManifoldPlaces.Named("blok7"));
        Assert.StartsWith("No module is called 'blok7'; the nearest of the modules are 'block7', ", message, StringComparison.Ordinal);
        Assert.Equal(10, message.Split("'block").Length - 1);
        Assert.StartsWith(
            "No eligible module is called 'block8*'; the eligible modules are 'block7'. ",
            Error(ManifoldPlaces.Named("block7").WithWeights(("block7", 2), ("block8*", 1))),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "No eligible module is called 'block9'; the eligible modules are 'block7'. ",
            Error(ManifoldPlaces.Named("block7").WithBatchDimension(("block9", 1))),
            StringComparison.Ordinal);
    }

    [Fact]
    public void DimensionsAreChecked()
    {
        var error = Assert.Throws<ArgumentException>("dimensions", () => ManifoldPlaces.Found.WithBatchDimension(("a", -1)));
        Assert.Equal(
            "The batch dimension of 'a' is -1; expected 0 or more. Give 1 for outputs [T, B, F]. (Parameter 'dimensions')", error.Message);
        Assert.Throws<ArgumentException>("dimensions", () => ManifoldPlaces.Found.WithBatchDimension(("", 1)));
        Assert.Throws<ArgumentNullException>(() => ManifoldPlaces.Found.WithBatchDimension(null!));
    }

    private static Sequential Model()
    {
        return Sequential(
            ("stem", Linear(6, 6)),
            ("layer1", Sequential(("conv", Linear(6, 6)), ("more", Sequential(("conv", Linear(6, 6)))))),
            ("layer2", Sequential(("conv", Linear(6, 6)))),
            ("a+b(c)[d]^$", Linear(6, 4))).to(Some.Device);
    }
}
