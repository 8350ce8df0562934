using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// Whether losses or targets are mixed follows the loss, then the type of its target; and a metric is judged as the loss is.
/// </summary>
public sealed class TargetMixingTests
{
    private const int B = 5;
    private const int K = 4;

    // A loss, a prediction and target that suit it, and whether a blend of targets means something to it.
    private static readonly Dictionary<string, (
        Func<Reduction, Loss<Tensor, Tensor, Tensor>> Loss, Func<(Tensor, Tensor)> Data, bool Blends)> Losses = new()
        {
            ["hinge embedding"] = (r => HingeEmbeddingLoss(0.8, r), () => (Some.Normal(1, B), Some.Normal(2, B).sign()), false),
            ["soft margin"] = (r => SoftMarginLoss(r), () => (Some.Normal(1, B, K), Some.Normal(2, B, K).sign()), false),
            ["kl div of logarithms"] = (
            r => KLDivLoss(true, r), () => (Some.Normal(1, B, K).log_softmax(1), Some.Normal(2, B, K).log_softmax(1)), false),
            ["multi margin"] = (r => MultiMarginLoss(reduction: r), () => (Some.Normal(1, B, K), Some.Classes(1, K, B)), false),
            ["multi label margin"] = (r =>
                MultiLabelMarginLoss(r), () =>
                    (Some.Normal(1, B, K), tensor(new long[] { 2, 0, -1, 1 }, device: Some.Device).expand(B, K).contiguous()), false),
            ["kl div"] = (r => KLDivLoss(false, r), () => (Some.Normal(1, B, K).log_softmax(1), Some.Normal(2, B, K).softmax(1)), true),
            ["mse"] = (r => MSELoss(r), () => (Some.Normal(1, B, 2), Some.Normal(2, B, 2)), true),
            ["bce with logits"] = (
                r => BCEWithLogitsLoss(reduction: r), () => (Some.Normal(1, B, K), Some.Normal(2, B, K).sigmoid()), true),
            ["multi label soft margin"] = (r =>
                MultiLabelSoftMarginLoss(reduction: r), () =>
                    (Some.Normal(1, B, K), Some.Normal(2, B, K).gt(0).to(ScalarType.Float32)), true),
            ["poisson"] = (r => PoissonNLLLoss(reduction: r), () => (Some.Normal(1, B), Some.Normal(2, B).abs()), true),
        };

