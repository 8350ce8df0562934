using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// Targets that have the extent of the samples are weighed cell by cell: held to the plain formula in float64, with explicit masks.
/// </summary>
public sealed class DenseTests
{
    private const int B = 5;
    private const int K = 3;

    public static TheoryData<string, int, string, Reduction, bool> Cases => new MatrixTheoryData<string, int, string, Reduction, bool>(
        ["boxes", "masks", "each"], [1, 2, 3], ["drawn", "finer", "other"], [Reduction.Mean, Reduction.Sum, Reduction.None], [false, true]);

    // Other resolutions differ by the planes of weights alone, which float64 shows more sharply.
    private static ScalarType[] Types(string resolution) =>
        resolution == "drawn" ? [ScalarType.Float64, ScalarType.Float32] : [ScalarType.Float64];

    [Theory]
    [MemberData(nameof(Cases))]
    public void ClassIdsAreWeighedCellByCell(string fields, int dimensions, string resolution, Reduction reduction, bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var (mix, seen) = Draw(fields, dimensions, resolution, twoOutputs);
        var drawn = mix;
        var weights = Weights(mix, seen);
        foreach (var dtype in Types(resolution))
        {
            foreach (var (smoothing, isWeighted) in new[] { (0.0, false), (0, true), (0.1, true) })
            {
                var ids = Some.Classes(1, K, [B, .. seen]);
                ids.masked_fill_(Some.Normal(2, [B, .. seen]).gt(0.8), 255);
                var classWeight = isWeighted ? tensor(new[] { 0.5, 2, 1.25 }).to(dtype).to(Some.Device) : null;
                var logits = Some.Normal(3, dtype, [mix.Rows, K, .. seen]).requires_grad_();
                var loss = new MixupLoss(new CrossEntropyLoss(classWeight, 255, reduction, smoothing)).call(
                    logits, new MixedTarget(mix, ids, kind: TargetKind.Dense));
                var wide = logits.detach().cpu().to(ScalarType.Float64).requires_grad_();
                var expected = CrossEntropy(wide, mix, ids.cpu(), weights, classWeight?.cpu().to(ScalarType.Float64), smoothing, reduction);
                AssertSame(expected, wide, loss, logits);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void FloatingTargetsAreBlendedOrTheirLossesWeighed(
        string fields, int dimensions, string resolution, Reduction reduction, bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var (mix, seen) = Draw(fields, dimensions, resolution, twoOutputs);
        var drawn = mix;
        var weights = Weights(mix, seen).unsqueeze(1);
        foreach (var dtype in Types(resolution))
        {
            var target = Some.Normal(1, dtype, [B, 2, .. seen]).sigmoid();
            var (own, partner) = Pairs(mix, target.cpu().to(ScalarType.Float64));
            foreach (var (loss, unreduced) in new (Loss<Tensor, Tensor, Tensor>, Func<Tensor, Tensor, Tensor>)[]
            {
                (
                    BCEWithLogitsLoss(reduction: reduction),
                    (p, t) => functional.binary_cross_entropy_with_logits(p, t, reduction: Reduction.None)),
                (MSELoss(reduction), (p, t) => (p - t).pow(2)),
            })
            {
                foreach (var mixing in Enum.GetValues<TargetMixing>())
                {
                    var prediction = Some.Normal(2, dtype, [mix.Rows, 2, .. seen]).requires_grad_();
                    var actual = new MixupLoss(loss).call(prediction, new MixedTarget(mix, target, mixing, TargetKind.Dense));
                    var wide = prediction.detach().cpu().to(ScalarType.Float64).requires_grad_();
                    var expected = mixing == TargetMixing.Losses
                        ? (weights * unreduced(wide, own)) + ((1 - weights) * unreduced(wide, partner))
                        : unreduced(wide, (weights * own) + ((1 - weights) * partner));
                    AssertSame(Reduce(expected, reduction), wide, actual, prediction);
                }
            }
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    public void WhatIsPastedIsSeenOnce(int dimensions, int scale)
    {
        using var scope = NewDisposeScope();
        var (mix, _) = Draw("boxes", dimensions, "drawn", twoOutputs: false);
        var drawn = mix;
        long[] seen = [.. mix.Extent!.Select(size => size * scale)];
        var own = Weights(mix, seen).ne(0);
        var ids = Some.Classes(1, 2, [B, .. seen]);
        var pasted = where(own, ids.cpu(), mix.SelectPartners(ids).cpu()).to(Some.Device);
        var prediction = Some.Normal(2, [B, .. seen]);
        var calls = 0;
        Tensor Dice(Tensor p, Tensor t)
        {
            calls++;
            var (probability, truth) = (p.sigmoid().flatten(1), t.to(ScalarType.Float32).flatten(1));
            return 1 - (2 * (probability * truth).sum(1) / (probability.sum(1) + truth.sum(1)));
        }

        var target = new MixedTarget(mix, ids, kind: TargetKind.Dense);
        Bits.AssertEqual(Dice(prediction, pasted).mean(), MixupLoss.FromUnreduced(Dice).call(prediction, target));
        Bits.AssertEqual(Dice(prediction, pasted), MixupLoss.FromUnreduced(Dice).Evaluate(Dice, prediction, target));
        Assert.Equal(4, calls);

        // A loss that reduces by itself, which lambda could not weigh.
        using var reducing = new WholeDice(Dice);
        Bits.AssertEqual(Dice(prediction, pasted).mean(), new MixupLoss(reducing).call(prediction, target));

        // Of every type, and with signed labels, which must not be blended.
        var signed = ids.mul(2).sub(1).to(ScalarType.Float32);
        Some.AssertClose(
            SoftMarginLoss().call(prediction, pasted.mul(2).sub(1).to(ScalarType.Float32)),
            new MixupLoss(SoftMarginLoss()).call(prediction, new MixedTarget(mix, signed, kind: TargetKind.Dense)),
            1e-6);
        Bits.AssertEqual(
            Dice(prediction, pasted).mean(),
            MixupLoss.FromUnreduced(Dice).call(prediction, new MixedTarget(mix, ids.to(ScalarType.Bool), kind: TargetKind.Dense)));
    }

    [Fact]
    public void ALossThatIsNotOfCellsIsRefusedUnderSoftWeights()
    {
        using var scope = NewDisposeScope();
        var (mix, seen) = Draw("masks", 2, "drawn", twoOutputs: false);
        var drawn = mix;
        var (prediction, ids) = (Some.Normal(1, [B, K, .. seen]), Some.Classes(1, K, [B, .. seen]));
        Tensor OfSamples(Tensor p, Tensor t) => functional.cross_entropy(p, t, reduction: Reduction.None).flatten(1).mean([1]);
        Tensor OfCells(Tensor p, Tensor t) => functional.cross_entropy(p, t, reduction: Reduction.None);
        var target = new MixedTarget(mix, ids);
        Assert.Contains("a value for each cell of [6, 4]", Assert.Throws<ArgumentException>(
                () => MixupLoss.FromUnreduced(OfSamples).call(prediction, target)).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("The metric returned shape [5]", Assert.Throws<ArgumentException>(() =>
                new MixupLoss(CrossEntropyLoss()).Evaluate(OfSamples, prediction, target)).Message, StringComparison.OrdinalIgnoreCase);
        Some.AssertClose(
            new MixupLoss(CrossEntropyLoss()).call(prediction, target), MixupLoss.FromUnreduced(OfCells).call(prediction, target), 1e-5);
        var weights = Weights(mix, seen).to(ScalarType.Float32).to(Some.Device);
        Tensor Hits(Tensor p, Tensor t) => p.argmax(1).eq(t).to(ScalarType.Float32);
        Some.AssertClose(
            (weights * Hits(prediction, ids)) + ((1 - weights) * Hits(prediction, mix.SelectPartners(ids))),
            new MixupLoss(CrossEntropyLoss()).Evaluate(Hits, prediction, target),
            1e-6);
    }

    [Theory]
    [InlineData("boxes")]
    [InlineData("masks")]
    [InlineData("each")]
    public void ABatchThatIsIgnoredHasNoLossAndNoGradient(string fields)
    {
        using var scope = NewDisposeScope();
        var (mix, seen) = Draw(fields, 2, "drawn", twoOutputs: true);
        var drawn = mix;
        var ids = full([B, .. seen], 255L, device: Some.Device);
        foreach (var smoothing in new[] { 0, 0.1 })
        {
            var logits = Some.Normal(1, [mix.Rows, K, .. seen]).requires_grad_();
            var loss = new MixupLoss(new CrossEntropyLoss(null, 255, Reduction.Mean, smoothing)).call(logits, new MixedTarget(mix, ids));
            loss.backward();
            Assert.True(double.IsNaN(loss.cpu().ToDouble()));
            Assert.Equal(0, logits.grad!.abs().sum().cpu().ToDouble());
        }
    }

    [Fact]
    public void WhatDoesNotCountMayBeInfinite()
    {
        using var scope = NewDisposeScope();
        // Cells of weight 1, 0 and between: where a weight is 0 the other target has the one class of finite loss.
        var weights = tensor(new[] { 1, 0, 0.5, 1 });
        var mix = new Mix([new MaskField(weights), new MaskField(1 - weights)], [1, 0]);
        var ids = tensor(new long[] { 0, 1, 1, 0, 1, 0, 1, 1 }, [2, 4]).to(Some.Device);
        var kept = where(weights.ne(0), ids[0].cpu(), ids[1].cpu());
        var logits = Some.Normal(1, 2, 2, 4);
        for (var cell = 0; cell < 4; cell++)
        {
            logits[TensorIndex.Single(0), TensorIndex.Single(1 - kept[cell].ToInt64()), TensorIndex.Single(cell)] = cell == 2
                ? 0
                : double.NegativeInfinity;
        }

        logits.requires_grad_();
        Tensor OfCells(Tensor p, Tensor t) => functional.cross_entropy(p, t, reduction: Reduction.None);
        foreach (var loss in new[] { new MixupLoss(CrossEntropyLoss()), MixupLoss.FromUnreduced(OfCells) })
        {
            logits.grad?.zero_();
            var value = loss.call(logits, new MixedTarget(mix, ids));
            value.backward();
            Assert.True(value.isfinite().cpu().ToBoolean());
            Assert.True(logits.grad!.isfinite().all().cpu().ToBoolean());
        }
    }

    [Theory]
    [InlineData("boxes")]
    [InlineData("each")]
    public void CleanSamplesStandBesideMixedOnes(string fields)
    {
        using var scope = NewDisposeScope();
        var (mixed, seen) = Draw(fields, 2, "drawn", twoOutputs: false);
        var drawn = mixed;
        var mix = new Mix(mixed.Fields, mixed.Partners, MixupOutputs.CleanAndMixed(0.5));
        var (logits, ids) = (Some.Normal(1, [2 * B, K, .. seen]), Some.Classes(2, K, [B, .. seen]));
        var (clean, other) = (logits.narrow(0, 0, B), logits.narrow(0, B, B));
        var (loss, target) = (new MixupLoss(CrossEntropyLoss()), new MixedTarget(mix, ids));
        Some.AssertClose(
            CrossEntropyLoss().call(clean, ids) + (0.5 * loss.call(other, new MixedTarget(mixed, ids))), loss.call(logits, target), 1e-5);
        Tensor Hits(Tensor p, Tensor t) => p.argmax(1).eq(t).to(ScalarType.Float32);
        Some.AssertClose(
            cat([Hits(clean, ids), loss.Evaluate(Hits, other, new MixedTarget(mixed, ids))]), loss.Evaluate(Hits, logits, target), 1e-5);
    }

    [Fact]
    public void ABoxCountsInADenseTargetWhateverItsLambda()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([.. Enumerable.Repeat(new BoxField([4, 4], [0, 0], [4, 2]).WithLambda(1), 2)], [1, 0]);
        var ids = Some.Classes(1, K, 2, 4, 4);
        var pasted = cat([mix.SelectPartners(ids).narrow(2, 0, 2), ids.narrow(2, 2, 2)], 2);
        var logits = Some.Normal(2, 2, K, 4, 4);
        Some.AssertClose(
            CrossEntropyLoss().call(logits, pasted), new MixupLoss(CrossEntropyLoss()).call(logits, new MixedTarget(mix, ids)), 1e-6);
    }

    // The drawn extent is [8] or [8, 6]: whether a target is weighed by lambda, by the field, or must be said.
    [Theory]
    [InlineData(2, "2", "whole")]
    [InlineData(2, "2 8", "whole")]
    [InlineData(2, "2 8 6", "dense")]
    [InlineData(2, "2 3 8 6", "dense")]
    [InlineData(2, "2 8 6 3", "dense")]
    [InlineData(2, "2 3 16 12", "dense")]
    [InlineData(2, "2 16 12", "?")]
    [InlineData(2, "2 4 3", "?")]
    [InlineData(2, "2 5 7", "?")]
    [InlineData(2, "2 3 5 7", "?")]
    [InlineData(2, "2 2 3 8 6", "?")]
    [InlineData(1, "2", "whole")]
    [InlineData(1, "2 8", "?")]
    [InlineData(1, "2 3 8", "dense")]
    [InlineData(1, "2 8 3", "elsewhere")]
    [InlineData(1, "2 8 2", "elsewhere")]
    [InlineData(1, "2 4", "?")]
    [InlineData(1, "2 3 4", "?")]
    public void AShapeTellsOrMustBeSaid(int dimensions, string shape, string kind)
    {
        using var scope = NewDisposeScope();
        Extent extent = dimensions == 1 ? [8] : [8, 6];
        var soft = new MaskField(Some.Normal(1, ScalarType.Float32, extent.ToArray()).cpu().sigmoid());
        var mix = new Mix([soft, soft], [1, 0]);
        long[] sizes = [.. shape.Split(' ').Select(long.Parse)];
        var target = Some.Normal(2, sizes);
        Tensor Loss(MixedTarget t) => new MixupLoss(MSELoss()).call(target.mul(0), t);
        var byLambda = Loss(new MixedTarget(mix, target, kind: TargetKind.Whole));
        Some.AssertClose(mix.BlendWhole(target).pow(2).mean(), byLambda, 1e-6);
        if (kind == "elsewhere")
        {
            // The classes may be as many as the steps.
            foreach (var said in new[] { TargetKind.ByShape, TargetKind.Dense })
            {
                var error = Assert.Throws<ArgumentException>("target", () => new MixedTarget(mix, target, kind: said));
                Assert.Contains("Transpose the target", error.Message, StringComparison.Ordinal);
            }

            var behind = new Mix([soft, soft], [1, 0], position: ExtentPosition.BehindBatch);
            Some.AssertClose(behind.Blend(target).pow(2).mean(), Loss(new MixedTarget(behind, target)), 1e-6);
            return;
        }

        if (kind == "?")
        {
            var message = Assert.Throws<ArgumentException>(() => new MixedTarget(mix, target)).Message;
            Assert.Contains("TargetKind.Whole or TargetKind.Dense", message, StringComparison.OrdinalIgnoreCase);
            return;
        }

        var byShape = Loss(new MixedTarget(mix, target));
        Assert.Equal(kind == "whole", Math.Abs(byShape.cpu().ToDouble() - byLambda.cpu().ToDouble()) < 1e-7);
        if (kind == "dense")
        {
            Some.AssertClose(Loss(new MixedTarget(mix, target, kind: TargetKind.Dense)), byShape, 1e-7);
        }
    }

    [Theory]
    [InlineData("input")]
    [InlineData("a")]
    public void StepsOfSegmentationTrain(string place)
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("a", Conv2d(2, 4, 3, padding: 1)), ("b", ReLU()), ("c", Conv2d(4, K, 1))).to(Some.Device);
        var options = new MixupOptions { Method = new OneOf(new CutMix(), new Interpolation(1)), Seed = 3 };
        IMixupStrategy strategy = place == "input"
            ? new InputMixup(options)
            : new ManifoldMixup(model, options, ManifoldPlaces.Named("a").WithoutInput());
        var loss = new MixupLoss(CrossEntropyLoss(ignore_index: 255));
        for (var i = 0; i < 6; i++)
        {
            var (x, ids) = (Some.Normal(i, B, 2, 8, 6), Some.Classes(i, K, B, 8, 6));
            ids.narrow(1, 0, 2).fill_(255);
            using var step = strategy.Begin(x, ids);
            var logits = model.call(step.Input);
            var value = loss.call(logits, step.Target);
            value.backward();
            var expected = CrossEntropy(
                logits.detach().cpu().to(ScalarType.Float64),
                step.Draw.Mix,
                ids.cpu(),
                Weights(step.Draw.Mix, [8, 6]),
                null,
                0,
                Reduction.Mean);
            Some.AssertClose(expected, value, 1e-5);
        }
    }

    [Fact]
    public void OutputMixupBlendsDensePredictionsOrSaysWhyNot()
    {
        using var scope = NewDisposeScope();
        var mask = new Mix([.. Enumerable.Range(0, B).Select(i => new MaskField(Some.Normal(i, 6).cpu().sigmoid()))], [1, 2, 3, 4, 0]);
        var weights = Weights(mask, [6]).to(ScalarType.Float32).to(Some.Device);
        var (x, target, logits) = (Some.Normal(1, B, 2, 6), Some.Normal(2, B, 6).sigmoid(), Some.Normal(3, B, 6));

        // [B, T] of a sequence is blended by the field, as its labels are.
        var labels = new OutputMixup(new MixupOptions { TargetKind = TargetKind.Dense });
        using var step = labels.Begin(x, target, new MixupDraw(mask, MixupPlace.Output));
        Tensor Blended(Tensor t) => (weights * t) + ((1 - weights) * mask.SelectPartners(t));
        Some.AssertClose(
            BCEWithLogitsLoss().call(Blended(logits), Blended(target)), new MixupLoss(BCEWithLogitsLoss()).call(logits, step.Target), 1e-5);
        Assert.Contains("expected the same extent", Assert.Throws<ArgumentException>(() =>
                new MixupLoss(BCEWithLogitsLoss()).call(logits.narrow(1, 0, 3), step.Target)).Message, StringComparison.OrdinalIgnoreCase);

        var cut = new OutputMixup(new MixupOptions { Method = new CutMix(), Seed = 1, TargetKind = TargetKind.Dense });
        var state = cut.State;
        var message = Assert.Throws<ArgumentException>(() => cut.Begin(x, target)).Message;
        Assert.Contains("nothing is mixed", message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Use InputMixup or ManifoldMixup", message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(state, cut.State);
        using var whole = new OutputMixup(new MixupOptions { Method = new CutMix() }).Begin(x, Some.Classes(1, K, B));
    }

    [Fact]
    public void AFurtherTargetMayBeOfAnotherKind()
    {
        using var scope = NewDisposeScope();
        var strategy = new InputMixup(new MixupOptions { Method = new CutMix(), Seed = 2 });
        var (ids, half) = (Some.Classes(1, K, B), Some.Classes(2, K, B, 4, 3));
        using var step = strategy.Begin(Some.Normal(1, B, 2, 8, 6), ids);
        Assert.Throws<ArgumentException>(() => step.TargetFor(half));
        var logits = Some.Normal(3, B, K, 4, 3);
        var expected = CrossEntropy(
            logits.cpu().to(ScalarType.Float64), step.Draw.Mix, half.cpu(), Weights(step.Draw.Mix, [4, 3]), null, 0, Reduction.Mean);
        Some.AssertClose(expected, new MixupLoss(CrossEntropyLoss()).call(logits, step.TargetFor(half, TargetKind.Dense)), 1e-5);
    }

    [Theory]
    [InlineData("boxes", false)]
    [InlineData("masks", true)]
    [InlineData("each", false)]
    public void NothingIsReadBack(string fields, bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var (mix, seen) = Draw(fields, 2, "drawn", twoOutputs);
        var drawn = mix;
        var logits = empty([mix.Rows, K, .. seen], device: META).requires_grad_();
        var ids = empty([B, .. seen], ScalarType.Int64, META);
        if (fields != "boxes")
        {
            // META has neither the plain cross-entropy of cells nor the gradient of MSELoss.
            new MixupLoss(CrossEntropyLoss(tensor(new[] { 1f, 2, 3 }).to(META), 255)).call(logits, new MixedTarget(mix, ids)).backward();
        }

        Tensor Squared(Tensor p, Tensor t) => (p - t).pow(2);
        MixupLoss.FromUnreduced(
            Squared,
            Reduction.Mean,
            new MixupLossOptions { LabelSmoothing = 0.1, TargetThreshold = 0.2 }).call(logits, new MixedTarget(mix, ids)).backward();
        MixupLoss.FromUnreduced(Squared).call(
            logits, new MixedTarget(mix, empty([B, K, .. seen], device: META), TargetMixing.Losses)).backward();
        new MixupLoss(CrossEntropyLoss()).Evaluate(
            (p, t) => p.argmax(1).eq(t).to(ScalarType.Float32), logits, new MixedTarget(mix, ids)).sum();
        Assert.Equal(DeviceType.META, logits.grad!.device_type);
    }

    /// <summary>A draw over an extent, and the resolution of the target.</summary>
    private static (Mix Mix, long[] Seen) Draw(string fields, int dimensions, string resolution, bool twoOutputs)
    {
        Extent extent = dimensions switch { 1 => [6], 2 => [6, 4], _ => [4, 2, 2] };
        long[] seen = resolution switch
        {
            "drawn" => [.. extent],
            "finer" => [.. extent.Select(size => 2 * size)],
            _ => [.. extent.Select(size => size + 1)],
        };
        var random = new Random(7);
        Field Box()
        {
            long[] from = [.. extent.Select(size => random.NextInt64(size))];
            return new BoxField(extent, from, [.. from.Zip(extent, (first, size) => random.NextInt64(first, size + 1))]);
        }

        Field Soft(int seed) => new MaskField(Some.Normal(seed, ScalarType.Float64, [.. extent]).cpu().clamp(0, 1));
        Field Hard(int seed) => new MaskField(Some.Normal(seed, ScalarType.Float64, [.. extent]).cpu().gt(0));
        Field[] each = [Box(), Soft(1), new NumberField(0.3), Hard(2), new NumberField(1)];
        Field[] drawn = fields switch
        {
            "boxes" => [Box(), Box(), new NumberField(1), Box(), Hard(3)],
            "masks" => [.. Enumerable.Range(0, B).Select(Soft)],
            _ => each,
        };
        return (new Mix(drawn, [2, 0, 1, 4, 3], Some.Outputs(twoOutputs)), seen);
    }

    /// <summary>The weight of the sample itself in each row and cell, float64.</summary>
    private static Tensor Weights(Mix mix, long[] seen)
    {
        var planes = stack(mix.Fields.Select(field => field.WeightsAt([.. seen])));
        return mix.Rows == mix.BatchSize ? planes : cat([planes, 1 - planes]);
    }

    private static (Tensor Own, Tensor Partner) Pairs(Mix mix, Tensor target)
    {
        var partner = stack(mix.Partners.ToArray().Select(row => target[row]));
        return mix.Rows == mix.BatchSize ? (target, partner) : (cat([target, target]), cat([partner, partner]));
    }

    /// <summary>torch's own cross-entropy of each cell against both ids, written out.</summary>
    private static Tensor CrossEntropy(
        Tensor logits, Mix mix, Tensor ids, Tensor weights, Tensor? classWeight, double smoothing, Reduction reduction)
    {
        var byClass = (classWeight ?? ones(K, ScalarType.Float64)).view([1, K, .. ids.shape.Skip(1).Select(_ => 1L)]);
        var negative = -logits.log_softmax(1) * byClass;
        var (values, counted) = (zeros_like(weights), zeros_like(weights));
        var (own, partner) = Pairs(mix, ids);
        foreach (var (side, share) in new[] { (own, weights), (partner, 1 - weights) })
        {
            var counts = side.ne(255);
            var columns = where(counts, side, zeros_like(side)).unsqueeze(1);
            var value = ((1 - smoothing) * negative.gather(1, columns).squeeze(1)) + (smoothing / K * negative.sum(1));
            var weight = byClass.expand(logits.shape).gather(1, columns).squeeze(1);
            values = values + where(counts, value * share, zeros_like(value));
            counted = counted + where(counts, weight * share, zeros_like(share));
        }

        return reduction == Reduction.Mean ? values.sum() / counted.sum() : Reduce(values, reduction);
    }

    private static Tensor Reduce(Tensor values, Reduction reduction) =>
        reduction == Reduction.Mean ? values.mean() : reduction == Reduction.Sum ? values.sum() : values;

    private static void AssertSame(Tensor expected, Tensor wide, Tensor actual, Tensor leaf)
    {
        var tolerance = leaf.dtype == ScalarType.Float64 ? 1e-12 : 1e-4;
        Some.AssertClose(expected, actual, tolerance, tolerance / 10);
        var upstream = Some.Normal(9, ScalarType.Float64, expected.shape);
        (expected * upstream.cpu()).sum().backward();
        (actual * upstream.to(leaf.dtype)).sum().backward();
        Some.AssertClose(wide.grad!, leaf.grad!, tolerance, tolerance / 10);
    }

    private sealed class WholeDice(Func<Tensor, Tensor, Tensor> dice) : Loss<Tensor, Tensor, Tensor>(Reduction.Mean)
    {
        public override Tensor forward(Tensor prediction, Tensor target) => dice(prediction, target).mean();
    }
}
