using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>A method of one's own, as the README has it: it draws fields, and knows nothing of where they are applied.</summary>
public sealed class OwnMethodTests
{
    /// <summary>Horizontal bands of the partner, as high as those of the sample.</summary>
    private sealed record BandMix(int Bands = 2) : Method
    {
        public override bool Copies => true;

        public override Field Draw(Drawing drawing)
        {
            var (height, offset) = (drawing.Extent[0], drawing.Random.NextDouble());
            using var scope = NewDisposeScope();
            var phase = arange(height, ScalarType.Float64).mul((double)Bands / height).add(offset);
            return new MaskField(phase.frac().lt(0.5).unsqueeze(1).expand([.. drawing.Extent]));
        }
    }

    [Theory]
    [InlineData("input")]
    [InlineData("conv")]
    [InlineData("output")]
    public void AMethodOfOnesOwnTrainsANetworkAtEveryPlace(string place)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = Sequential(
            ("conv", Conv2d(1, 8, 3, padding: 1)),
            ("act", ReLU()),
            ("pool", AdaptiveAvgPool2d(2)),
            ("flat", Flatten()),
            ("head", Linear(32, 2))).to(Some.Device);
        var options = new MixupOptions { Method = new BandMix(), Seed = 2 };
        IMixupStrategy strategy = place switch
        {
            "input" => new InputMixup(options),
            "output" => new OutputMixup(options),
            _ => new ManifoldMixup(model, options, ManifoldPlaces.Named(place).WithoutInput()),
        };
        var loss = new MixupLoss(CrossEntropyLoss());
        using var optimizer = optim.Adam(model.parameters(), 0.01);

        // Stripes that lie or stand.
        var y = Some.Classes(3, 2, 64);
        var stripes = arange(8, device: Some.Device).remainder(2).to(ScalarType.Float32).view(1, 1, 8, 1).expand(64, 1, 8, 8);
        var x = where(y.eq(0).view(64, 1, 1, 1), stripes, stripes.transpose(2, 3)).add(Some.Normal(4, 64, 1, 8, 8).mul(0.1));
        for (var i = 0; i < 100; i++)
        {
            using var inner = NewDisposeScope();
            using var step = strategy.Begin(x, y);
            var value = loss.call(model.call(step.Input), step.Target);
            optimizer.zero_grad();
            value.backward();
            optimizer.step();
        }

        using var noGrad = no_grad();
        Assert.True(model.call(x).argmax(1).eq(y).to(ScalarType.Float32).mean().cpu().item<float>() > 0.95f);
    }
}