    public static TheoryData<string> Names => [.. Losses.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void ALossSaysHowItsTargetsAreMixed(string name)
    {
        using var scope = NewDisposeScope();
        var (make, data, blends) = Losses[name];
        var (prediction, target) = data();
        var mix = Some.Mix();
        var unreduced = make(Reduction.None);
        var lambda = mix.CreateCoefficients(unreduced.call(prediction, target));
        var losses = (
            (lambda * unreduced.call(prediction, target)) + ((1 - lambda) * unreduced.call(prediction, mix.SelectPartners(target)))).mean();
        var loss = new MixupLoss(make(Reduction.Mean));
        Some.AssertClose(losses, loss.call(prediction, new MixedTarget(mix, target, TargetMixing.Losses)), 1e-5, 1e-6);
        if (blends)
        {
            var targets = make(Reduction.Mean).call(prediction, mix.Blend(target));
            Some.AssertClose(targets, loss.call(prediction, new MixedTarget(mix, target)), 1e-6);
            Some.AssertClose(targets, loss.call(prediction, new MixedTarget(mix, target, TargetMixing.Targets)), 1e-6);
        }
        else
        {
            Some.AssertClose(losses, loss.call(prediction, new MixedTarget(mix, target)), 1e-5, 1e-6);
            var refused = Assert.Throws<ArgumentException>(
                () => loss.call(prediction, new MixedTarget(mix, target, TargetMixing.Targets))).Message;
            Assert.Contains("cannot be mixed: its ", refused, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("Leave TargetMixing at ByLoss", refused, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void AMetricOfRegressionIsJudgedOnTheTargetThatTheLossSees()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var target = Some.Normal(1, B, 1);
        var prediction = mix.Blend(target); // perfect, as the loss has it
        Tensor Squared(Tensor p, Tensor t) => (p - t).pow(2);
        var loss = new MixupLoss(MSELoss());
        Assert.Equal(0, loss.call(prediction, new MixedTarget(mix, target)).cpu().ToDouble());
        Assert.Equal(0, loss.Evaluate(Squared, prediction, new MixedTarget(mix, target)).mean().cpu().ToDouble());

        // Where losses are mixed the metric is, too.
        var both = new MixedTarget(mix, target, TargetMixing.Losses);
        Some.AssertClose(loss.call(prediction, both), loss.Evaluate(Squared, prediction, both).mean(), 1e-6);

        // Signed labels are never blended, whatever their type says.
        var labels = Some.Normal(2, B).sign();
        var scores = Some.Normal(3, B);
        var lambda = mix.CreateCoefficients(scores);
        Tensor Agrees(Tensor p, Tensor t) => p.sign().eq(t).to(ScalarType.Float32);
        Some.AssertClose(
            (lambda * Agrees(scores, labels)) + ((1 - lambda) * Agrees(scores, mix.SelectPartners(labels))),
            new MixupLoss(SoftMarginLoss()).Evaluate(Agrees, scores, new MixedTarget(mix, labels)),
            1e-6);
    }

    [Fact]
    public void LabelsOfTheWrongTypeAreRefusedWithTheirCure()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var (logits, ids) = (Some.Normal(1, B, K), Some.Classes(1, K, B));
        string Error(Action action) => Assert.Throws<ArgumentException>(action).Message;
        foreach (var labels in new[] { functional.one_hot(ids, K), functional.one_hot(ids, K).to(ScalarType.Bool), ids })
        {
            // Class ids are rows to a loss that takes each class on its own.
            foreach (var loss in labels.dim() == 1 ? new Loss<Tensor, Tensor, Tensor>[] { BCELoss() } : [BCEWithLogitsLoss(), BCELoss()])
            {
                Assert.Contains(
                    "to(ScalarType.Float32)",
                    Error(() => new MixupLoss(loss).call(logits, new MixedTarget(mix, labels))),
                    StringComparison.OrdinalIgnoreCase);
                Assert.Contains(
                    "one_hot",
                    Error(() => new MixupLoss(loss).call(logits, labels)),
                    StringComparison.OrdinalIgnoreCase); // as validation calls it
            }
        }

        foreach (var loss in new Loss<Tensor, Tensor, Tensor>[] { MSELoss(), HuberLoss(), KLDivLoss() })
        {
            Assert.Contains(
                "to(ScalarType.Float32)",
                Error(() => new MixupLoss(loss).call(logits, new MixedTarget(mix, functional.one_hot(ids, K)))),
                StringComparison.OrdinalIgnoreCase);
        }

        foreach (var loss in new Loss<Tensor, Tensor, Tensor>[] { CrossEntropyLoss(), NLLLoss() })
        {
            // No more than validation takes, which knows the plain loss alone.
            Assert.Contains("Convert class ids by target.to(ScalarType.Int64)", Error(() =>
                    new MixupLoss(loss).call(logits, new MixedTarget(mix, ids.to(ScalarType.Int32)))), StringComparison.OrdinalIgnoreCase);
            Assert.Contains("Convert class ids by target.to(ScalarType.Int64)", Error(() =>
                    new MixupLoss(loss)
                        .call(logits, new MixedTarget(mix, ids.to(ScalarType.Float32)))), StringComparison.OrdinalIgnoreCase);
            Assert.Contains("Convert class ids by target.to(ScalarType.Int64)", Error(
                    () => new MixupLoss(loss).call(logits, ids.to(ScalarType.Float32))), StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void AFunctionThatBroadcastsIsRefused()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var (prediction, target) = (Some.Normal(1, B, 1), Some.Normal(2, B));
        var loss = MixupLoss.FromUnreduced((p, t) => (p - t).pow(2));
        foreach (var mixing in new[] { TargetMixing.Losses, TargetMixing.Targets })
        {
            var message = Assert.Throws<ArgumentException>(
                () => loss.Evaluate((p, t) => (p - t).abs(), prediction, new MixedTarget(mix, target, mixing))).Message;
            Assert.Contains("The metric returned shape [5, 5]", message, StringComparison.OrdinalIgnoreCase);
            message = Assert.Throws<ArgumentException>(() => loss.call(prediction, new MixedTarget(mix, target, mixing))).Message;
            Assert.Contains("broadcast against each other", message, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("squeeze(1)", message, StringComparison.OrdinalIgnoreCase);
        }

        Assert.Throws<ArgumentException>(() => loss.call(prediction, target)); // and in validation
        Assert.True(loss.call(prediction.squeeze(1), new MixedTarget(mix, target)).isfinite().cpu().ToBoolean());
        Assert.True(
            MixupLoss.FromUnreduced((p, t) => (p.unsqueeze(2) - t.unsqueeze(1)).pow(2)).call(
                Some.Normal(1, B, 3), new MixedTarget(mix, Some.Normal(2, B, 3))).isfinite().cpu().ToBoolean()); // on purpose
    }

    [Fact]
    public void WeightsOfSamplesAreRefused()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var (logits, target) = (Some.Normal(1, B, K), Some.Normal(2, B, K).sigmoid());
        var perSample = Some.Normal(3, B, 1).abs();
        foreach (
            var loss in new Loss<Tensor, Tensor, Tensor>[] { BCEWithLogitsLoss(perSample), BCEWithLogitsLoss(pos_weights: perSample),
                BCELoss(perSample) })
        {
            foreach (var mixing in Enum.GetValues<TargetMixing>())
            {
                Assert.Contains("one for each sample", Assert.Throws<ArgumentException>(() =>
                        new MixupLoss(loss)
                            .call(logits.sigmoid(), new MixedTarget(mix, target, mixing))).Message, StringComparison.OrdinalIgnoreCase);
            }
        }

        Assert.Contains("one for each sample", Assert.Throws<ArgumentException>(() =>
                new MixupLoss(BCELoss(perSample.squeeze(1))).call(
                    logits.select(1, 0).sigmoid(), new MixedTarget(mix, target.select(1, 0)))).Message, StringComparison.OrdinalIgnoreCase);
        Assert.True(
            new MixupLoss(BCEWithLogitsLoss(Some.Normal(3, K).abs())).call(logits, new MixedTarget(mix, target)).isfinite().cpu()
                .ToBoolean());
    }

    [Theory]
    [InlineData(40)]
    [InlineData(20_000)] // more than are counted on the host
    public void TooManyClassWeightsAreRefusedWhateverTheSize(long pixels)
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var (logits, ids) = (Some.Normal(1, B, 3, pixels), Some.Classes(1, 3, B, pixels));
        Assert.Contains("5 class weights, but the prediction 3 classes", Assert.Throws<ArgumentException>(() =>
                new MixupLoss(CrossEntropyLoss(ones(5, device: Some.Device)))
                    .call(logits, new MixedTarget(mix, ids))).Message, StringComparison.OrdinalIgnoreCase);
    }
}
