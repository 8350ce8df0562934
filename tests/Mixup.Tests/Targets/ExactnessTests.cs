using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>With lambda 1 everywhere loss and gradient are those of the base loss: for every base loss, reduction and rank.</summary>
public sealed class ExactnessTests
{
    private const int B = 6;
    private const int K = 4;

    /// <summary>Losses of a reduction and weights [K], and a prediction and a target of a batch size that suit them.</summary>
    internal static readonly Dictionary<string, (
        Func<Reduction, Tensor, Loss<Tensor, Tensor, Tensor>> Loss, Func<long, (Tensor, Tensor)> Data)> Losses = new()
        {
            ["cross-entropy"] = ((r, w) => CrossEntropyLoss(reduction: r), b => (Some.Normal(1, b, K), Some.Classes(1, K, b))),
            ["cross-entropy weighted"] = (
                (r, w) => CrossEntropyLoss(w, reduction: r), b => (Some.Normal(1, b, K), Some.Classes(1, K, b))),
            ["cross-entropy ignoring 2"] = (
                (r, w) => CrossEntropyLoss(ignore_index: 2, reduction: r), b => (Some.Normal(1, b, K), Some.Classes(1, K, b))),
            ["cross-entropy ignoring -100 unasked"] = (
                (r, w) => CrossEntropyLoss(reduction: r), b => (Some.Normal(1, b, K), Ignoring(Some.Classes(1, K, b), -100))),
            ["cross-entropy all of it"] = ((r, w) =>
                new CrossEntropyLoss(w, 255, r, 0.1), b =>
                    (Some.Normal(1, b, K, 3, 2), Ignoring(Some.Classes(1, K, b, 3, 2), 255))),
            ["cross-entropy smoothed"] = (
                (r, w) => new CrossEntropyLoss(null, null, r, 0.2), b => (Some.Normal(1, b, K), Some.Classes(1, K, b))),
            ["cross-entropy [B,K,T]"] = (
                (r, w) => CrossEntropyLoss(w, reduction: r), b => (Some.Normal(1, b, K, 5), Some.Classes(1, K, b, 5))),
            ["cross-entropy [B,K,H,W]"] = (
                (r, w) => CrossEntropyLoss(reduction: r), b => (Some.Normal(1, b, K, 3, 2), Some.Classes(1, K, b, 3, 2))),
            ["cross-entropy of probabilities"] = ((r, w) =>
                new CrossEntropyLoss(w, null, r, 0.1), b => (Some.Normal(1, b, K), Some.Normal(2, b, K).softmax(1))),
            ["cross-entropy of bytes"] = (
                (r, w) => CrossEntropyLoss(reduction: r), b => (Some.Normal(1, b, K), Some.Classes(1, K, b).to(ScalarType.Byte))),
            ["nll"] = ((r, w) => NLLLoss(w, r), b => (Some.Normal(1, b, K).log_softmax(1), Ignoring(Some.Classes(1, K, b), -100))),
            ["bce"] = ((r, w) => BCELoss(reduction: r), b => (Some.Normal(1, b, K).sigmoid(), Some.Normal(2, b, K).sigmoid())),
            ["bce with logits"] = (
            (r, w) => BCEWithLogitsLoss(w, r, w.add(1)), b => (Some.Normal(1, b, K), Some.Normal(2, b, K).sigmoid())),
            ["mse [B]"] = ((r, w) => MSELoss(r), b => (Some.Normal(1, b), Some.Normal(2, b))),
            ["mse [B,1]"] = ((r, w) => MSELoss(r), b => (Some.Normal(1, b, 1), Some.Normal(2, b, 1))),
            ["l1"] = ((r, w) => L1Loss(r), b => (Some.Normal(1, b, 1), Some.Normal(2, b, 1))),
            ["smooth l1"] = ((r, w) => SmoothL1Loss(r, 0.7), b => (Some.Normal(1, b, 2), Some.Normal(2, b, 2))),
            ["huber"] = ((r, w) => HuberLoss(0.6, r), b => (Some.Normal(1, b, 2), Some.Normal(2, b, 2))),
            ["kl div"] = ((r, w) => KLDivLoss(false, r), b => (Some.Normal(1, b, K).log_softmax(1), Some.Normal(2, b, K).softmax(1))),
            ["poisson"] = (
            (r, w) => PoissonNLLLoss(full: true, eps: 1e-6f, reduction: r), b => (Some.Normal(1, b), Some.Normal(2, b).abs().mul(3))),
            ["soft margin"] = ((r, w) => SoftMarginLoss(r), b => (Some.Normal(1, b, K), Some.Normal(2, b, K).sign())),
            ["hinge embedding"] = ((r, w) => HingeEmbeddingLoss(0.8, r), b => (Some.Normal(1, b), Some.Normal(2, b).sign())),
            ["multi margin"] = ((r, w) => MultiMarginLoss(2, 0.9, w, r), b => (Some.Normal(1, b, K), Some.Classes(1, K, b))),
            ["multi label margin"] = ((r, w) =>
                MultiLabelMarginLoss(r), b =>
                    (Some.Normal(1, b, K), tensor(new long[] { 2, 0, -1, 1 }, device: Some.Device).expand(b, K).contiguous())),
            ["multi label soft margin"] = ((r, w) =>
                MultiLabelSoftMarginLoss(w, r), b => (Some.Normal(1, b, K), Some.Normal(2, b, K).gt(0).to(ScalarType.Float32))),
            ["a loss of one's own"] = ((r, w) => new OwnLoss(r), b => (Some.Normal(1, b, K), Some.Normal(2, b, K))),
        };

