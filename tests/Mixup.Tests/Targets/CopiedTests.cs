using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// What has the weight 0 does not count, though it be infinite or not a number: in losses, targets, metrics and predictions.
/// </summary>
public sealed class CopiedTests
{
    private const int B = 5;

    /// <summary>Sample 2 is not mixed; its partner 3 is whatever breaks arithmetic. Sample 4 is its partner 0 alone.</summary>
    private static readonly double[] Lambda = [0.9, 0.6, 1.0, 0.25, 0.0];

    private static readonly long[] Partners = [1, 2, 3, 4, 0];

    public static TheoryData<double, ScalarType> Values => new MatrixTheoryData<double, ScalarType>(
        [double.NaN, double.PositiveInfinity, double.NegativeInfinity], [
            ScalarType.Float16,
            ScalarType.BFloat16,
            ScalarType.Float32,
            ScalarType.Float64
        ]);

    [Theory]
    [MemberData(nameof(Values))]
    public void AnUnmixedSampleDoesNotSeeThePartnersTarget(double value, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix(Lambda, Partners);
        var (prediction, target) = (Some.Normal(1, dtype, B, 2), Some.Normal(2, dtype, B, 2));
        target[3] = full([2], value, dtype, Some.Device);
        foreach (var mixing in new[] { TargetMixing.Targets, TargetMixing.Losses })
        {
            var leaf = prediction.clone().requires_grad_();
            var losses = new MixupLoss(MSELoss(Reduction.None)).call(leaf, new MixedTarget(mix, target, mixing));
            Some.AssertClose((prediction[2] - target[2]).pow(2), losses[2], 4 * Some.Epsilon(dtype));
            Some.AssertClose((prediction[4] - target[0]).pow(2), losses[4], 4 * Some.Epsilon(dtype));
            losses.index(TensorIndex.Tensor(tensor(new long[] { 2, 4 }, device: Some.Device))).sum().backward();
            Some.AssertClose((prediction[2] - target[2]).mul(2), leaf.grad![2], 4 * Some.Epsilon(dtype));
            Some.AssertClose((prediction[4] - target[0]).mul(2), leaf.grad![4], 4 * Some.Epsilon(dtype));
        }
    }

    [Fact]
    public void AnInfiniteLossOfThePartnerDoesNotCount()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix(Lambda, Partners);

        // -log p of a class that the prediction rules out is infinite, and so is its derivative.
        var ids = tensor(new long[] { 0, 1, 2, 0, 1 }, device: Some.Device);
        var probabilities = Some.Normal(1, B, 3).softmax(1);
        probabilities[2, 0] = tensor(0f, device: Some.Device); // the class of sample 3, which is the partner
        var leaf = probabilities.requires_grad_();
        var losses = MixupLoss.FromUnreduced(
            (p, t) => p.gather(1, t.unsqueeze(1)).squeeze(1).log().neg(), Reduction.None).call(leaf, new MixedTarget(mix, ids));
        Some.AssertClose(probabilities[2, 2].log().neg(), losses[2], 1e-6);
        losses[2].backward();
        Assert.True(leaf.grad!.isfinite().all().cpu().ToBoolean());
    }

    [Theory]
    [InlineData(1e-60)] // is 0 in float32, as alphas near 0 draw it
    [InlineData(0)]
    public void AWeightThatIsZeroInFloat32DoesNotCount(double lambda)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([lambda, lambda], [1, 0]);
        var (prediction, target) = (
            zeros(2, 1, device: Some.Device), tensor(new[,] { { float.PositiveInfinity }, { 1f } }, device: Some.Device));
        var loss = new MixupLoss(MSELoss(Reduction.None));
        Assert.Equal(1, loss.call(prediction, new MixedTarget(mix, target, TargetMixing.Losses))[0].cpu().ToDouble());
        Assert.Equal(1, loss.call(prediction, new MixedTarget(mix, target, TargetMixing.Targets))[0].cpu().ToDouble());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(14_000)] // more than is counted on the host
    public void AnInfiniteLossIsInfiniteOnEveryPath(long pixels)
    {
        using var scope = NewDisposeScope();
        long[] trailing = pixels == 0 ? [] : [pixels];
        var logits = Some.Normal(1, [B, 3, .. trailing]);
        logits.select(1, 0).fill_(double.NegativeInfinity);
        var ids = Some.Classes(2, 2, [B, .. trailing]).add(1); // none is ruled out
        ids.select(0, 1).fill_(0); // but in sample 1
        foreach (var lambda in new[] { 1.0, 0.3, 1e-60 })
        {
            var mix = new Mix([.. Enumerable.Repeat(lambda, B)], Partners);
            foreach (var reduction in Enum.GetValues<Reduction>())
            {
                var loss = new MixupLoss(CrossEntropyLoss(reduction: reduction)).call(logits, new MixedTarget(mix, ids));
                Assert.False(loss.isnan().any().cpu().ToBoolean(), $"{lambda} {reduction}");
                Assert.True(loss.isinf().any().cpu().ToBoolean(), $"{lambda} {reduction}");
            }
        }
    }

    [Fact]
    public void WithLambdaOneThePartnersAreNotAsked()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Unmixed(B);
        var (prediction, ids) = (Some.Normal(1, B, 3), Some.Classes(1, 3, B));
        var calls = 0;
        var loss = MixupLoss.FromUnreduced((p, t) =>
        {
            calls++;
            return functional.cross_entropy(p, t, reduction: Reduction.None);
        });
        Some.AssertEqual(CrossEntropyLoss().call(prediction, ids), loss.call(prediction, new MixedTarget(mix, ids)));
        Assert.Equal(1, calls);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.4)]
    public void MaskedClassesTrainUnderOutputMixup(double alpha)
    {
        using var scope = NewDisposeScope();
        var logits = Some.Normal(1, B, 4).requires_grad_();
        var mask = zeros(B, 4, ScalarType.Bool, Some.Device);
        mask[0, 3] = mask[2, 3] = tensor(true, device: Some.Device);
        var ids = Some.Classes(1, 3, B);
        var mixup = new OutputMixup(new MixupOptions { Method = new Interpolation(alpha), Probability = 0.5, Seed = 4 });
        for (var i = 0; i < 10; i++)
        {
            using var step = mixup.Begin(logits.detach(), ids);
            var loss = new MixupLoss(CrossEntropyLoss()).call(logits.masked_fill(mask, double.NegativeInfinity), step.Target);
            Assert.True(loss.isfinite().cpu().ToBoolean());
            logits.grad?.zero_();
            loss.backward();
            Assert.True(logits.grad!.isfinite().all().cpu().ToBoolean());
            if (alpha == 0)
            {
                Some.AssertClose(CrossEntropyLoss().call(logits.masked_fill(mask, double.NegativeInfinity), ids), loss, 1e-6);
            }
        }
    }
}
