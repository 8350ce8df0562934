using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Class ids as rows of probabilities, smoothed and held against a threshold: timm's targets.</summary>
public sealed class LabelSmoothingTests
{
    private const int B = 5;
    private const int K = 4;

    public static TheoryData<string, string> Timms
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var family in new[] { "cutmix", "input_mixup" })
            {
                foreach (var name in VectorCase.Names(family).Select(row => row.Data))
                {
                    var vector = VectorCase.Find(family, name);
                    if (vector.HasExpected("soft_y") && vector.HasInput("y") && vector.Input("y").dim() == 1
                        && !vector.Op.EndsWith("two_views", StringComparison.Ordinal))
                    {
                        cases.Add(family, name);
                    }
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Timms))]
    public void TargetsAreTimms(string family, string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find(family, name);
        var (x, y, soft) = (vector.Input("x"), vector.Input("y"), vector.Expected("soft_y").to(ScalarType.Float64));
        var mix = family == "cutmix" ? new Mix(vector.Fields(x), vector.Permutation) : vector.Mix(x.shape[0]);
        var (logits, target) = (Some.Normal(1, ScalarType.Float64, soft.shape), new MixedTarget(mix, y));
        var options = new MixupLossOptions { LabelSmoothing = vector.Number("label_smoothing") ?? 0 };
        var seen = empty(0);
        Tensor Watched(Tensor p, Tensor t)
        {
            seen = t.clone().MoveToOuterDisposeScope();
            return (p - t).pow(2);
        }

        MixupLoss.FromUnreduced(Watched, Reduction.Mean, options with { TargetThreshold = 0 }).call(logits, target);
        Some.AssertEqual(soft.gt(0).to(ScalarType.Float64), seen);
        if (options.LabelSmoothing > 0)
        {
            MixupLoss.FromUnreduced(Watched, Reduction.Mean, options).call(logits, target);
            vector.AssertClose(soft, seen, "soft_y");
        }

        vector.AssertClose(
            soft.mul(logits.log_softmax(1)).sum(1).neg().mean(),
            new MixupLoss(CrossEntropyLoss(), options).call(logits, target),
            "cross-entropy");
        vector.AssertClose(
            BCEWithLogitsLoss().call(logits, soft),
            new MixupLoss(BCEWithLogitsLoss(), options).call(logits, target),
            "binary cross-entropy");
        var labels = soft.gt(0.2).to(ScalarType.Float64);
        vector.AssertClose(
            BCEWithLogitsLoss().call(logits, labels),
            new MixupLoss(BCEWithLogitsLoss(), options with { TargetThreshold = 0.2 }).call(logits, target),
            "threshold");
    }

    public static TheoryData<double, double?, Reduction, bool> Cases => new MatrixTheoryData<double, double?, Reduction, bool>(
        [0, 0.1, 1], [null, 0, 0.2], [Reduction.Mean, Reduction.Sum, Reduction.None], [false, true]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void LossesOverRowsTakeClassIds(double smoothing, double? threshold, Reduction reduction, bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix(Some.Coefficients, Some.Permutation, Some.Outputs(twoOutputs));
        var options = new MixupLossOptions { LabelSmoothing = smoothing, TargetThreshold = threshold };
        foreach (long[] trailing in new long[][] { [], [3], [2, 3] })
        {
            var ids = Some.Classes(1, K, [B, .. trailing]);
            var oneHot = functional.one_hot(ids, K).movedim([-1], [1]).to(ScalarType.Float64);
            var rows = mix.BlendWhole(oneHot.mul(1 - smoothing).add(smoothing / K));
            rows = threshold is { } above ? rows.gt(above).to(ScalarType.Float64) : rows;
            foreach (var dtype in new[] { ScalarType.Float64, ScalarType.Float32 })
            {
                var logits = Some.Normal(2, dtype, [mix.Rows, K, .. trailing]).requires_grad_();
                var wide = logits.detach().to(ScalarType.Float64).requires_grad_();
                var weight = Some.Normal(3, dtype, [K, .. trailing.Select(_ => 1L)]).abs();
                var actual = new MixupLoss(BCEWithLogitsLoss(weight, reduction), options).call(logits, new MixedTarget(mix, ids));
                var expected = BCEWithLogitsLoss(weight.to(ScalarType.Float64), reduction).call(wide, rows);
                var tolerance = dtype == ScalarType.Float64 ? 1e-12 : 1e-5;
                Some.AssertClose(expected, actual, tolerance, tolerance);
                actual.sum().backward();
                expected.sum().backward();
                Some.AssertClose(wide.grad!, logits.grad!, tolerance, tolerance);
            }
        }
    }

    [Fact]
    public void ThePlainLossTakesTheSameTargets()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Unmixed(B);
        var (logits, ids) = (Some.Normal(1, B, K), Some.Classes(2, K, B));
        var options = new MixupLossOptions { LabelSmoothing = 0.1 };
        foreach (var loss in new[]
        {
            new MixupLoss(BCEWithLogitsLoss()), new MixupLoss(BCEWithLogitsLoss(), options), new MixupLoss(
                BCEWithLogitsLoss(), options with { TargetThreshold = 0.2 }),
            new MixupLoss(MultiLabelSoftMarginLoss()), new MixupLoss(CrossEntropyLoss(ignore_index: 1), options),
            new MixupLoss(MSELoss(), options), MixupLoss.FromUnreduced((p, t) => (p - t).abs(), Reduction.Sum, options),
        })
        {
            var before = Some.LiveTensors;
            var plain = loss.call(logits, ids);
            Assert.Equal(before + 1, Some.LiveTensors);
            Some.AssertClose(plain, loss.call(logits, new MixedTarget(mix, ids)), 1e-6);
        }

        Some.AssertClose(
            functional.cross_entropy(logits, ids, label_smoothing: 0.1),
            new MixupLoss(CrossEntropyLoss(), options).call(logits, ids),
            1e-6);
    }

    [Fact]
    public void LossesOfRowsCanBeMixedToo()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var (logits, ids) = (Some.Normal(1, B, K), Some.Classes(2, K, B));

        // Linear in the target, so it is one number.
        Some.AssertClose(
            new MixupLoss(BCEWithLogitsLoss()).call(logits, new MixedTarget(mix, ids)),
            new MixupLoss(BCEWithLogitsLoss()).call(logits, new MixedTarget(mix, ids, TargetMixing.Losses)), 1e-5);

        // A metric is of class ids, as they were given.
        Tensor Hits(Tensor p, Tensor t) => p.argmax(1).eq(t).to(ScalarType.Float32);
        Some.AssertClose(
            new MixupLoss(CrossEntropyLoss()).Evaluate(Hits, logits, new MixedTarget(mix, ids)),
            new MixupLoss(BCEWithLogitsLoss()).Evaluate(Hits, logits, new MixedTarget(mix, ids)),
            1e-6);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void DenseIdsBecomeDenseRows(bool isHard)
    {
        using var scope = NewDisposeScope();
        var masks = Enumerable.Range(0, B).Select(i => Some.Normal(i, 6, 4).cpu().sigmoid()).Select(mask => isHard ? mask.gt(0.5) : mask)
            .ToArray();
        var mix = new Mix([.. masks.Select(mask => new MaskField(mask))], Some.Permutation);
        var weights = stack(masks).unsqueeze(1).to(ScalarType.Float32).to(Some.Device);
        var (logits, ids) = (Some.Normal(1, B, K, 6, 4), Some.Classes(2, K, B, 6, 4));
        var rows = functional.one_hot(ids, K).permute(0, 3, 1, 2).to(ScalarType.Float32).mul(0.9).add(0.1 / K);
        var blended = (weights * rows) + ((1 - weights) * mix.SelectPartners(rows));
        var options = new MixupLossOptions { LabelSmoothing = 0.1 };
        Some.AssertClose(
            BCEWithLogitsLoss().call(logits, blended),
            new MixupLoss(BCEWithLogitsLoss(), options).call(logits, new MixedTarget(mix, ids)),
            1e-5);
        Some.AssertClose(
            BCEWithLogitsLoss().call(logits, blended.gt(0.3).to(ScalarType.Float32)),
            new MixupLoss(BCEWithLogitsLoss(), options with { TargetThreshold = 0.3 }).call(logits, new MixedTarget(mix, ids)),
            1e-5);
        Some.AssertClose(
            new MixupLoss(new CrossEntropyLoss(null, null, Reduction.Mean, 0.1))
                .call(logits, new MixedTarget(mix, ids)), new MixupLoss(CrossEntropyLoss(), options)
                    .call(logits, new MixedTarget(mix, ids)), 1e-6);
    }

    public static TheoryData<string, Func<Mix, Tensor, Tensor, object>, string> Mistakes => new()
    {
        { "smoothing twice", (_, _, _) => new MixupLoss(new CrossEntropyLoss(null, null, Reduction.Mean, 0.1), Smooth),
            "Leave one of them off" },
        { "smoothing of log-probabilities", (_, _, _) => new MixupLoss(NLLLoss(), Smooth), "Use CrossEntropyLoss" },
        { "a threshold of exclusive classes", (_, _, _) =>
                new MixupLoss(CrossEntropyLoss(), new MixupLossOptions { TargetThreshold = 0.2 }), "Use BCEWithLogitsLoss" },
        { "smoothing of signed labels", (_, _, _) => new MixupLoss(SoftMarginLoss(), Smooth), "Leave them off" },
        { "smoothing below 0", (_, _, _) => new MixupLossOptions { LabelSmoothing = -0.1 }, "between 0" },
        { "smoothing that is not a number", (_, _, _) => new MixupLossOptions { LabelSmoothing = double.NaN }, "between 0" },
        { "a threshold of 1", (_, _, _) => new MixupLossOptions { TargetThreshold = 1 }, "below 1" },
        { "smoothing of probabilities", (mix, logits, _) =>
                new MixupLoss(CrossEntropyLoss(), Smooth).call(logits, new MixedTarget(mix, logits.softmax(1))), "smooths class ids" },
        { "smoothing of soft labels", (mix, logits, _) =>
                new MixupLoss(BCEWithLogitsLoss(), Smooth).call(logits, new MixedTarget(mix, logits.sigmoid())), "smooths class ids" },
        { "smoothing of a plain regression", (_, logits, _) => new MixupLoss(MSELoss(), Smooth).call(logits, logits),
            "leave LabelSmoothing off" },
        { "a threshold where losses are mixed", (mix, logits, ids) =>
                new MixupLoss(BCEWithLogitsLoss(), new MixupLossOptions { TargetThreshold = 0 }).call(
                    logits, new MixedTarget(mix, ids, TargetMixing.Losses)), "Choose TargetMixing.Targets" },
        { "one class", (mix, logits, ids) => new MixupLoss(BCEWithLogitsLoss()).call(logits.narrow(1, 0, 1), new MixedTarget(mix, ids)),
            "two or more" },
        { "an id too large",
            (mix, logits, ids) => new MixupLoss(BCEWithLogitsLoss()).call(logits.cpu(), new MixedTarget(mix, ids.cpu().add(K))), "0 to 3" },
        { "an ignored id", (mix, logits, ids) =>
                new MixupLoss(BCEWithLogitsLoss()).call(logits.cpu(), new MixedTarget(mix, ids.cpu().mul(0).sub(100))), "class id -100" },
        { "an ignored id in validation", (_, logits, ids) =>
                new MixupLoss(BCEWithLogitsLoss()).call(logits.cpu(), ids.cpu().mul(0).sub(100)), "use CrossEntropyLoss" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void MistakesAreNamed(string mistake, Func<Mix, Tensor, Tensor, object> act, string remedy)
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        Assert.NotEmpty(mistake);
        Assert.Contains(
            remedy,
            Assert.ThrowsAny<ArgumentException>(() => act(mix, Some.Normal(1, B, K), Some.Classes(2, K, B))).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    private static MixupLossOptions Smooth => new() { LabelSmoothing = 0.1 };
}
