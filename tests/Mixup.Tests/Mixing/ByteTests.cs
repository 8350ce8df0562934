namespace TorchSharp.Mixup.Tests;

/// <summary>Bytes, which are images: blended in float32 and rounded once, on either path.</summary>
public sealed class ByteTests
{
    // What float32 leaves of the exact sum: 2^-14 covers the roundings of two weights, two products and a sum of values up to 255.
    private const double Slack = 1.0 / 16_384;

    private static readonly double[] Sixteenths = [.. Enumerable.Range(0, 17).Select(k => k / 16.0)];

    [Fact]
    public void EveryPairOfValuesIsThePlainFormulaRoundedOnce()
    {
        using var scope = NewDisposeScope();
        var x = Pairs();
        foreach (var lambda in Sixteenths)
        {
            var mix = new Mix([lambda, lambda], [1, 0]);
            var expected = Some.Reference(x, mix.Coefficients, mix.Partners).round().to(ScalarType.Byte).to(Some.Device);
            AssertOnEveryPath(expected, mix, x);
        }
    }

    [Fact]
    public void OtherCoefficientsAreRoundedOnceTooUpToANearTie()
    {
        using var scope = NewDisposeScope();
        var x = Pairs();
        var random = new Random(1);
        foreach (var lambda in Enumerable.Range(0, 40).Select(i => i < 20 ? random.NextDouble() : Math.Pow(random.NextDouble(), 20)))
        {
            var mix = new Mix([lambda, 1 - lambda], [1, 0]);
            var blended = mix.Blend(x);
            AssertRounded(Some.Reference(x, mix.Coefficients, mix.Partners), blended);
            AssertOnEveryPath(blended, mix, x);
        }
    }

    [Fact]
    public void ByCellsItIsTheSame()
    {
        using var scope = NewDisposeScope();
        var x = Pairs().unsqueeze(1);
        var random = new Random(2);
        var sixteenths = tensor([.. Enumerable.Range(0, 65_536).Select(_ => random.Next(17) / 16.0)], [65_536], ScalarType.Float64);
        var any = tensor([.. Enumerable.Range(0, 65_536).Select(_ => random.NextDouble())], [65_536], ScalarType.Float64);
        foreach (var (weights, isExact) in new[] { (sixteenths, true), (any, false) })
        {
            var mix = new Mix([new MaskField(weights), new MaskField(weights)], [1, 0]);
            var wide = x.cpu().to(ScalarType.Float64);
            var exact = wide.mul(weights).add(wide.flip(0).mul(weights.neg().add(1)));
            var blended = mix.Blend(x);
            AssertRounded(exact, blended);
            if (isExact)
            {
                Some.AssertEqual(exact.round().to(ScalarType.Byte).to(Some.Device), blended);
            }

            AssertOnEveryPath(blended, mix, x);
        }
    }

    [Fact]
    public void EqualBytesStayWhatTheyAre()
    {
        using var scope = NewDisposeScope();
        var x = arange(256).to(ScalarType.Byte).to(Some.Device).repeat(6, 5);
        var random = new Random(3);
        for (var i = 0; i < 200; i++)
        {
            var mix = new Mix([.. Enumerable.Range(0, 6).Select(_ => random.NextDouble())], DrawnFields.Partners);
            Some.AssertEqual(x, mix.Blend(x));
        }
    }

    public static TheoryData<string, int, MixupOutputs> Product => new MatrixTheoryData<string, int, MixupOutputs>(
        DrawnFields.Kinds, [1, 2, 3], [MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed()]);

