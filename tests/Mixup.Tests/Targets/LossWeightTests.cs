using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>A batch may be computed in parts: the means of the parts, weighted by their weights, are the mean of the whole.</summary>
public sealed class LossWeightTests
{
    private const int B = 12;
    private const int K = 4;
    private static readonly int[] Sizes = [5, 4, 3];
    private static readonly double[] Lambdas = [0.9, 0.6, 1, 0.25, 0.5, 0, 0.3, 0.7, 0.45, 0.8, 1, 0.1];

    // Within each part; not all of them are permutations.
    private static readonly long[][] Partners = [[1, 2, 3, 4, 0], [1, 0, 3, 2], [2, 0, 0]];

    public static TheoryData<string, TargetMixing, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, TargetMixing, string>();
            foreach (var name in ExactnessTests.Losses.Keys)
            {
                foreach (var outputs in new[] { "mixed", "both", "clean and mixed" })
                {
                    cases.Add(name, TargetMixing.ByLoss, outputs);
                    if (name != "a loss of one's own")
                    {
                        cases.Add(name, TargetMixing.Losses, outputs);
                    }
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void PartsOfAMixedBatchMakeTheWhole(string name, TargetMixing mixing, string outputs)
    {
        using var scope = NewDisposeScope();
        var (make, data) = ExactnessTests.Losses[name];
        using var loss = make(Reduction.Mean, Weights());
        var (prediction, target) = Wide(data(B));
        var rows = Outputs(outputs).RowsPerSample == 1 ? prediction : cat([prediction, prediction.roll(1, 0)]);
        AssertPartsMakeTheWhole(new MixupLoss(loss), Numbers(), Outputs(outputs), rows, target, mixing);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void SoDoPartsThatOutputMixupMixes(string name, TargetMixing mixing, string outputs)
    {
        using var scope = NewDisposeScope();
        var (make, data) = ExactnessTests.Losses[name];
        using var loss = make(Reduction.Mean, Weights());
        var (prediction, target) = Wide(data(B));
        var takesLogits = name is not ("nll" or "bce" or "l1" or "smooth l1" or "huber" or "kl div" or "poisson" or "hinge embedding")
            && !name.StartsWith("mse", StringComparison.Ordinal);
        if (takesLogits)
        {
            AssertPartsMakeTheWhole(new MixupLoss(loss), Numbers(), Outputs(outputs), prediction, target, mixing);
        }
    }

    public static TheoryData<string> Names => [.. ExactnessTests.Losses.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void PartsOfAPlainBatchMakeTheWhole(string name)
    {
        using var scope = NewDisposeScope();
        var (make, data) = ExactnessTests.Losses[name];
        using var inner = make(Reduction.Mean, Weights());
        var loss = new MixupLoss(inner);
        var (prediction, target) = Wide(data(B));
        var parts = Parts(prediction).Zip(Parts(target)).ToArray();
        var weights = parts.Select(part => loss.WeightOf(part.First, part.Second)).ToArray();
        var losses = parts.Select(part => loss.call(part.First, part.Second));
        Some.AssertClose(loss.call(prediction, target), Mean(losses, weights), 1e-12);
        Some.AssertClose(loss.WeightOf(prediction, target), Sum(weights), 1e-12);

        // With lambda 1 the mixed weight is the plain one.
        Some.AssertClose(loss.WeightOf(prediction, target), loss.WeightOf(prediction, new MixedTarget(Some.Unmixed(B), target)), 1e-12);
    }

    public static TheoryData<string, string> Dense =>
        new MatrixTheoryData<string, string>(["boxes", "masks", "both kinds"], ["mixed", "both", "clean and mixed"]);

    [Theory]
    [MemberData(nameof(Dense))]
    public void SoDoPartsWithDenseTargets(string kind, string outputs)
    {
        using var scope = NewDisposeScope();
        Field Box(int i) => new BoxField([3, 2], [i % 2, 0], [2 + (i % 2), 1 + (i % 2)]);
        Field Mask(int i) => new MaskField(Some.Normal(i, ScalarType.Float64, 3, 2).sigmoid().cpu());
        Field[] fields = [.. Enumerable.Range(0, B).Select(i => kind == "boxes" || (kind != "masks" && i % 2 == 0) ? Box(i) : Mask(i))];
        var rows = Some.Normal(1, ScalarType.Float64, Outputs(outputs).RowsPerSample * B, K, 3, 2);
        var ids = Some.Classes(2, K, B, 3, 2).masked_fill(Some.Normal(3, B, 3, 2).gt(0.7), 255);
        foreach (var smoothing in new[] { 0, 0.1 })
        {
            var loss = new MixupLoss(new CrossEntropyLoss(Weights(), 255, Reduction.Mean, smoothing));
            AssertPartsMakeTheWhole(loss, fields, Outputs(outputs), rows, ids);
        }

        var values = Some.Normal(4, ScalarType.Float64, B, K, 3, 2);
        AssertPartsMakeTheWhole(new MixupLoss(MSELoss()), fields, Outputs(outputs), rows, values);
        AssertPartsMakeTheWhole(new MixupLoss(MSELoss()), fields, Outputs(outputs), rows, values, TargetMixing.Losses);
        AssertPartsMakeTheWhole(new MixupLoss(CrossEntropyLoss(Weights())), fields, Outputs(outputs), rows, values.softmax(1));
    }

    [Theory]
    [InlineData("mixed")]
    [InlineData("both")]
    [InlineData("clean and mixed")]
    public void SoDoPartsWithOptionsOfTheLoss(string outputs)
    {
        using var scope = NewDisposeScope();
        var rows = Some.Normal(1, ScalarType.Float64, Outputs(outputs).RowsPerSample * B, K);
        var ids = Some.Classes(2, K, B);
        var options = new MixupLossOptions { LabelSmoothing = 0.1 };
        foreach (var loss in new[]
        {
            new MixupLoss(CrossEntropyLoss(Weights(), ignore_index: 1), options),
            new MixupLoss(BCEWithLogitsLoss(Weights()), options with { TargetThreshold = 0.2 }),
            new MixupLoss(MultiLabelSoftMarginLoss(), options),
            MixupLoss.FromUnreduced((p, t) => (p - t).pow(2).sum([1]), options: options),
            MixupLoss.FromUnreduced((p, t) => functional.cross_entropy(p, t, reduction: Reduction.None)),
        })
        {
            AssertPartsMakeTheWhole(loss, Numbers(), Outputs(outputs), rows, ids);
        }

        AssertPartsMakeTheWhole(new MixupLoss(MSELoss()), Numbers(), Outputs(outputs), rows, ids, TargetMixing.Targets);
        AssertPartsMakeTheWhole(
            new MixupLoss(CrossEntropyLoss(Weights(), ignore_index: 1)), Numbers(), Outputs(outputs), rows, ids, TargetMixing.Targets);
    }

    public static TheoryData<string, long, ScalarType> Ignored => new MatrixTheoryData<string, long, ScalarType>(
        ["ids", "weights"], [0, 7, 13_200], [ScalarType.Float16, ScalarType.Float32, ScalarType.Float64]);

    [Theory]
    [MemberData(nameof(Ignored))]
    public void APartThatIsIgnoredAsAWholeHasNoWeight(string kind, long pixels, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        long[] trailing = pixels == 0 ? [] : [pixels];
        var weight = kind == "ids" ? null : zeros(K, ScalarType.Float32, Some.Device);
        var ids = kind == "ids" ? full([5, .. trailing], 255L, device: Some.Device) : Some.Classes(1, K, [5, .. trailing]);
        var loss = new MixupLoss(new CrossEntropyLoss(weight, 255, Reduction.Mean));
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed() })
        {
            var mix = new Mix(Some.Coefficients, Some.Permutation, outputs);
            var prediction = zeros([mix.Rows, K, .. trailing], dtype, Some.Device);
            AssertIs(0, loss.WeightOf(prediction, new MixedTarget(mix, ids)));
        }

        AssertIs(0, loss.WeightOf(zeros([5, K, .. trailing], dtype, Some.Device), ids));
    }

    [Fact]
    public void WeightsAreWhatMeansDivideBy()
    {
        using var scope = NewDisposeScope();
        var ids = tensor(new long[] { 0, 1, 2, 3, -100 }, device: Some.Device);
        var (logits, pixels) = (zeros(5, K, device: Some.Device), zeros(5, K, 3, 2, device: Some.Device));
        var weighted = new MixupLoss(CrossEntropyLoss(Weights().to(ScalarType.Float32)));
        AssertIs(3.75, weighted.WeightOf(logits, ids));
        AssertIs(5, weighted.WeightOf(logits, logits.softmax(1)));
        AssertIs(30, weighted.WeightOf(pixels, pixels.softmax(1)));
        AssertIs(120, new MixupLoss(MSELoss()).WeightOf(pixels, pixels));
        AssertIs(5, new MixupLoss(MultiMarginLoss()).WeightOf(logits, ids));
        AssertIs(5, MixupLoss.FromUnreduced((p, t) => (p - t).abs()).WeightOf(pixels, pixels));
        foreach (var reduction in new[] { Reduction.Sum, Reduction.None })
        {
            AssertIs(5, new MixupLoss(CrossEntropyLoss(reduction: reduction)).WeightOf(logits, ids));
            AssertIs(5, new MixupLoss(MSELoss(reduction)).WeightOf(pixels, pixels));
        }

        // 0.9 of class 0 and 0.1 of class 1, and so on; the last row is half of class 0.
        var expected = (0.9 * 0.5) + (0.1 * 2) + (0.6 * 2) + (0.4 * 1) + (1.0 * 1) + (0.25 * 0.25) + (0.5 * 0.5);
        AssertIs(expected, weighted.WeightOf(logits, new MixedTarget(Some.Mix(), ids)), 1e-7);
        var both = new Mix(Some.Coefficients, Some.Permutation, MixupOutputs.Both);
        AssertIs(7.5, weighted.WeightOf(cat([logits, logits]), new MixedTarget(both, ids)), 1e-7);
        AssertIs(10, new MixupLoss(MultiMarginLoss()).WeightOf(cat([logits, logits]), new MixedTarget(both, ids.clamp(0))));
        AssertIs(10, new MixupLoss(MSELoss(Reduction.Sum)).WeightOf(cat([logits, logits]), new MixedTarget(both, logits)));
        AssertIs(40, new MixupLoss(MSELoss()).WeightOf(cat([logits, logits]), new MixedTarget(both, logits)));
    }

    [Fact]
    public void TwoMeansThatDivideByDifferentNumbersHaveNoWeight()
    {
        using var scope = NewDisposeScope();
        var (logits, ids) = (zeros(8, K, ScalarType.Float64, Some.Device), tensor(new long[] { 0, 1, 2, -100 }, device: Some.Device));
        var clean = new Mix([0.2, 0.4, 0.9, 0.7], [1, 0, 3, 2], MixupOutputs.CleanAndMixed());
        var paired = new Mix([0.2, 0.2, 0.7, 0.7], [1, 0, 3, 2], MixupOutputs.CleanAndMixed());
        var loss = new MixupLoss(CrossEntropyLoss(Weights()));
        var error = Assert.Throws<InvalidOperationException>(() => loss.WeightOf(logits, new MixedTarget(clean, ids)));
        Assert.Contains("Choose CoefficientPer.Pair", error.Message, StringComparison.Ordinal);
        AssertIs(3.5, loss.WeightOf(logits, new MixedTarget(paired, ids)), 1e-12);
        AssertIs(8, new MixupLoss(CrossEntropyLoss(Weights(), reduction: Reduction.Sum)).WeightOf(logits, new MixedTarget(clean, ids)));

        // Without class weights and ignored ids both means count every row once; float32 rounds lambda and 1 - lambda.
        var narrow = logits.to(ScalarType.Float32);
        AssertIs(4, new MixupLoss(CrossEntropyLoss()).WeightOf(narrow, new MixedTarget(clean, ids.clamp(0))));
        AssertIs(16, new MixupLoss(MSELoss()).WeightOf(narrow, new MixedTarget(clean, narrow.narrow(0, 0, 4))));
    }

    [Fact]
    public void AWeightHasNoGradientAndLeavesNothingBehind()
    {
        using var scope = NewDisposeScope();
        var (logits, ids) = (Some.Normal(1, 5, K).requires_grad_(), Some.Classes(2, K, 5));
        var target = new MixedTarget(Some.Mix(), ids);
        var loss = new MixupLoss(CrossEntropyLoss(Weights().to(ScalarType.Float32).requires_grad_()));
        foreach (var weigh in new[] { () => loss.WeightOf(logits, target), () => loss.WeightOf(logits, ids) })
        {
            weigh();
            var before = Some.LiveTensors;
            var weight = weigh();
            Assert.Equal(before + 1, Some.LiveTensors);
            Assert.Equal((0, ScalarType.Float64, false), (weight.dim(), weight.dtype, weight.requires_grad));
        }
    }

    [Fact]
    public void AWeightIsNotReadBack()
    {
        using var scope = NewDisposeScope();
        var weight = empty([K], device: META);
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both })
        {
            var mix = new Mix(Some.Coefficients, Some.Permutation, outputs);
            foreach (long[] trailing in new long[][] { [], [3] })
            {
                var (logits, ids) = (empty([mix.Rows, K, .. trailing], device: META), empty([5, .. trailing], ScalarType.Int64, META));
                var loss = new MixupLoss(CrossEntropyLoss(weight, ignore_index: 2));
                Assert.Equal(DeviceType.META, loss.WeightOf(logits, new MixedTarget(mix, ids)).device_type);
                Assert.Equal(DeviceType.META, loss.WeightOf(logits.narrow(0, 0, 5), ids).device_type);
                Assert.Equal(DeviceType.META, new MixupLoss(MSELoss()).WeightOf(logits, logits).device_type);
            }
        }
    }

