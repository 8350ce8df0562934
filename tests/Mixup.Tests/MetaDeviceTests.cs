using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// The META device has shapes but no values: reading one back, or leaving a tensor on the CPU, throws there. What runs on it never waits
/// for a GPU.
/// </summary>
public sealed class MetaDeviceTests
{
    public static TheoryData<ScalarType> Floating => [ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64];

    [Theory]
    [MemberData(nameof(Floating))]
    public void BlendingReadsNothingBack(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var x = empty(5, 3, 2, dtype, META, requires_grad: true);
        var blended = mix.Blend(x);
        blended.backward([empty(5, 3, 2, dtype, META)]);
        Assert.Equal((DeviceType.META, dtype, DeviceType.META), (blended.device_type, blended.dtype, x.grad!.device_type));
        Assert.Equal(DeviceType.META, mix.SelectPartners(empty(5, ScalarType.Int64, META)).device_type);
    }

    public static TheoryData<ScalarType, bool> TypesAndOutputs =>
        new MatrixTheoryData<ScalarType, bool>([.. Floating.Select(row => row.Data)], [false, true]);

    [Theory]
    [MemberData(nameof(TypesAndOutputs))]
    public void WeightsOfOneAndZeroReadNothingBack(ScalarType dtype, bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var y = empty(4, ScalarType.Int64, META);
        foreach (var coefficients in new double[][] { [1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0.25, 1], [0, 1, 0.5, 0.5] })
        {
            foreach (var partners in new long[][] { [1, 0, 3, 2], [1, 2, 3, 0], [3, 2, 0, 1], [0, 1, 2, 3] })
            {
                var mix = new Mix(coefficients, partners, Some.Outputs(twoOutputs));
                var x = empty(4, 3, 2, dtype, META, requires_grad: true);
                var blended = mix.Blend(x);
                blended.backward([empty(mix.Rows, 3, 2, dtype, META)]);
                Assert.Equal((DeviceType.META, dtype, DeviceType.META), (blended.device_type, blended.dtype, x.grad!.device_type));
                if (!twoOutputs)
                {
                    using var step = new InputMixup { OverwriteInput = true }.Begin(x.detach(), y, new MixupDraw(mix, MixupPlace.Input));
                }
            }
        }
    }

    [Fact]
    public void MetaIsAbleToFail()
    {
        using var scope = NewDisposeScope();
        Assert.ThrowsAny<Exception>(() => empty(5, device: META).add(1).sum().item<float>());
        Assert.ThrowsAny<Exception>(() => empty(5, device: META).add(zeros(5)));
    }

    public static TheoryData<string, TargetMixing> Losses =>
        new MatrixTheoryData<string, TargetMixing>(["classes", "weighted", "probabilities", "regression"], Enum.GetValues<TargetMixing>());