    public static TheoryData<string, Reduction, TargetMixing> Cases
    {
        get
        {
            var cases = new TheoryData<string, Reduction, TargetMixing>();
            foreach (var name in Losses.Keys)
            {
                foreach (var reduction in Enum.GetValues<Reduction>())
                {
                    cases.Add(name, reduction, TargetMixing.ByLoss);
                    if (name != "a loss of one's own" || reduction == Reduction.None)
                    {
                        cases.Add(name, reduction, TargetMixing.Losses);
                    }
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LambdaOneIsTheBaseLoss(string name, Reduction reduction, TargetMixing mixing)
    {
        using var scope = NewDisposeScope();
        var (make, data) = Losses[name];
        using var loss = make(reduction, Weights());
        var (prediction, target) = data(B);
        var mix = Some.Unmixed(B);
        Tensor Gradient(Func<Tensor, Tensor> call, out Tensor value)
        {
            var leaf = prediction.detach().clone().requires_grad_();
            value = call(leaf);
            value.backward([ones_like(value)]);
            return leaf.grad!;
        }

        var expected = Gradient(p => loss.call(p, target), out var expectedValue);
        var actual = Gradient(p => new MixupLoss(loss).call(p, new MixedTarget(mix, target, mixing)), out var value);
        Some.AssertClose(expectedValue, value, 1e-6, 1e-7);
        Some.AssertClose(expected, actual, 2e-6, 1e-7);
        Some.AssertEqual(expectedValue, new MixupLoss(loss).call(prediction, target));
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float64)]
    public void TheLossKeepsThePredictionsType(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var logits = Some.Normal(1, dtype, 5, K).requires_grad_();
        var classes = tensor(new long[] { 300, 0, 511, 257, 300 }, device: Some.Device).remainder(K); // larger than bfloat16 tells apart
        var value = new MixupLoss(CrossEntropyLoss()).call(logits, new MixedTarget(mix, classes));
        value.backward();
        Assert.Equal((dtype, dtype), (value.dtype, logits.grad!.dtype));
        var wide = new MixupLoss(CrossEntropyLoss()).call(logits.detach().to(ScalarType.Float64), new MixedTarget(mix, classes));
        Some.AssertClose(wide, value, 2 * Some.Epsilon(dtype));
    }

    [Fact]
    public void LargeClassIdsAreNotCastToASmallFloat()
    {
        using var scope = NewDisposeScope();
        const int classes = 3_000; // float16 is exact to 2,048, bfloat16 to 256
        var mix = new Mix([0.7, 0.7], [1, 0]);
        var logits = zeros(2, classes, ScalarType.BFloat16, Some.Device);
        logits[0, 2_999] = tensor(20f);
        logits[0, 2_997] = tensor(20f);
        logits[1, 2_999] = tensor(20f);
        logits[1, 2_997] = tensor(20f);
        var value = new MixupLoss(CrossEntropyLoss()).call(
            logits, new MixedTarget(mix, tensor(new long[] { 2_999, 2_997 }, device: Some.Device)));
        Assert.Equal(Math.Log(2), value.cpu().ToDouble(), 0.01);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ManyPixelsAreWeighedAsFewAre(bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([0.7, 0.2, 1], [1, 2, 0], Some.Outputs(twoOutputs));
        foreach (var size in new[] { 5, 160 })
        {
            var logits = Some.Normal(1, ScalarType.Float64, mix.Rows, K, size, size).requires_grad_();
            var classes = Ignoring(Some.Classes(1, K, 3, size, size), 255);
            var (weight, lambda) = (Weights().to(ScalarType.Float64), mix.CreateCoefficients(logits.select(1, 0)));
            Tensor Values(Tensor of) => functional.cross_entropy(logits, of, weight, 255, Reduction.None, 0.1);
            Tensor Counted(Tensor of) => weight.index(TensorIndex.Tensor(of.clamp(0, K - 1))).mul(of.ne(255));
            var values = (lambda * Values(mix.SelectSamples(classes))) + ((1 - lambda) * Values(mix.SelectPartners(classes)));
            var counted = (lambda * Counted(mix.SelectSamples(classes))) + ((1 - lambda) * Counted(mix.SelectPartners(classes)));
            var expected = values.sum() / counted.sum();
            var actual = new MixupLoss(new CrossEntropyLoss(weight, 255, Reduction.Mean, 0.1)).call(logits, new MixedTarget(mix, classes));
            Some.AssertClose(expected, actual, 1e-12);
            Some.AssertClose(autograd.grad([expected], [logits])[0], autograd.grad([actual], [logits])[0], 1e-9, 1e-15);
        }
    }

    [Fact]
    public void AMaskedClassDoesNotPoisonTheRest()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Unmixed(2);
        var logits = Some.Normal(1, 2, 3);
        logits[0, 0] = tensor(float.NegativeInfinity);
        logits[1, 1] = tensor(float.NegativeInfinity);
        var target = tensor(new long[] { 1, -100 }, device: Some.Device);
        var expected = CrossEntropyLoss().call(logits, target);
        Some.AssertClose(expected, new MixupLoss(CrossEntropyLoss()).call(logits, new MixedTarget(mix, target)), 1e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(40_000)] // more than one loop on one core takes
    public void WhatIsIgnoredMayPointAtWhatIsInfinite(long pixels)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([0.3, 0.6, 0.2, 0.9], [1, 0, 3, 2]);
        var logits = Some.Normal(1, 4, 3, pixels);
        logits[TensorIndex.Colon, 0] = full([4, pixels], double.NegativeInfinity, device: Some.Device);
        var ids = tensor(new long[] { -100, -100, 1, 2 }, device: Some.Device).unsqueeze(1)
            .repeat(1, pixels); // both of the first pair are ignored
        if (pixels > 1)
        {
            ids[TensorIndex.Colon, 0] = tensor(-100L, device: Some.Device); // and the first pixel of all
        }

        var target = new MixedTarget(mix, ids);
        var values = new MixupLoss(CrossEntropyLoss(reduction: Reduction.None)).call(logits, target);
        Assert.True(values.isfinite().all().cpu().ToBoolean());
        Assert.Equal(0, values.narrow(0, 0, 2).abs().sum().cpu().ToDouble());
        Some.AssertClose(values.sum(), new MixupLoss(CrossEntropyLoss(reduction: Reduction.Sum)).call(logits, target), 1e-5);
        Some.AssertClose(values.sum() / ids.ne(-100).sum(), new MixupLoss(CrossEntropyLoss()).call(logits, target), 1e-5);
    }

    [Fact]
    public void WhatDoesNotGoTogetherIsRefused()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var classes = Some.Classes(1, K, 5);
        string Error(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;
        var crossEntropy = new MixupLoss(CrossEntropyLoss());
        var target = new MixedTarget(mix, classes);
        Assert.Contains(
            "the prediction has shape [4, 4]", Error(() => crossEntropy.call(zeros(4, K), target)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "Move the classes to dimension 1", Error(() => crossEntropy.call(zeros(5, 2, K), target)), StringComparison.OrdinalIgnoreCase);
        if (Some.Device.type == DeviceType.CPU)
        {
            Assert.Contains("class id 4 is not one of the 4 classes", Error(() =>
                    crossEntropy.call(zeros(5, K), new MixedTarget(mix, ones_like(classes).mul(K)))), StringComparison.OrdinalIgnoreCase);
            Assert.Contains("class id -1 is not one",
                Error(() => crossEntropy.call(zeros(5, K), new MixedTarget(mix, ones_like(classes).neg()))),
                StringComparison.OrdinalIgnoreCase);
            Assert.Contains("4 class weights, but the prediction 3 classes", Error(() =>
                    new MixupLoss(CrossEntropyLoss(Weights())).call(
                        zeros(5, 3), new MixedTarget(mix, zeros_like(classes)))), StringComparison.OrdinalIgnoreCase);
        }

        Assert.Contains(
            "squeeze(1)",
            Error(() => new MixupLoss(MSELoss()).call(zeros(5, 1), new MixedTarget(mix, zeros(5)))),
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Build it with Reduction.None", Error(() =>
                new MixupLoss(new OwnLoss(Reduction.Mean)).call(
                    zeros(5, K), new MixedTarget(mix, zeros(5, K), TargetMixing.Losses))), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("a function that does not reduce", Error(() =>
                MixupLoss.FromUnreduced((p, t) => functional.cross_entropy(p, t))
                    .call(zeros(5, K), target)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("expected class ids [B, ...] for", Error(() =>
                new MixupLoss(MSELoss()).call(
                    zeros(5),
                    new MixedTarget(mix, zeros(5, 2, ScalarType.Int64), TargetMixing.Targets))), StringComparison.OrdinalIgnoreCase);
        Assert.Throws<ArgumentNullException>(() => new MixupLoss((Loss<Tensor, Tensor, Tensor>)null!));
        Assert.Throws<ArgumentNullException>(() => MixupLoss.FromUnreduced((Func<Tensor, Tensor, Tensor>)null!));
        Assert.Throws<ArgumentException>(() => new MixedTarget(mix, zeros(4)));
    }

    [Fact]
    public void ModulesAndFunctionsThatDoNotReduceAreWeightedAlike()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var (logits, target) = (Some.Normal(1, 5, K), new MixedTarget(mix, Some.Classes(1, K, 5)));
        foreach (var reduction in Enum.GetValues<Reduction>())
        {
            var expected = new MixupLoss(CrossEntropyLoss(reduction: reduction)).call(logits, target);
            Some.AssertClose(
                expected,
                MixupLoss.FromUnreduced(
                    (p, t) => functional.cross_entropy(p, t, reduction: Reduction.None), reduction).call(logits, target),
                1e-5);
            Some.AssertClose(
                expected, MixupLoss.FromUnreduced(CrossEntropyLoss(reduction: Reduction.None), reduction).call(logits, target), 1e-5);
        }
    }

    [Fact]
    public void ClassIdsCanBeMixedAsTargetsOfAnyLoss()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var (logits, classes) = (Some.Normal(1, 5, K), Some.Classes(1, K, 5));
        var soft = mix.Blend(functional.one_hot(classes, K).to(ScalarType.Float32));
        var loss = new MixupLoss(BCEWithLogitsLoss());
        Some.AssertClose(
            BCEWithLogitsLoss().call(logits, soft), loss.call(logits, new MixedTarget(mix, classes, TargetMixing.Targets)), 1e-6);
        var many = functional.one_hot(classes, K);
        Some.AssertClose(BCEWithLogitsLoss().call(logits, soft), loss.call(logits, new MixedTarget(mix, many, TargetMixing.Targets)), 1e-6);
    }

    [Fact]
    public void AccuracyUnderMixingWeighsBothTargets()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([0.75, 0.6], [1, 0]);
        var logits = tensor(new float[,] { { 9, 0 }, { 9, 0 } }, device: Some.Device);
        var hits = new MixupLoss(CrossEntropyLoss()).Evaluate(
            (p, t) => p.argmax(1).eq(t).to(ScalarType.Float32),
            logits,
            new MixedTarget(mix, tensor(new long[] { 0, 1 }, device: Some.Device)));
        Some.AssertClose(tensor(new[] { 0.75f, 0.4f }), hits, 1e-6);
    }

    private static Tensor Weights() => tensor(new[] { 0.5f, 2f, 1f, 0.25f }, device: Some.Device);

    private static Tensor Ignoring(Tensor classes, long index)
    {
        var flat = classes.flatten();
        flat[1] = tensor(index);
        flat[4] = tensor(index);
        return flat.reshape(classes.shape);
    }

    private sealed class OwnLoss(Reduction reduction) : Loss<Tensor, Tensor, Tensor>(reduction)
    {
        public override Tensor forward(Tensor prediction, Tensor target)
        {
            var values = prediction.sub(target).pow(2).mean([1]);
            return this.reduction switch { Reduction.Mean => values.mean(), Reduction.Sum => values.sum(), _ => values };
        }
    }
}
