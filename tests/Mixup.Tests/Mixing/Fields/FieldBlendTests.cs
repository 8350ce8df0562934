namespace TorchSharp.Mixup.Tests;

public sealed class FieldBlendTests
{
    private static readonly ScalarType[] Floating = [ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64];

    // A shape for each way to see the extent; the sizes of "other" do not divide those that fields are drawn on.
    private static readonly string[] Shapes = ["channels", "no channels", "other", "behind the batch", "features", "one number"];

    public static TheoryData<string, int, ScalarType, bool> Product =>
        new MatrixTheoryData<string, int, ScalarType, bool>(DrawnFields.Kinds, [1, 2, 3], Floating, [false, true]);

    [Theory]
    [MemberData(nameof(Product))]
    public void EqualsTheFormulaWithExplicitMasksForwardAndBackward(string kind, int dimensions, ScalarType dtype, bool twoOutputs)
    {
        foreach (var shape in Shapes)
        {
            using var scope = NewDisposeScope();
            var fields = DrawnFields.Of(kind, dimensions);
            var (sizes, first) = Shape(shape, dimensions, isNumbers: kind == "numbers");
            var mix = new Mix(
                fields,
                DrawnFields.Partners,
                Some.Outputs(twoOutputs),
                shape == "behind the batch" ? ExtentPosition.BehindBatch : ExtentPosition.Trailing);
            var x = Some.Normal(1, dtype, sizes).requires_grad_();
            var plain = x.detach().to(ScalarType.Float64).requires_grad_();
            var weights = DrawnFields.Weights(fields, x, first, twoOutputs);
            var expected = DrawnFields.Plain(plain, weights, twoOutputs);

            var blended = mix.Blend(x);
            Assert.Equal((dtype, mix.Rows), (blended.dtype, (int)blended.shape[0]));
            var magnitude = DrawnFields.Plain(plain.detach().abs(), weights, twoOutputs);
            var within = magnitude.mul(Some.Epsilon(dtype)).add(
                dtype == ScalarType.Float64 ? 8 * Some.Epsilon(dtype) : Some.Epsilon(dtype) / 64);
            Assert.True(blended.detach().to(ScalarType.Float64).sub(expected.detach()).abs().le(within).all().ToBoolean(), shape);

            var upstream = Some.Normal(2, dtype, blended.shape);
            blended.backward([upstream]);
            expected.backward([upstream.to(ScalarType.Float64)]);
            Some.AssertClose(plain.grad!, x.grad!, 4 * Some.Epsilon(dtype), 8 * Some.Epsilon(dtype));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheGradientCanBeDifferentiatedAgain(bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var fields = DrawnFields.Of("some of each", 2);
        var mix = new Mix(fields, DrawnFields.Partners, Some.Outputs(twoOutputs));
        var x = Some.Normal(3, ScalarType.Float64, 6, 2, 5, 7).requires_grad_();
        var plain = x.detach().clone().requires_grad_();
        var weights = DrawnFields.Weights(fields, x, 2, twoOutputs);
        Tensor Penalty(Tensor input, Func<Tensor, Tensor> blend) =>
            autograd.grad([blend(input).pow(3).sum()], [input], retain_graph: true, create_graph: true)[0].pow(2).sum();
        Penalty(x, mix.Blend).backward();
        Penalty(plain, input => DrawnFields.Plain(input, weights, twoOutputs)).backward();
        Some.AssertClose(plain.grad!, x.grad!, 1e-11, 1e-12);
    }

    [Fact]
    public void AGradientFlowsAfterTheMixWasDisposed()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix(DrawnFields.Of("some of each", 1), DrawnFields.Partners);
        var x = Some.Normal(4, 6, 2, 12).requires_grad_();
        var (before, after) = (mix.Blend(x), mix.Blend(x));
        before.sum().backward();
        var expected = x.grad!.clone();
        x.grad!.zero_();
        mix.Release();
        after.sum().backward();
        Some.AssertEqual(expected, x.grad!);
    }

    [Theory]
    [MemberData(nameof(Product))]
    public void WeightsOfZeroAndOneCopyBits(string kind, int dimensions, ScalarType dtype, bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var fields = DrawnFields.Of(kind, dimensions);
        var mix = new Mix(fields, DrawnFields.Partners, Some.Outputs(twoOutputs));
        var x = Bits.Spoilers(dtype, DrawnFields.Batch, [3, .. DrawnFields.Extent(dimensions)]);
        var weights = kind == "numbers" ? zeros(1, ScalarType.Float64).view(Check(x)) : DrawnFields.Weights(fields, x, 2, twoOutputs).cpu();
        var partner = x.index(TensorIndex.Tensor(tensor(DrawnFields.Partners)));
        var blended = mix.Blend(x.to(Some.Device)).cpu();
        var (samples, partners) = twoOutputs ? (cat([x, x]), cat([partner, partner])) : (x, partner);
        var isHard = kind == "numbers"
            ? zeros_like(samples, ScalarType.Bool)
            : weights.eq(0).logical_or(weights.eq(1)).expand(samples.shape);
        Assert.True(kind is "numbers" || isHard.any().ToBoolean());
        var expected = where(weights.eq(1), samples, partners);
        Bits.AssertEqual(where(isHard, expected, zeros_like(expected)), where(isHard, blended, zeros_like(blended)));

        static long[] Check(Tensor x) => [.. x.shape.Select(_ => 1L)];
    }

    [Theory]
    [InlineData("boxes")]
    [InlineData("hard masks")]
    [InlineData("edges")]
    public void EveryTypeIsCutAndPasted(string kind)
    {
        foreach (var (dimensions, twoOutputs) in new[] { (1, false), (2, false), (3, false), (2, true) })
        {
            foreach (
                var dtype in new[] { ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32,
                    ScalarType.Int64 })
            {
                using var scope = NewDisposeScope();
                var fields = DrawnFields.Of(kind, dimensions);
                var mix = new Mix(fields, DrawnFields.Partners, Some.Outputs(twoOutputs));
                foreach (var multiple in new[] { 1, 2 })
                {
                    var x = Some.Classes(
                        1,
                        dtype == ScalarType.Bool ? 2 : 100,
                        [6, .. DrawnFields.Extent(dimensions).Select((size,
                            d) => d == 0 || dimensions == 1 ? size * (dimensions == 1 ? 1 : multiple) : size * multiple)]).to(dtype);
                    var weights = DrawnFields.Weights(fields, x, 1, twoOutputs);
                    Some.AssertEqual(DrawnFields.Plain(x.to(ScalarType.Float64), weights, twoOutputs).to(dtype), mix.Blend(x));
                }
            }
        }
    }

    [Fact]
    public void PaddingIsPastedWithItsCells()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([new BoxField([4], [1], [3]), new NumberField(0.5), new NumberField(1)], [1, 0, 2]);
        var padding = tensor(new[] { false, false, true, true, true, true, false, false, false, true, false, true }).view(3, 4)
            .to(Some.Device);
        var expected = tensor(
            new[] { false, true, false, true, false, false, false, false, false, true, false, true }).view(3, 4).to(Some.Device);
        Some.AssertEqual(expected, mix.UniteMask(padding));
        Some.AssertEqual(expected.bitwise_not(), mix.UniteMask(padding.bitwise_not(), trueIsPadding: false));

        var both = new Mix([new BoxField([4], [1], [3]), new NumberField(0.5), new NumberField(1)], [1, 0, 2], outputs: MixupOutputs.Both);
        Some.AssertEqual(tensor(new[] { true, false, true, false }).to(Some.Device), both.UniteMask(padding)[3]);
    }

