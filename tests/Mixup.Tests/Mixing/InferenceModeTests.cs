using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>What is first used in inference mode trains afterwards: nothing that is kept was made an inference tensor.</summary>
public sealed class InferenceModeTests
{
    public static TheoryData<string, bool> Places => new MatrixTheoryData<string, bool>(["input", "manifold", "output"], [false, true]);

    [Theory]
    [MemberData(nameof(Places))]
    public void AStrategyThatBeganInInferenceModeTrains(string place, bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("first", Linear(20_000, 6)), ("second", Tanh()), ("third", Linear(6, 3))).to(Some.Device);
        var options = new MixupOptions { Seed = 1, Outputs = Some.Outputs(twoOutputs) };
        IMixupStrategy strategy = place switch
        {
            "input" => new InputMixup(options),
            "manifold" => new ManifoldMixup(model, options, ManifoldPlaces.Named("first")),
            _ => new OutputMixup(options),
        };
        using var loss = new MixupLoss(CrossEntropyLoss());
        var y = Some.Classes(1, 3, 5);

        // A row is one block in memory, so the kernel serves; and it is not, so torch does.
        foreach (var x in new[] { Some.Normal(1, 5, 20_000), Some.Normal(1, 20_000, 5).transpose(0, 1) })
        {
            MixupDraw draw;
            using (inference_mode())
            {
                using var step = strategy.Begin(x, y);
                loss.call(model.call(step.Input), step.Target);
                draw = step.Draw;
            }

            for (var i = 0; i < 2; i++)
            {
                model.zero_grad();
                using var step = i == 0 ? strategy.Begin(x, y) : strategy.Begin(x, y, draw);
                loss.call(model.call(step.Input), step.Target).backward();
                Assert.All(model.parameters(), parameter => Assert.True(parameter.grad!.isfinite().all().cpu().ToBoolean()));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AMixThatBeganInInferenceModeHasGradients(bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([1, 0.6, 0, 0.25, 0.5], Some.Permutation, Some.Outputs(twoOutputs));
        foreach (var x in new[] { Some.Normal(1, 5, 20_000), Some.Normal(1, 20_000, 5).transpose(0, 1) })
        {
            using (inference_mode())
            {
                mix.Blend(x);
                mix.CreateCoefficients(mix.SelectSamples(x));
                mix.SelectPartners(x);
            }

            var recorded = x.detach().requires_grad_();
            mix.Blend(recorded).pow(2).sum().backward();
            Assert.True(recorded.grad!.isfinite().all().cpu().ToBoolean());

            // The weights take part in what is differentiated, as those of a loss do.
            recorded.mul(mix.CreateCoefficients(mix.SelectSamples(x)).narrow(0, 0, 5)).sum().backward();
        }
    }
}
