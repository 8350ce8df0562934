using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>A batch of which nothing counts has no loss, and changes nothing: on every path, as torch has it.</summary>
public sealed class IgnoredTests
{
    private const int B = 5;
    private const int K = 3;

    public static TheoryData<string, long, double, bool, ScalarType> Paths => new MatrixTheoryData<string, long, double, bool, ScalarType>(
        ["ignored", "weighted and ignored", "weights of 0"], [0, 7, 13_200], [0, 0.1], [false, true],
            [ScalarType.Float32, ScalarType.Float64]);

    [Theory]
    [MemberData(nameof(Paths))]
    public void ABatchOfWhichNothingCountsHasNoLossAndNoGradient(
        string kind, long pixels, double smoothing, bool twoOutputs, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix(Some.Coefficients, Some.Permutation, Some.Outputs(twoOutputs));
        long[] trailing = pixels == 0 ? [] : [pixels];
        var logits = Some.Normal(1, dtype, [mix.Rows, K, .. trailing]).requires_grad_();
        var ids = kind == "weights of 0" ? Some.Classes(1, K, [B, .. trailing]) : full([B, .. trailing], 255L, device: Some.Device);
        var weight = kind == "ignored" ? null : kind == "weights of 0" ? zeros(K, dtype, Some.Device) : ones(K, dtype, Some.Device);
        var loss = new MixupLoss(new CrossEntropyLoss(weight, 255, Reduction.Mean, smoothing)).call(logits, new MixedTarget(mix, ids));
        loss.backward();
        Assert.True(double.IsNaN(loss.cpu().ToDouble()));
        Assert.Equal(0, logits.grad!.abs().sum().cpu().ToDouble());
        foreach (var reduction in pixels > 100 ? [] : new[] { Reduction.Sum, Reduction.None })
        {
            var other = new MixupLoss(new CrossEntropyLoss(weight, 255, reduction, smoothing))
                .call(logits.detach(), new MixedTarget(mix, ids));
            Assert.Equal(0, other.abs().sum().cpu().ToDouble());
        }
    }

    [Fact]
    public void TargetsWithoutElementsHaveNoLossEither()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        Assert.True(
            double.IsNaN(
                new MixupLoss(CrossEntropyLoss()).call(
                    zeros(B, K, 0, device: Some.Device),
                    new MixedTarget(mix, zeros(B, 0, ScalarType.Int64, Some.Device))).cpu().ToDouble()));
    }

    [Fact]
    public void ANetworkSurvivesSuchABatch()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        using var optimizer = optim.SGD(model.parameters(), 0.1);
        var before = model.parameters().Select(parameter => parameter.detach().clone()).ToArray();
        using var step = new InputMixup().Begin(Some.Normal(1, B, 6), full([B], 255L, device: Some.Device));
        new MixupLoss(CrossEntropyLoss(ignore_index: 255)).call(model.call(step.Input), step.Target).backward();
        optimizer.step();
        foreach (var (was, now) in before.Zip(model.parameters()))
        {
            Some.AssertEqual(was, now.detach());
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(20_000)]
    public void AnIgnoredRowMayHoldAnInfiniteLogitUnderSmoothing(long pixels)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([0.3, 0.6, 1, 0], [1, 0, 3, 2]);
        long[] trailing = pixels == 0 ? [] : [pixels];
        var logits = Some.Normal(1, [4, K, .. trailing]);
        var ids = Some.Classes(1, K, [4, .. trailing]);
        foreach (var row in new[] { 0, 1 })
        {
            logits.select(0, row).select(0, 2).fill_(double.NegativeInfinity);
            ids.select(0, row).fill_(-100);
        }

        logits.requires_grad_();
        var value = new MixupLoss(new CrossEntropyLoss(null, null, Reduction.Mean, 0.1)).call(logits, new MixedTarget(mix, ids));
        value.backward();
        var rest = logits.detach().narrow(0, 2, 2);
        var own = functional.cross_entropy(rest.narrow(0, 0, 1), ids.narrow(0, 2, 1), label_smoothing: 0.1);
        var partner = functional.cross_entropy(rest.narrow(0, 1, 1), ids.narrow(0, 2, 1), label_smoothing: 0.1);
        Some.AssertClose((own + partner) / 2, value, 1e-5);
        Assert.True(logits.grad!.isfinite().all().cpu().ToBoolean());
        Assert.Equal(0, logits.grad!.narrow(0, 0, 2).abs().sum().cpu().ToDouble());
    }
}