    [Fact]
    public void MixesCompareAndPrintByValue()
    {
        using var scope = NewDisposeScope();
        Mix Make(string kind = "some of each", bool twoOutputs = false, ExtentPosition position = ExtentPosition.Trailing, int seed = 1) =>
            new(DrawnFields.Of(kind, 2, seed), DrawnFields.Partners, Some.Outputs(twoOutputs), position);
        Assert.Equal(Make(), Make());
        Assert.Equal(Make().GetHashCode(), Make().GetHashCode());
        Assert.Equal(new MixupDraw(Make(), MixupPlace.Input), new MixupDraw(Make(), MixupPlace.Input));
        foreach (
            var other in new[] { Make("boxes"), Make(twoOutputs: true), Make(position: ExtentPosition.BehindBatch), Make(seed: 2),
                new Mix(DrawnFields.Of("some of each", 2), [1, 0, 3, 2, 5, 4]) })
        {
            Assert.NotEqual(Make(), other);
        }

        Assert.Equal(Some.Mix(), new Mix([.. Some.Coefficients.Select(lambda => new NumberField(lambda))], Some.Permutation));
        Assert.Equal("Mix { 0 with 1: NumberField { Lambda = 0.5 }, 1 with 0: BoxField { Extent = [4], From = [1], To = [2], Lambda = " +
            "0.75 }; Both }",
            new Mix([new NumberField(0.5), new BoxField([4], [1], [2])], [1, 0], outputs: MixupOutputs.Both).ToString());
        Assert.Equal(DrawnFields.Of("boxes", 2), Make("boxes").Fields);
        Assert.Equal(DrawnFields.Of("boxes", 2).Select(field => field.Lambda), Make("boxes").Coefficients.ToArray());
        Assert.Equal(DrawnFields.Extent(2), Make("boxes").Extent);
    }

    [Fact]
    public void NumbersTakeTheirOldPathBitForBit()
    {
        using var scope = NewDisposeScope();
        var numbers = Some.Mix();
        var fields = new Mix([.. Some.Coefficients.Select(lambda => new NumberField(lambda))], Some.Permutation);
        foreach (var dtype in Floating)
        {
            var x = Some.Normal(1, dtype, 5, 3, 7);
            Bits.AssertEqual(numbers.Blend(x), fields.Blend(x));
        }
    }