    [Fact]
    public void AWeightOfWhatTheLossRefusesIsRefused()
    {
        using var scope = NewDisposeScope();
        var (logits, ids, target) = (zeros(5, K), Some.Classes(1, K, 5).cpu(), new MixedTarget(Some.Mix(), Some.Classes(1, K, 5)));
        var loss = new MixupLoss(CrossEntropyLoss());
        Assert.Throws<ArgumentNullException>("prediction", () => loss.WeightOf(null!, ids));
        Assert.Throws<ArgumentNullException>("target", () => loss.WeightOf(logits, (Tensor)null!));
        Assert.Throws<ArgumentNullException>("prediction", () => loss.WeightOf(null!, target));
        Assert.Throws<ArgumentNullException>("target", () => loss.WeightOf(logits, (MixedTarget)null!));
        Assert.Throws<ArgumentException>("target", () => loss.WeightOf(logits, ids.to(ScalarType.Int32)));
        Assert.Throws<ArgumentException>("prediction", () => loss.WeightOf(zeros(5, 2, K), ids));
        Assert.Throws<ArgumentException>("prediction", () => loss.WeightOf(zeros(4, K), target));
        Assert.Throws<ArgumentException>("target", () => loss.WeightOf(logits, new MixedTarget(Some.Mix(), ids.add(K))));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(13_200)] // more than one loop on one core takes
    public void AMeanThatIsNoNumberCountsAsZeroUnderScaleZero(long pixels)
    {
        using var scope = NewDisposeScope();
        long[] trailing = pixels == 0 ? [] : [pixels];
        var ids = full([5, .. trailing], 255L, device: Some.Device);
        var loss = new MixupLoss(CrossEntropyLoss(ignore_index: 255));
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed() })
        {
            var mix = new Mix(Some.Coefficients, Some.Permutation, outputs);
            var logits = Some.Normal(1, ScalarType.Float64, [mix.Rows, K, .. trailing]).requires_grad_();
            var zero = zeros([], ScalarType.Float64, Some.Device);
            var mixed = new MixedTarget(mix, ids);
            var scaled = loss.Scaled(logits, mixed, [.. loss.WeightsOf(logits, mixed).Select(_ => zero)]);
            scaled.backward();
            Assert.Equal(0, scaled.cpu().ToDouble());
            Assert.Equal(0, logits.grad!.abs().sum().cpu().ToDouble());
        }
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void UnderScaleOneTheLossKeepsItsBits(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var one = ones([], ScalarType.Float64, Some.Device);
        MixupOutputs[] all = [MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed(0.7), MixupOutputs.CleanAndMixed(0)];
        foreach (var outputs in all)
        {
            var mix = new Mix(Some.Coefficients, Some.Permutation, outputs);
            var (logits, target) = (Some.Normal(1, dtype, mix.Rows, K), new MixedTarget(mix, Some.Classes(2, K, 5)));
            foreach (var reduction in Enum.GetValues<Reduction>())
            {
                var loss = new MixupLoss(CrossEntropyLoss(reduction: reduction));
                var scales = loss.WeightsOf(logits, target).Select(_ => one);
                Bits.AssertEqual(loss.call(logits, target), loss.Scaled(logits, target, [.. scales]));
            }
        }
    }

    /// <summary>
    /// Checks the weighted mean of three parts against the whole. Rows are [B, ...] for output mixup, and else those of the outputs.
    /// </summary>
    private static void AssertPartsMakeTheWhole(
        MixupLoss loss,
        IReadOnlyList<Field> fields,
        MixupOutputs outputs,
        Tensor rows,
        Tensor target,
        TargetMixing mixing = TargetMixing.ByLoss)
    {
        var isAtOutput = rows.size(0) == B && outputs.RowsPerSample > 1;
        var leaf = rows.detach().clone().requires_grad_();
        MixedTarget Target(Mix mix, Tensor of)
        {
            if (!isAtOutput)
            {
                return new MixedTarget(mix, of, mixing);
            }

            var options = new MixupOptions { Outputs = outputs, TargetMixing = mixing };
            return new OutputMixup(options).Begin(zeros(of.size(0), 1), of, new MixupDraw(mix, MixupPlace.Output)).Target;
        }

        var first = 0;
        var whole = new List<long>();
        var parts = new List<(Tensor Prediction, MixedTarget Target)>();
        foreach (var (size, partners) in Sizes.Zip(Partners))
        {
            Tensor Rows(int half) => leaf.narrow(0, (half * B) + first, size);
            var mix = new Mix([.. fields.Skip(first).Take(size)], partners, outputs);
            parts.Add((leaf.size(0) == B ? Rows(0) : cat([Rows(0), Rows(1)]), Target(mix, target.narrow(0, first, size))));
            whole.AddRange(partners.Select(partner => partner + first));
            first += size;
        }

        var mixed = Target(new Mix([.. fields], whole, outputs), target);
        var expected = loss.call(leaf, mixed);

        // Each mean by its own weights.
        var weights = parts.Select(part => loss.WeightsOf(part.Prediction, part.Target)).ToArray();
        Tensor[] totals = [.. weights[0].Select((_, mean) => Sum(weights.Select(weight => weight[mean])))];
        Assert.Equal(loss.reduction == Reduction.Mean && outputs.MixedWeight is not null ? 2 : 1, totals.Length);
        var scaled = Sum(parts.Zip(weights, (part, weight) =>
            loss.Scaled(part.Prediction, part.Target, [.. weight.Zip(totals, (one, total) => one / total)])));
        Some.AssertClose(expected, scaled, 1e-12);
        Some.AssertClose(autograd.grad([expected], [leaf], retain_graph: true)[0], autograd.grad([scaled], [leaf])[0], 1e-9, 1e-15);

        // All means by one weight, if it is one.
        if (weights.All(weight => weight.Count == 1 || Math.Abs((weight[0] - weight[1]).cpu().ToDouble()) < 1e-9))
        {
            var losses = parts.Select(part => loss.call(part.Prediction, part.Target));
            Tensor[] publicWeights = [.. parts.Select(part => loss.WeightOf(part.Prediction, part.Target))];
            Some.AssertClose(expected, Mean(losses, publicWeights), 1e-12);
            Some.AssertClose(loss.WeightOf(leaf, mixed), Sum(publicWeights), 1e-12);
        }
        else
        {
            Exception? Error((Tensor Prediction, MixedTarget Target) part) =>
                Record.Exception(() => loss.WeightOf(part.Prediction, part.Target));
            Assert.Contains(parts, part => Error(part) is InvalidOperationException);
        }
    }

    private static void AssertIs(double expected, Tensor weight, double tolerance = 0)
    {
        Assert.Equal(ScalarType.Float64, weight.dtype);
        Assert.Equal(expected, weight.cpu().ToDouble(), tolerance * expected);
    }

    private static MixupOutputs Outputs(string name) => name switch
    {
        "both" => MixupOutputs.Both,
        "mixed" => MixupOutputs.Mixed,
        _ => MixupOutputs.CleanAndMixed(0.7),
    };

    private static Field[] Numbers() => [.. Lambdas.Select(lambda => new NumberField(lambda))];

    private static (Tensor Prediction, Tensor Target) Wide((Tensor Prediction, Tensor Target) data) => (
        data.Prediction.to(ScalarType.Float64),
        data.Target.is_floating_point() ? data.Target.to(ScalarType.Float64) : data.Target);

    private static Tensor[] Parts(Tensor x) => [.. x.split([.. Sizes.Select(size => (long)size)])];

    private static Tensor Mean(IEnumerable<Tensor> losses, IReadOnlyList<Tensor> weights) =>
        Sum(losses.Zip(weights, (loss, weight) => loss * weight)) / Sum(weights);

    private static Tensor Sum(IEnumerable<Tensor> values) => values.Aggregate((sum, value) => sum + value);

    private static Tensor Weights() => tensor(new[] { 0.5, 2, 1, 0.25 }, device: Some.Device);
}
