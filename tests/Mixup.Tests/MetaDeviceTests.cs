using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// The META device has shapes but no values: reading one back, or leaving a tensor on the CPU, throws there. What runs on it never waits for
/// a GPU.
/// </summary>
public sealed class MetaDeviceTests
{
    public static TheoryData<ScalarType> Floating => [ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64];

    [Theory]
    [MemberData(nameof(Floating))]
    public void BlendingReadsNothingBack(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var mix = Some.Mix();
        var x = empty(5, 3, 2, dtype, META, requires_grad: true);
        var blended = mix.Blend(x);
        blended.backward([empty(5, 3, 2, dtype, META)]);
        Assert.Equal((DeviceType.META, dtype, DeviceType.META), (blended.device_type, blended.dtype, x.grad!.device_type));
        Assert.Equal(DeviceType.META, mix.Partner(empty(5, ScalarType.Int64, META)).device_type);
    }

    [Fact]
    public void MetaIsAbleToFail()
    {
        using var scope = NewDisposeScope();
        Assert.ThrowsAny<Exception>(() => empty(5, device: META).add(1).sum().item<float>());
        Assert.ThrowsAny<Exception>(() => empty(5, device: META).add(zeros(5)));
    }

    public static TheoryData<string, TargetMixing> Losses => new MatrixTheoryData<string, TargetMixing>(["classes", "weighted", "probabilities", "regression"], Enum.GetValues<TargetMixing>());

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
            "weighted" => (new MixupLoss(new CrossEntropyLoss(empty(4, device: META), 2, Reduction.Mean, 0.1)), empty(5, ScalarType.Int64, META)),
            "probabilities" => (new MixupLoss(CrossEntropyLoss()), empty(5, 4, device: META)),
            _ => (new MixupLoss((prediction, target) => prediction.sub(target).pow(2)), empty(5, 4, device: META)), // MSELoss has no kernel on META
        };
        using var step = new InputMixup(new MixupOptions { TargetMixing = mixing }).Begin(x, y);
        optimizer.zero_grad();
        loss.call(model.call(step.Input), step.Target).backward();
        optimizer.step();
        Assert.All(model.parameters(), parameter => Assert.Equal(DeviceType.META, parameter.grad!.device_type));
    }
}