    [Theory]
    [MemberData(nameof(Losses))]
    public void AWholeTrainingStepReadsNothingBack(string kind, TargetMixing mixing)
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(Linear(6, 8), Tanh(), Linear(8, 4)).to(META);
        using var optimizer = optim.SGD(model.parameters(), 0.1);
        var x = empty(5, 6, device: META);
        var (loss, y) = kind switch
        {
            "classes" => (new MixupLoss(CrossEntropyLoss()), empty(5, ScalarType.Int64, META)),
            "weighted" =>
                (new MixupLoss(new CrossEntropyLoss(empty(4, device: META), 2, Reduction.Mean, 0.1)), empty(5, ScalarType.Int64, META)),
            "probabilities" => (new MixupLoss(CrossEntropyLoss()), empty(5, 4, device: META)),
            _ => (
                MixupLoss.FromUnreduced((prediction, target) => prediction.sub(target).pow(2)),
                empty(5, 4, device: META)), // MSELoss has no kernel on META
        };
        using var step = new InputMixup(new MixupOptions { TargetMixing = mixing }).Begin(x, y);
        optimizer.zero_grad();
        loss.call(model.call(step.Input), step.Target).backward();
        optimizer.step();
        Assert.All(model.parameters(), parameter => Assert.Equal(DeviceType.META, parameter.grad!.device_type));
    }

    public static TheoryData<string, string> StrategiesAndOptions => new MatrixTheoryData<string, string>(
        ["input", "manifold", "output"],
        ["plain", "halves", "flip", "roll", "per batch", "per pair", "unfolded", "sometimes", "two outputs", "targets", "losses",
            "overwritten", "stacked"]);

    [Theory]
    [MemberData(nameof(StrategiesAndOptions))]
    public void NoStrategyWithAnyOptionReadsAnythingBack(string place, string option)
    {
        using var scope = NewDisposeScope();
        var plain = new MixupOptions { Method = new Interpolation(1), Seed = 1 };
        var options = option switch
        {
            "halves" => plain with { Pairing = Pairing.Halves },
            "flip" => plain with { Pairing = Pairing.Flip },
            "roll" => plain with { Pairing = Pairing.Roll },
            "per batch" => plain with { CoefficientPer = CoefficientPer.Batch },
            "per pair" => plain with { CoefficientPer = CoefficientPer.Pair },
            "unfolded" => plain with { Method = new Interpolation(1) { Fold = false } },
            "sometimes" => plain with { Probability = 0.5 },
            "two outputs" => plain with { Outputs = MixupOutputs.Both },
            "targets" => plain with { TargetMixing = TargetMixing.Targets },
            "losses" => plain with { TargetMixing = TargetMixing.Losses },
            _ => plain,
        };
        using var model = Sequential(("first", Linear(6, 8)), ("second", Tanh()), ("third", Linear(8, 4))).to(META);
        using var optimizer = optim.SGD(model.parameters(), 0.1, momentum: 0.9);
        IMixupStrategy strategy = place switch
        {
            "input" => new InputMixup(options) { OverwriteInput = option == "overwritten", StackInput = option == "stacked" },
            "manifold" => new ManifoldMixup(model, options, ManifoldPlaces.Named("first")),
            _ => new OutputMixup(options),
        };
        foreach (
            var loss in new[] { CrossEntropyLoss(), new CrossEntropyLoss(empty(4, device: META), 1, Reduction.Sum, 0.1),
                CrossEntropyLoss(reduction: Reduction.None) })
        {
            using var step = strategy.Begin(empty(5, 6, device: META), empty(5, ScalarType.Int64, META));
            optimizer.zero_grad();
            var value = new MixupLoss(loss).call(model.call(step.Inputs[0]), step.Target);
            (value.dim() == 0 ? value : value.sum()).backward();
            optimizer.step();
            var hits = new MixupLoss(CrossEntropyLoss()).Evaluate(
                (p, t) => p.argmax(1).eq(t).to(ScalarType.Float32),
                empty(options.Outputs.RowsPerSample == 2 && place != "output" ? 10 : 5, 4, device: META),
                step.Target);
            Assert.Equal(DeviceType.META, hits.device_type);
            Assert.Equal(DeviceType.META, step.Draw.Mix.UniteMask(empty(5, 6, ScalarType.Bool, META)).device_type);
        }
    }

    [Fact]
    public void EveryKindOfLossReadsNothingBack()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        Tensor Values() => empty(5, 4, device: META);
        var classes = new MixedTarget(mix, empty(5, ScalarType.Int64, META));
        var values = new MixedTarget(mix, Values());
        Assert.Equal(DeviceType.META, new MixupLoss(NLLLoss()).call(Values(), classes).device_type);
        Assert.Equal(
            DeviceType.META,
            MixupLoss.FromUnreduced((p, t) => functional.cross_entropy(p, t, reduction: Reduction.None))
                .call(Values(), classes).device_type);
        foreach (var loss in new Loss<Tensor, Tensor, Tensor>[] { MSELoss(), SmoothL1Loss() }) // META has no abs and no log_sigmoid
        {
            Assert.Equal(DeviceType.META, new MixupLoss(loss).call(Values(), values).device_type);
            Assert.Equal(
                DeviceType.META, new MixupLoss(loss).call(Values(), new MixedTarget(mix, Values(), TargetMixing.Losses)).device_type);
        }
    }
}