    [Fact]
    public void ALargeBatchGoesByPartsAndKeepsItsLayout()
    {
        using var scope = NewDisposeScope();
        Field[] fields = [.. DrawnFields.Of("some of each", 2), .. DrawnFields.Of("soft masks", 2), .. DrawnFields.Of("boxes", 2)];
        long[] partners = [.. Enumerable.Range(1, 17).Select(i => (long)i), 0];
        var mix = new Mix(fields, partners);
        var x = Some.Normal(5, 18, 40, 96, 72).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        var blended = mix.Blend(x);
        Assert.Equal(x.stride(), blended.stride());
        var weights = DrawnFields.Weights(fields, x, 2, false).to(ScalarType.Float32);
        var partner = x.index(TensorIndex.Tensor(tensor(partners, device: x.device)));
        Some.AssertClose(x.mul(weights).add(partner.mul(1 - weights)), blended, 1e-6, 1e-6);
    }

    public static TheoryData<string, long[], ScalarType, string> Refused => new()
    {
        { "boxes", [6, 197, 768], ScalarType.Float32, "BlendWhole" },
        { "boxes", [6, 2, 2, 8, 6], ScalarType.Float32, "unsqueeze(1)" },
        { "boxes", [6, 8], ScalarType.Int64, "has no extent" },
        { "boxes", [6, 3, 5, 7], ScalarType.Int64, "choose a method that only copies" },
        { "soft masks", [6, 3, 8, 6], ScalarType.Int16, "choose a method that only copies" },
        { "boxes", [5, 3, 8, 6], ScalarType.Float32, "draw for this batch" },
        { "numbers", [6, 3, 8, 6], ScalarType.Int64, "manifold mixup on the embedding" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void WhatCannotBeBlendedIsRefusedWithItsCure(string kind, long[] shape, ScalarType dtype, string cure)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix(DrawnFields.Of(kind, 2), DrawnFields.Partners);
        Assert.Contains(
            cure,
            Assert.Throws<ArgumentException>(() => mix.Blend(zeros(shape, dtype, Some.Device))).Message,
            StringComparison.OrdinalIgnoreCase);
        if (dtype == ScalarType.Float32 && shape[0] == 6)
        {
            Assert.Equal(shape, mix.BlendWhole(zeros(shape, dtype, Some.Device)).shape);
        }
    }

    [Fact]
    public void FieldsOfDifferentDimensionsAreRefused()
    {
        Assert.Contains("one number of dimensions", Assert.Throws<ArgumentException>(() =>
                new Mix([new BoxField([4], [1], [2]), new BoxField([4, 4], [1, 1], [2, 2])],
                [1, 0])).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "NumberField(1)",
            Assert.Throws<ArgumentException>(() => new Mix([new BoxField([4], [1], [2]), null!], [1, 0])).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains("1 fields but 2 partners",
            Assert.Throws<ArgumentException>(() => new Mix([new BoxField([4], [1], [2])], [1, 0])).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    public static TheoryData<string, ScalarType, bool> OnMeta =>
        new MatrixTheoryData<string, ScalarType, bool>(DrawnFields.Kinds, Floating, [false, true]);

    [Theory]
    [MemberData(nameof(OnMeta))]
    public void NothingIsReadBack(string kind, ScalarType dtype, bool twoOutputs)
    {
        foreach (var dimensions in new[] { 1, 2, 3 })
        {
            using var scope = NewDisposeScope();
            var mix = new Mix(DrawnFields.Of(kind, dimensions), DrawnFields.Partners, Some.Outputs(twoOutputs));
            foreach (var shape in new[] { "channels", "other", "features" })
            {
                var x = empty(Shape(shape, dimensions, false).Sizes, dtype, META, requires_grad: true);
                var blended = mix.Blend(x);
                blended.backward([empty_like(blended)]);
                Assert.Equal((DeviceType.META, DeviceType.META, dtype), (blended.device_type, x.grad!.device_type, blended.dtype));
            }

            Assert.Equal(
                DeviceType.META, mix.UniteMask(empty([6, 1, .. DrawnFields.Extent(dimensions)], ScalarType.Bool, META)).device_type);
            if (kind is "boxes" or "hard masks")
            {
                Assert.Equal(DeviceType.META, mix.Blend(empty([6, .. DrawnFields.Extent(dimensions)], ScalarType.Int64, META)).device_type);
            }
        }
    }

    private static (long[] Sizes, int? First) Shape(string shape, int dimensions, bool isNumbers)
    {
        long[] extent = [.. DrawnFields.Extent(dimensions)];
        (long[] Sizes, int? First) = shape switch
        {
            "channels" => ([6, 3, .. extent], 2),
            "no channels" => ([6, .. extent], 1),
            "other" => ([6, 3, .. new long[] { 5, 7, 2 }[..dimensions]], 2),
            "behind the batch" => ([6, .. extent, 3], 1),
            "features" => ([6, 5], null),
            _ => (new long[] { 6 }, (int?)null),
        };
        return (Sizes, isNumbers ? null : First);
    }
}
