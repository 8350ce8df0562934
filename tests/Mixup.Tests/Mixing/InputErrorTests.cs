namespace TorchSharp.Mixup.Tests;

/// <summary>What is wrong is said early and clearly, and the next batch trains as if nothing had happened.</summary>
public sealed class InputErrorTests
{
    public static TheoryData<string, string> BadDraws => new()
    {
        { "empty", "the batch is empty" },
        { "lengths", "2 coefficients but 3 partners" },
        { "above one", "coefficient 1 is 1.5" },
        { "negative", "coefficient 0 is -0.1" },
        { "nan", "coefficient 0 is NaN" },
        { "below zero", "partner of sample 1 is -1" },
        { "outside", "partner of sample 0 is 2" },
    };

    [Theory]
    [MemberData(nameof(BadDraws))]
    public void ADrawMustBeOne(string kind, string message)
    {
        var error = Assert.Throws<ArgumentException>(() => kind switch
        {
            "empty" => new Mix([], []),
            "lengths" => new Mix([1, 1], [0, 1, 2]),
            "above one" => new Mix([1, 1.5], [0, 1]),
            "negative" => new Mix([-0.1, 1], [0, 1]),
            "nan" => new Mix([double.NaN, 1], [0, 1]),
            "below zero" => new Mix([1, 1], [0, -1]),
            _ => new Mix([1, 1], [2, 0]),
        });
        Assert.Contains(message, error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void ATensorMustBelongToTheBatchAndBeFloating()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        string Error(Tensor x) => Assert.Throws<ArgumentException>(() => mix.Blend(x)).Message;
        Assert.Contains("shape [4, 2]", Error(zeros(4, 2)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("scalar", Error(zeros(Array.Empty<long>())), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("manifold mixup on the embedding", Error(zeros(5, 2, ScalarType.Int64)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Bool", Error(zeros(5, 2, ScalarType.Bool)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("ComplexFloat32", Error(zeros(5, 2, ScalarType.ComplexFloat32)), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void ABatchMustBeOne()
    {
        using var scope = NewDisposeScope();
        var strategy = new InputMixup(new MixupOptions { Seed = 1 });
        var state = strategy.State;
        string Error(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;
        var (x, y) = (Some.Normal(1, 4, 2), Some.Classes(1, 3, 4));
        Assert.Contains("target has shape [3]", Error(() => strategy.Begin(x, Some.Classes(1, 3, 3))), StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "the batch is empty", Error(() => strategy.Begin(zeros(0, 2), zeros(0, ScalarType.Int64))), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("scalar", Error(() => strategy.Begin(tensor(1f), y)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("one tensor or more", Error(() => strategy.Begin([], y)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("an input has shape [3]", Error(() => strategy.Begin([x, zeros(3)], y)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("token ids", Error(() => strategy.Begin(Some.Classes(1, 9, 4, 2), y)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("token ids", Error(() => strategy.Begin([x, Some.Classes(1, 9, 4, 2)], y)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "draw is for 5 samples",
            Error(() => strategy.Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Input))),
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "the place output",
            Error(() => strategy.Begin(x, y, new MixupDraw(new Mix([1, 1, 1, 1], [1, 2, 3, 0]), MixupPlace.Output))),
            StringComparison.OrdinalIgnoreCase);
        Assert.Equal(state, strategy.State);
        using var step = strategy.Begin(x, y);
        Assert.Equal(1, strategy.State.Batch);
    }

    [Fact]
    public void TheEndsOfARangeAreInIt()
    {
        Assert.Equal(new Interpolation(0), new InputMixup(0).Options.Method);
        Assert.Equal(0, new MixupOptions { Probability = 0 }.Probability);
        Assert.Equal(1, new MixupOptions { Probability = 1 }.Probability);
        var mix = new Mix([0, 1], [1, 0]);
        Assert.Equal([0, 1], mix.Coefficients.ToArray());
    }

    [Fact]
    public void EveryStrategyTakesAlphaAlone()
    {
        using var model = nn.Linear(2, 2);
        using var two = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2));
        Assert.Equal(new Interpolation(0.7), new InputMixup(0.7).Options.Method);
        Assert.Equal(new Interpolation(0.7), new OutputMixup(0.7).Options.Method);
        Assert.Equal(new Interpolation(0.7), new ManifoldMixup(two, 0.7).Options.Method);
        Assert.Equal([MixupPlace.Module("0")], new ManifoldMixup(two, places: ManifoldPlaces.Named("0")).Places);
    }

    [Fact]
    public void OptionsAreChecked()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new InputMixup(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new InputMixup(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new InputMixup(double.PositiveInfinity));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MixupOptions { Probability = 1.01 });
        Assert.Throws<ArgumentNullException>(() => new MixupOptions { Pairing = null! });
        Assert.Throws<ArgumentOutOfRangeException>(() => new MixupOptions { CoefficientPer = (CoefficientPer)9 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new MixupOptions { TargetMixing = (TargetMixing)9 });
        Assert.Contains(
            "no pairs",
            Assert.Throws<ArgumentException>(
                () => new InputMixup(new MixupOptions { CoefficientPer = CoefficientPer.Pair, Pairing = Pairing.Roll })).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Throws<ArgumentNullException>(() => new InputMixup(null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => new InputMixup { State = new MixupState(1, -1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => new InputMixup { State = new MixupState(1, 1, -1) });
    }
}
