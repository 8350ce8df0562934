using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

public sealed class MethodTests
{
    /// <summary>A method of one's own: the upper or left half of the sample, the rest of the partner.</summary>
    private sealed record HalfMix : Method
    {
        public override bool Copies => true;

        public override Field Draw(Drawing drawing)
        {
            var along = drawing.Random.Next(drawing.Extent.Count);
            long[] from = [.. drawing.Extent.Select((size, d) => d == along ? size / 2 : 0)];
            return new BoxField(drawing.Extent, from, [.. drawing.Extent]);
        }
    }

    public static TheoryData<string> Tables =>
        [.. VectorCase.Names("cutmix").Select(row => row.Data).Where(name => name.Contains("bbox", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Tables))]
    public void BoxesAreTimms(string name)
    {
        var vector = VectorCase.Find("cutmix", name);
        var extent = new Extent((long)vector.Number("H")!, (long)vector.Number("W")!);
        var (lambda, y, x) = (vector.InputNumbers("lambda_raw"), vector.InputNumbers("cy"), vector.InputNumbers("cx"));
        var (boxes, corrected) = (vector.ExpectedNumbers("boxes"), vector.ExpectedNumbers("lambda_corrected"));
        for (var i = 0; i < lambda.Length; i++)
        {
            var expected = VectorCase.Box([.. boxes[(4 * i)..((4 * i) + 4)].Select(border => (long)border)], extent);
            Assert.Equal(corrected[i], expected.Lambda, vector.AbsoluteTolerance);

            // torchvision and fastai round otherwise: theirs are held as drawn boxes.
            if (name.StartsWith("timm", StringComparison.Ordinal) || name.StartsWith("composer", StringComparison.Ordinal))
            {
                Assert.Equal(expected, CutMix.BoxAt(extent, lambda[i], [(long)y[i], (long)x[i]]));
            }
        }
    }

