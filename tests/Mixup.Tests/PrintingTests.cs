namespace TorchSharp.Mixup.Tests;

/// <summary>Options, draws and states print what they hold, and compare by it.</summary>
public sealed class PrintingTests
{
    [Fact]
    public void OptionsPrintEveryOptionThatIsSet()
    {
        var options = new MixupOptions { Method = new CutMix(2), Pairing = Pairing.Halves, Probability = 0.5, Seed = 7 };
        var text = options.ToString();
        Assert.StartsWith("MixupOptions { Method = CutMix { Alpha = 2", text, StringComparison.Ordinal);
        Assert.Contains("Probability = 0.5", text, StringComparison.Ordinal);
        Assert.Contains("Pairing = Halves", text, StringComparison.Ordinal);
        Assert.Contains("Seed = 7", text, StringComparison.Ordinal);
        Assert.Equal(options, options with { });
        Assert.NotEqual(options, options with { Seed = 8 });
    }

    [Fact]
    public void ADrawPrintsItsPlaceItsPartnersAndItsLambdas()
    {
        MixupDraw Draw() => new(new Mix([0.75, 0.5], [1, 0]), MixupPlace.Module("layer1"));
        Assert.Equal(
            "MixupDraw { Mix = Mix { 0 with 1: NumberField { Lambda = 0.75 }, 1 with 0: NumberField { Lambda = 0.5 } }, "
            + "Place = module 'layer1' }",
            Draw().ToString());
        Assert.Equal(Draw(), Draw());
        using var classes = torch.zeros(2, torch.ScalarType.Int64);
        Assert.Equal(
            "MixedTarget { Int64 [2], Mixing = Losses }", new MixedTarget(Draw().Mix, classes, TargetMixing.Losses).ToString());
        Assert.Equal("MixupState { Seed = 3, Batch = 4, Epoch = 5, Rank = 0 }", new MixupState(3, 4, 5).ToString());
    }
}