    [Theory]
    [MemberData(nameof(Product))]
    public void FieldsOfEveryKindBlendBytesOnEveryPath(string kind, int dimensions, MixupOutputs outputs)
    {
        using var scope = NewDisposeScope();
        var fields = DrawnFields.Of(kind, dimensions);
        long[] extent = [.. DrawnFields.Extent(dimensions)];
        foreach (var (sizes, first, position) in new (long[], int, ExtentPosition)[]
        {
            ([6, 3, .. extent], 2, ExtentPosition.Trailing),
            ([6, 3, .. extent.Select(size => size - 1)], 2, ExtentPosition.Trailing),
            ([6, .. extent.Select(size => 2 * size), 3], 1, ExtentPosition.BehindBatch),
        })
        {
            var mix = new Mix(fields, DrawnFields.Partners, outputs, position);
            var x = Some.Classes(dimensions, 256, sizes).to(ScalarType.Byte);
            var blended = mix.Blend(x);
            var weights = DrawnFields.Weights(fields, x, kind == "numbers" ? null : first, outputs == MixupOutputs.Both);
            var mixed = DrawnFields.Plain(x.to(ScalarType.Float64), weights, outputs == MixupOutputs.Both);
            var isCleanToo = outputs.RowsPerSample == 2 && outputs != MixupOutputs.Both;
            var exact = isCleanToo ? cat([x.to(ScalarType.Float64), mixed]) : mixed;
            AssertRounded(exact, blended);
            AssertOnEveryPath(blended, mix, x, kind is "boxes" or "some of each" ? exact : null);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(40)]
    public void LargeBatchesAreSharedOutAmongThreads(int batch)
    {
        using var scope = NewDisposeScope();
        var random = new Random(batch);
        foreach (var (height, width) in new[] { (256L, 208L), (101, 97) }) // one of 40 is written past the caches
        {
            var x = Some.Classes(batch, 256, batch, 3, height, width).to(ScalarType.Byte);
            foreach (var pairing in new[] { Cycle(batch), [.. Enumerable.Range(0, batch).Select(_ => random.NextInt64(batch))] })
            {
                var mix = new Mix([.. Enumerable.Range(0, batch).Select(i => i == 1 ? 1 : random.NextDouble())], pairing);
                var blended = mix.Blend(x);
                AssertRounded(Some.Reference(x, mix.Coefficients, mix.Partners), blended);
                AssertOnEveryPath(blended, mix, x);
            }
        }
    }

    [Theory]
    [InlineData(Resizing.Nearest)]
    [InlineData(Resizing.Bilinear)]
    public void AResizedPartnerIsRoundedOnce(Resizing resizing)
    {
        using var scope = NewDisposeScope();
        Field[] fields = [.. DrawnFields.Of("boxes", 2).Select(box => new ResizedBoxField((BoxField)box, resizing))];
        var mix = new Mix(fields, DrawnFields.Partners);
        foreach (var sizes in new long[][] { [6, 3, 8, 6], [6, 3, 13, 7], [6, 3, 16, 12] })
        {
            var x = Some.Classes(4, 256, sizes).to(ScalarType.Byte);
            var blended = mix.Blend(x);
            var exact = mix.Blend(x.to(ScalarType.Float64));
            AssertRounded(exact, blended);
            AssertOnEveryPath(blended, mix, x, exact);
        }
    }

    [Fact]
    public void TargetsOfBytesStayClassIds()
    {
        using var scope = NewDisposeScope();
        var (x, ids, logits) = (Some.Classes(1, 256, 6, 3, 4, 4).to(ScalarType.Byte), Some.Classes(2, 3, 6), Some.Normal(3, 6, 3));
        var loss = new MixupLoss(torch.nn.CrossEntropyLoss());
        Tensor Judge(Tensor target)
        {
            using var step = new InputMixup(new MixupOptions { Seed = 1 }).Begin(x, target);
            Assert.Equal(ScalarType.Byte, step.Input.dtype);
            return loss.call(logits, step.Target);
        }

        Some.AssertEqual(Judge(ids), Judge(ids.to(ScalarType.Byte)));
    }

    [Fact]
    public void ManifoldMixupMixesBytesAtTheInput()
    {
        using var scope = NewDisposeScope();
        using var model = torch.nn.Sequential(("a", torch.nn.Linear(4, 8)), ("b", torch.nn.Linear(8, 3))).to(Some.Device);
        var strategy = new ManifoldMixup(model, new MixupOptions { Seed = 1 }, ManifoldPlaces.Named("a").WithInput());
        var (x, y) = (Some.Classes(1, 256, 6, 4).to(ScalarType.Byte), Some.Classes(2, 3, 6));
        var places = new HashSet<MixupPlace>();
        for (var i = 0; i < 20; i++)
        {
            using var step = strategy.Begin(x, y);
            places.Add(step.Draw.Place);
            Some.AssertEqual(step.Draw.Place == MixupPlace.Input ? step.Draw.Mix.Blend(x) : x, step.Input);
        }

        Assert.Contains(MixupPlace.Input, places);
        Assert.Equal(2, places.Count);
    }

    [Fact]
    public void AStackedInputOfBytesIsThoseBytes()
    {
        using var scope = NewDisposeScope();
        var x = Some.Classes(1, 256, 6, 4).to(ScalarType.Byte);
        using var step = new InputMixup { StackInput = true }.Begin(x, Some.Classes(2, 3, 6));
        Some.AssertEqual(x, step.Inputs[0]);
        Some.AssertEqual(step.Draw.Mix.SelectPartners(x), step.Inputs[1]);
        Assert.Equal(ScalarType.Float32, step.Inputs[2].dtype);
    }

    [Fact]
    public void NothingIsReadBack()
    {
        foreach (var kind in DrawnFields.Kinds)
        {
            foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed() })
            {
                using var scope = NewDisposeScope();
                var mix = new Mix(DrawnFields.Of(kind, 2), DrawnFields.Partners, outputs);
                var blended = mix.Blend(empty([6, 3, 5, 7], ScalarType.Byte, META));
                Assert.Equal((DeviceType.META, ScalarType.Byte, mix.Rows), (blended.device_type, blended.dtype, (int)blended.shape[0]));
            }
        }
    }

    /// <summary>Every pair of values, as two rows.</summary>
    private static Tensor Pairs()
    {
        var values = arange(256).to(ScalarType.Byte);
        return stack([values.repeat_interleave(256), values.repeat(256)]).to(Some.Device);
    }

    private static long[] Cycle(int batch) => [.. Enumerable.Range(1, batch).Select(i => (long)(i % batch))];

    /// <summary>
    /// Kept and overwritten, dense and with gaps in memory, channels_last where there are any: the same bits. Where cells are cut by the
    /// edges of boxes, what torch's operations mix has weights that are computed in float32: there the exact values are given.
    /// </summary>
    private static void AssertOnEveryPath(Tensor expected, Mix mix, Tensor x, Tensor? exact = null)
    {
        void AssertSame(Tensor blended, bool byTorch)
        {
            if (byTorch && exact is not null)
            {
                AssertRounded(exact, blended);
            }
            else
            {
                Bits.AssertEqual(expected, blended);
            }
        }

        AssertSame(mix.Blend(x), byTorch: false);
        AssertSame(mix.Blend(Strided(x)), byTorch: true);
        if (x.dim() == 4)
        {
            var channelsLast = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
            var blended = mix.Blend(channelsLast);
            Assert.Equal(channelsLast.stride(), blended.stride());
            Bits.AssertEqual(expected, blended);
        }

        if (mix.Outputs != MixupOutputs.Mixed)
        {
            return;
        }

        foreach (var overwritten in new[] { x.clone(), Strided(x) })
        {
            var byTorch = !overwritten.is_contiguous();
            using var step = new InputMixup { OverwriteInput = true }.Begin(
                overwritten, zeros(mix.BatchSize, ScalarType.Int64, x.device), new MixupDraw(mix, MixupPlace.Input));
            AssertSame(overwritten, byTorch);
        }
    }

    /// <summary>The nearest byte of each value, but for one that lies so near to the middle of two that float32 may take either.</summary>
    private static void AssertRounded(Tensor exact, Tensor blended)
    {
        Assert.Equal(ScalarType.Byte, blended.dtype);
        Assert.Equal(exact.shape, blended.shape);
        var error = blended.cpu().to(ScalarType.Float64).sub(exact.cpu()).abs().max().item<double>();
        Assert.True(error <= 0.5 + Slack, $"off by {error}");
    }

    /// <summary>The same values with gaps between them, which go by torch's operations.</summary>
    private static Tensor Strided(Tensor x)
    {
        var strided = zeros([.. x.shape, 2], x.dtype, x.device).select(-1, 1);
        strided.copy_(x);
        return strided;
    }
}