    [Fact]
    public void AlphaAloneIsShortForInterpolation()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, 7, 3), Some.Classes(2, 3, 7));
        foreach (var alpha in new[] { 0.4, 1.5, 0 })
        {
            var usual = alpha == 0.4
                ? new InputMixup { State = new MixupState(3, 0) }
                : new InputMixup(alpha) { State = new MixupState(3, 0) };
            var named = new InputMixup(new MixupOptions { Method = new Interpolation(alpha), Seed = 3 });
            for (var i = 0; i < 5; i++)
            {
                using var one = usual.Begin(x, y);
                using var other = named.Begin(x, y);
                Assert.Equal(one.Draw.Mix, other.Draw.Mix);
                Bits.AssertEqual(one.Input, other.Input);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ABoxHasSidesOfOneRootAndLambdaIsItsArea(int dimensions)
    {
        long[] extent = [.. new long[] { 31, 20, 17 }[..dimensions]];
        foreach (var box in Draws(new CutMix { Position = BoxPosition.Inside }, 300, extent).Cast<BoxField>())
        {
            var shares = box.From.Zip(box.To, (from, to) => (double)(to - from)).Zip(
                extent, (side, size) => (Least: side / size, Most: (side + 1) / size)).ToArray();
            Assert.True(shares.Max(share => share.Least) < shares.Min(share => share.Most), "all sides are the same share, rounded down");
            Assert.Equal(
                1 - box.From.Zip(box.To, (from, to) => (double)(to - from)).Zip(extent, (side, size) => side / size)
                    .Aggregate((a, b) => a * b),
                box.Lambda,
                1e-12);
        }
    }

    [Fact]
    public void LambdaIsCorrectedUnlessToldOtherwise()
    {
        var corrected = Draws(new CutMix(), 200, 9, 9).Cast<BoxField>().ToArray();
        var raw = Draws(new CutMix { CorrectLambda = false }, 200, 9, 9).Cast<BoxField>().ToArray();
        Assert.Equal(corrected.Select(box => (box.From[0], box.To[1])), raw.Select(box => (box.From[0], box.To[1])));
        Assert.All(corrected, box => Assert.Equal(box.WeightsAt(box.Extent).mean().item<double>(), box.Lambda, 1e-12));
        Assert.True(raw.Count(box => Math.Abs(box.WeightsAt(box.Extent).mean().item<double>() - box.Lambda) > 0.01) > 100);
    }

    [Fact]
    public void ABoxFromARangeTouchesEveryBorderAndKeepsItsRange()
    {
        var boxes = Draws(new CutMix { SideShares = (0.25, 0.75) }, 600, 8, 12).Cast<BoxField>().ToArray();
        foreach (var (d, size) in new[] { (0, 8L), (1, 12L) })
        {
            Assert.Equal((0, size), (boxes.Min(box => box.From[d]), boxes.Max(box => box.To[d])));
            Assert.Equal((size / 4, size * 3 / 4), (boxes.Min(box => box.To[d] - box.From[d]), boxes.Max(box => box.To[d] - box.From[d])));
        }
    }

    [Fact]
    public void UniformBoxesCoverEveryCellAlikeAndClippedOnesDoNot()
    {
        using var scope = NewDisposeScope();
        double Spread(BoxPosition position)
        {
            var covered = Draws(new CutMix { Position = position }, 6_000, 12).Select(field => 1 - field.WeightsAt(field.Extent!))
                .Aggregate((a, b) => a.add_(b)).div(6_000);
            return covered.max().item<double>() - covered.min().item<double>();
        }

        Assert.InRange(Spread(BoxPosition.UniformOverCells), 0, 0.04); // six standard errors of a share
        Assert.InRange(Spread(BoxPosition.Clipped), 0.1, 1);
        Assert.InRange(Spread(BoxPosition.Inside), 0.1, 1);
    }

    [Theory]
    [InlineData(CoefficientPer.Sample)]
    [InlineData(CoefficientPer.Pair)]
    [InlineData(CoefficientPer.Batch)]
    public void OneOfSeveralIsDrawnForThoseWhoShareAField(CoefficientPer per)
    {
        using var scope = NewDisposeScope();
        var method = new OneOf((new Interpolation(1), 1), (new CutMix(), 3), (new HalfMix(), 0));
        var strategy = new InputMixup(new MixupOptions { Method = method, CoefficientPer = per, Seed = 4 });
        var (x, y, boxes, all) = (Some.Normal(1, 6, 1, 8, 8), Some.Classes(2, 3, 6), 0, 0);
        for (var i = 0; i < 200; i++)
        {
            using var step = strategy.Begin(x, y);
            var fields = step.Draw.Mix.Fields;
            var drawn = fields.Distinct(ReferenceEqualityComparer.Instance).Cast<Field>().ToArray();
            Assert.Equal(per switch { CoefficientPer.Sample => 6, CoefficientPer.Pair => 3, _ => 1 }, drawn.Length);
            Assert.All(
                Enumerable.Range(0, per == CoefficientPer.Pair ? 6 : 0),
                sample => Assert.Same(fields[sample], fields[(int)step.Draw.Mix.Partners[sample]]));
            (boxes, all) = (boxes + drawn.Count(field => field is BoxField), all + drawn.Length);
        }

        Assert.InRange((double)boxes / all, 0.75 - (4 * 0.43 / Math.Sqrt(all)), 0.75 + (4 * 0.43 / Math.Sqrt(all)));
        Assert.False(method.Copies);
        Assert.True(new OneOf((new CutMix(), 1), (new Interpolation(), 0)).Copies);
        Assert.Equal(method, new OneOf((new Interpolation(1), 1), (new CutMix(), 3), (new HalfMix(), 0)));
        Assert.NotEqual(method, new OneOf((new Interpolation(1), 1), (new CutMix(), 2), (new HalfMix(), 0)));
    }

    [Fact]
    public void PredictionsOfAWholeTargetAreBlendedByLambdaWhateverTheirRank()
    {
        using var scope = NewDisposeScope();
        var strategy = new OutputMixup(new MixupOptions { Method = new CutMix(), TargetKind = TargetKind.Whole, Seed = 3 });
        var (logits, ids) = (Some.Normal(1, 4, 3, 5), Some.Classes(2, 3, 4, 5)); // five attributes of a signal
        using var step = strategy.Begin(Some.Normal(3, 4, 2, 10), ids);
        var loss = new MixupLoss(CrossEntropyLoss(reduction: Reduction.Sum)).call(logits, step.Target);
        var lambda = tensor(step.Draw.Mix.Coefficients.ToArray(), ScalarType.Float32, Some.Device);
        var partners = TensorIndex.Tensor(tensor(step.Draw.Mix.Partners.ToArray(), device: Some.Device));
        var blended = (logits * lambda.view(4, 1, 1)) + (logits[partners] * (1 - lambda.view(4, 1, 1)));
        var values = CrossEntropyLoss(reduction: Reduction.None);
        var expected = (values.call(blended, ids) * lambda.view(4, 1)) + (values.call(blended, ids[partners]) * (1 - lambda.view(4, 1)));
        Some.AssertClose(expected.sum(), loss, 1e-5);
    }

    [Fact]
    public void WhereTheExtentOfHiddenFeaturesIsUnclearTheyAreRefused()
    {
        using var scope = NewDisposeScope();
        using var embedding = Embedding(20, 6).to(Some.Device);
        using var model = Sequential(("embedding", embedding)).to(Some.Device);
        using var same = Sequential(("a", Identity()));
        var (ids, y) = (Some.Classes(1, 20, 4, 9), Some.Classes(2, 2, 4));
        MixupOptions Options(ExtentPosition position) =>
            new() { Method = new CutMix(), ExtentDimensions = 1, ExtentPosition = position, Seed = 5, TargetKind = TargetKind.Whole };
        ManifoldMixup At(nn.Module network, string name, ExtentPosition position) =>
            new(network, Options(position), ManifoldPlaces.Named(name));

        // [B, T] became [B, T, F]: the drawn extent is not where it is looked for.
        using (var step = At(model, "embedding", ExtentPosition.Trailing).Begin(ids, y))
        {
            Assert.Contains(
                "BehindBatch",
                Assert.Throws<InvalidOperationException>(() => model.call(step.Input)).Message,
                StringComparison.OrdinalIgnoreCase);
        }

        using (var step = At(model, "embedding", ExtentPosition.BehindBatch).Begin(ids, y))
        {
            var mixed = model.call(step.Input);
            step.Dispose();
            var plain = embedding.call(ids);
            var own = stack([.. step.Draw.Mix.Fields.Select(field => field.WeightsAt([9]))]).eq(1).unsqueeze(2).to(Some.Device);
            Some.AssertEqual(
                where(own, plain, plain[TensorIndex.Tensor(tensor(step.Draw.Mix.Partners.ToArray(), device: Some.Device))]), mixed);
        }

        // [B, T] of a module: features, or a value for each step?
        using (var step = At(same, "a", ExtentPosition.Trailing).Begin(Some.Normal(1, 4, 9), y))
        {
            Assert.Contains(
                "each step",
                Assert.Throws<InvalidOperationException>(() => same.call(step.Input)).Message,
                StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void ABatchThatIsOverwrittenStaysInItsDisposeScope()
    {
        foreach (var method in new Method[] { new CutMix(), new SmoothMix(), new ResizeMix() })
        {
            var before = Some.LiveTensors;
            for (var i = 0; i < 3; i++)
            {
                using var scope = NewDisposeScope();
                var x = Some.Normal(1, 5, 2, 8, 8);
                using var step =
                    new InputMixup(new MixupOptions { Method = method }) { OverwriteInput = true }.Begin(x, arange(5, device: Some.Device));
            }

            Assert.Equal(before, Some.LiveTensors);
        }
    }

    [Fact]
    public void WhatHasNoExtentOrNoOrderIsRefused()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentNullException>(() => CutMix.BoxAt(null!, 0.5, []));
        Assert.Throws<ArgumentException>(() => FMix.MaskOf(full(4, float.NaN), 0.5));
    }

    [Fact]
    public void DenseIdsOfBytesAreRefusedWhateverIsDrawn()
    {
        using var scope = NewDisposeScope();
        var method = new OneOf(new Interpolation(1), new CutMix());
        var strategy = new InputMixup(new MixupOptions { Method = method, CoefficientPer = CoefficientPer.Batch, Seed = 1 });
        var ids = Some.Classes(2, 3, 4, 6, 5).to(ScalarType.Byte);
        for (var i = 0; i < 6; i++)
        {
            using var step = strategy.Begin(Some.Normal(1, 4, 3, 6, 5), ids);
            var error = Assert.Throws<ArgumentException>(() => new MixupLoss(CrossEntropyLoss()).call(step.Input, step.Target));
            Assert.Contains("Int64", error.Message, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void DensePredictionsAreNeverPastedWhateverIsDrawn()
    {
        using var scope = NewDisposeScope();
        var options =
            new MixupOptions { Method = new OneOf(new Interpolation(1), new CutMix()), CoefficientPer = CoefficientPer.Batch, Seed = 1 };
        var strategy = new OutputMixup(options);
        var (x, y) = (Some.Normal(1, 4, 2, 6, 5), Some.Classes(2, 3, 4, 6, 5));
        for (var i = 0; i < 8; i++)
        {
            Assert.Contains(
                "a field that only copies",
                Assert.Throws<ArgumentException>(() => strategy.Begin(x, y)).Message,
                StringComparison.OrdinalIgnoreCase);
            strategy.State = strategy.State with { Batch = i + 1 }; // another draw
        }

        new OutputMixup(options with { Method = new Interpolation(1) }).Begin(x, y).Dispose();
    }

    [Fact]
    public void TokensAreCutAlongTimeWithTheirPadding()
    {
        using var scope = NewDisposeScope();
        var strategy = new InputMixup(new MixupOptions { Method = new CutMix(), ExtentDimensions = 1, Seed = 5 });
        var (ids, y) = (Some.Classes(1, 100, 4, 9), Some.Classes(2, 2, 4));
        var padding = ids.lt(30);
        using var step = strategy.Begin([ids, padding], y);
        for (var sample = 0; sample < 4; sample++)
        {
            var own = step.Draw.Mix.Fields[sample].WeightsAt([9]).eq(1).to(Some.Device);
            Some.AssertEqual(where(own, ids[sample], ids[step.Draw.Mix.Partners[sample]]), step.Inputs[0][sample]);
            Some.AssertEqual(where(own, padding[sample], padding[step.Draw.Mix.Partners[sample]]), step.Inputs[1][sample]);
        }

        Some.AssertEqual(step.Inputs[1], step.Draw.Mix.UniteMask(padding));
    }

    [Fact]
    public void AReplayedAndAResumedDrawIsTheSame()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, 5, 2, 6, 7), Some.Classes(2, 3, 5));
        var options = new MixupOptions { Method = new OneOf(new CutMix(), new Interpolation(1)), Seed = 6 };
        var strategy = new InputMixup(options) { OverwriteInput = true };
        strategy.Begin(x.clone(), y).Dispose();
        var state = strategy.State;
        using var step = strategy.Begin(x.clone(), y);
        using var replayed = new InputMixup().Begin(x, y, step.Draw);
        Bits.AssertEqual(step.Input, replayed.Input);
        using var resumed = new InputMixup(options) { State = state, OverwriteInput = true }.Begin(x.clone(), y);
        Assert.Equal(step.Draw, resumed.Draw);
        Bits.AssertEqual(step.Input, resumed.Input);
    }

    [Fact]
    public void WhatIsReadBackOnceIsMadeOnceForABatch()
    {
        using var scope = NewDisposeScope();
        var calls = new List<(int, long)>();
        var made = 0;
        var strategy = new InputMixup(
            new MixupOptions
            {
                Method = new Own(drawing =>
                {
                    calls.Add((drawing.Sample,
            drawing.Partner)); return new NumberField(drawing.Once("key", () => ++made / 10.0));
                }),
                Seed = 7
            });
        using (var step = strategy.Begin(Some.Normal(1, 3, 2, 4), Some.Classes(2, 3, 3)))
        {
            Assert.Equal([0.1, 0.1, 0.1], step.Draw.Mix.Coefficients.ToArray());
            Assert.Equal(step.Draw.Mix.Partners.ToArray().Select((partner, sample) => (sample, partner)), calls);
        }

        strategy.Begin(Some.Normal(1, 3, 2, 4), Some.Classes(2, 3, 3)).Dispose();
        Assert.Equal(2, made);
    }

    [Theory]
    [InlineData("input")]
    [InlineData("a")]
    [InlineData("output")]
    public void NothingIsReadBack(string place)
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("a", Linear(6, 8)), ("b", Flatten()), ("c", Linear(80, 4))).to(META);
        var options = new MixupOptions
        {
            Method = new OneOf(new CutMix(), new Interpolation(1), new FMix(), new GridMix(), new SmoothMix()),
            Seed = 8
        };
        IMixupStrategy strategy = place switch
        {
            "input" => new InputMixup(options),
            "output" => new OutputMixup(options),
            _ => new ManifoldMixup(model, options, ManifoldPlaces.Named("a").WithoutInput()),
        };
        using var step = strategy.Begin(empty(5, 2, 5, 6, device: META), empty(5, ScalarType.Int64, META));
        new MixupLoss(CrossEntropyLoss()).call(model.call(step.Input), step.Target).backward();
        Assert.All(model.parameters(), parameter => Assert.Equal(DeviceType.META, parameter.grad!.device_type));
    }

    public static TheoryData<string, Func<object>, string> Mistakes => new()
    {
        { "a target that must be said", () => Begin(new CutMix(), Image, Some.Classes(1, 3, 4, 5, 7)),
            "TargetKind.Whole or TargetKind.Dense" },
        { "such a target of a draw without boxes", () =>
                new InputMixup(new MixupOptions { Method = new CutMix(), Probability = 0 })
                    .Begin(Image, Some.Classes(1, 3, 4, 5, 7)), "TargetKind.Dense" },
        { "labels of a sequence of another length", () => Begin(new CutMix(), Some.Normal(1, 4, 3, 8), Some.Classes(1, 3, 4, 6)),
            "TargetKind.Dense" },
        { "a dense target of one's own", () => new MixedTarget(new Mix([new BoxField([8], [1], [2])], [0]), zeros(1, 6)),
            "new MixedTarget" },
        { "no dense target",
            () =>
                new MixedTarget(
                    new Mix([new BoxField([8, 8], [1, 1], [2, 2])], [0]), zeros(1, 6), kind: TargetKind.Dense), "choose TargetKind.Whole" },
        { "no such kind", () => new MixupOptions { TargetKind = (TargetKind)7 }, "no such TargetKind" },
        { "no extent", () => Begin(new CutMix(), Some.Normal(1, 4, 8), Classes), "ExtentDimensions" },
        { "ids where the method blends", () => Begin(new OneOf(new CutMix(), new Interpolation()), Some.Classes(1, 9, 4, 2, 8), Classes),
            "only copies" },
        { "ids that have no extent", () => new InputMixup(new MixupOptions { Method = new CutMix() }).Begin([Image, Classes], Classes),
            "no extent" },
        { "ids at another resolution", () =>
                new InputMixup(new MixupOptions { Method = new CutMix() })
                    .Begin([Image, Some.Classes(1, 9, 4, 1, 6, 6)], Classes), "whole multiple" },
        { "a method that is null", () => new MixupOptions { Method = null! }, "new Interpolation()" },
        { "a stacked box of a schedule", () =>
                new InputMixup(new MixupOptions { Schedule = _ => (new CutMix(), 1) }) { StackInput = true }.Begin(Image, Classes),
                "leave StackInput off" },
        { "a stacked box", () => new InputMixup(new MixupOptions { Method = new CutMix() }) { StackInput = true }, "leave StackInput off" },
        { "a stacked box replayed", () =>
                new InputMixup { StackInput = true }.Begin(
                    Image,
                    Classes,
                    new MixupDraw(
                        new Mix([.. Enumerable.Repeat(new BoxField([8, 8], [1, 1], [2, 2]), 4)], [1, 0, 3, 2]),
                        MixupPlace.Input)), "leave StackInput off" },
        { "alpha below 0", () => new CutMix(-1), "alpha" },
        { "alpha of numbers below 0", () => new Interpolation { Alpha = double.NaN }, "alpha" },
        { "shares out of order", () => new CutMix { SideShares = (0.8, 0.2) }, "the smaller one first" },
        { "shares above 1", () => new CutMix { SideShares = (0.8, 1.2) }, "the smaller one first" },
        { "no such position", () => new CutMix { Position = (BoxPosition)7 }, "no such BoxPosition" },
        { "no method", () => new OneOf(Array.Empty<Method>()), "one or more" },
        { "a weight below 0", () => new OneOf((new CutMix(), -1)), "one or more" },
        { "no weight", () => new OneOf((new CutMix(), 0)), "one above 0" },
        { "no dimensions", () => new MixupOptions { ExtentDimensions = 0 }, "one dimension or more" },
        { "no field", () => Begin(new Own(_ => null!), Image, Classes), "returned null" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void MistakesAreNamed(string mistake, Func<object> act, string remedy)
    {
        using var scope = NewDisposeScope();
        Assert.NotEmpty(mistake);
        Assert.Contains(remedy, Assert.ThrowsAny<Exception>(act).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void AnErrorChangesNeitherTheStrategyNorTheBatch()
    {
        using var scope = NewDisposeScope();
        var strategy = new InputMixup(new MixupOptions { Method = new CutMix(), Seed = 9 }) { OverwriteInput = true };
        var (x, state) = (Image, strategy.State);
        var before = x.clone();
        Assert.Throws<ArgumentException>(() => strategy.Begin(x, Some.Classes(1, 3, 4, 5, 7)));
        Assert.Throws<ArgumentException>(() => strategy.Begin([x, Some.Normal(1, 4, 5, 6, 7, 8)], Classes));
        Bits.AssertEqual(before, x);
        Assert.Equal(state, strategy.State);
    }

    [Fact]
    public void ATargetThatIsSaidToBeWholeIsWeighedByLambda()
    {
        using var scope = NewDisposeScope();
        var strategy = new InputMixup(new MixupOptions { Method = new CutMix(), TargetKind = TargetKind.Whole, Seed = 10 });
        var (x, y, logits) = (Some.Normal(1, 4, 3, 8), Some.Normal(2, 4, 8).sigmoid(), Some.Normal(3, 4, 8));
        using var step = strategy.Begin(x, y);
        var lambda = tensor(step.Draw.Mix.Coefficients.ToArray(), ScalarType.Float32).to(Some.Device).unsqueeze(1);
        var blended = y.mul(lambda).add(step.Draw.Mix.SelectPartners(y).mul(1 - lambda));
        Some.AssertClose(BCEWithLogitsLoss().call(logits, blended), new MixupLoss(BCEWithLogitsLoss()).call(logits, step.Target), 1e-6);
    }

    private static Tensor Image => Some.Normal(1, 4, 3, 8, 8);

    private static Tensor Classes => Some.Classes(2, 3, 4);

    private static MixupStep Begin(Method method, Tensor x, Tensor y) =>
        new InputMixup(new MixupOptions { Method = method, Seed = 1 }).Begin(x, y);

    private static Method Make(string name) => name switch
    {
        "cutmix" => new CutMix(),
        "uncorrected" => new CutMix { CorrectLambda = false },
        "fmix" => new FMix(),
        "soft fmix" => new FMix { Softness = 0.3 },
        "gridmix" => new GridMix(),
        "smoothmix" => new SmoothMix(),
        "saliencymix" => new SaliencyMix(),
        "attentivemix" => new AttentiveMix(samples => samples.mean([1]), 3),
        "one of" => new OneOf(new Interpolation(1), new CutMix()),
        _ => new HalfMix(),
    };

    /// <summary>Fields that a method draws for an extent.</summary>
    private static List<Field> Draws(Method method, int count, params long[] extent)
    {
        using var scope = NewDisposeScope();
        using var step = new InputMixup(new MixupOptions { Method = method, Seed = 11 }).Begin(
            zeros([count, 1, .. extent]), zeros(count, ScalarType.Int64));
        return [.. step.Draw.Mix.Fields];
    }

    private sealed record Own(Func<Drawing, Field> Make) : Method
    {
        public override Field Draw(Drawing drawing) => Make(drawing);
    }
}
