namespace TorchSharp.Mixup.Tests;

/// <summary>
/// The CPU's own loops against torch's operations, which a tensor with gaps in its memory goes by, and both against the plain formula.
/// </summary>
public sealed class FieldKernelTests
{
    private static readonly ScalarType[] Floating = [ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64];
    private static readonly string[] Kinds = ["boxes", "one box", "hard masks", "coarse masks", "soft masks", "some of each"];
    private static readonly string[] Pairings = ["pairs", "a cycle", "random", "none"];

    public static TheoryData<string, int, bool> Product => new MatrixTheoryData<string, int, bool>(Kinds, [1, 2, 3], [false, true]);

    public static TheoryData<string, int, string> ProductInPlace => new MatrixTheoryData<string, int, string>(Kinds, [1, 2, 3], Pairings);

    [Theory]
    [MemberData(nameof(Product))]
    public void DenseAndStridedTensorsGiveTheSame(string kind, int dimensions, bool twoOutputs)
    {
        for (var seed = 0; seed < 4; seed++)
        {
            using var scope = NewDisposeScope();
            var random = new Random((seed * 64) + (dimensions * 8) + Array.IndexOf(Kinds, kind));
            var dtype = Floating[seed];
            var (fields, partners, drawn) = Draw(kind, dimensions, random, Pairings[(seed + dimensions) % 4]);
            var (sizes, first, position) = Shape(fields.Length, drawn, random);
            var mix = new Mix(fields, partners, twoOutputs ? MixupOutputs.Both : MixupOutputs.Mixed, position);
            var dense = Some.Normal(seed, dtype, sizes).requires_grad_();
            var strided = Strided(dense.detach()).requires_grad_();
            Assert.False(strided.is_contiguous());

            var (one, other) = (mix.Blend(dense), mix.Blend(strided));
            var weights = Weights(fields, dense, first, dimensions, twoOutputs);
            var plain = dense.detach().to(ScalarType.Float64).requires_grad_();
            var expected = Plain(plain, weights, partners, twoOutputs);
            var isHard = weights.eq(0).logical_or(weights.eq(1)).all().ToBoolean();
            if (isHard || dtype == ScalarType.Float64)
            {
                // No rounding of weights, and the same sums.
                Bits.AssertEqual(other, one);
            }

            var magnitude = Plain(plain.detach().abs(), weights, partners, twoOutputs);
            AssertWithin(other, one, magnitude);
            AssertWithin(expected, one, magnitude);

            var upstream = Some.Normal(seed + 100, dtype, one.shape);
            one.backward([upstream]);
            other.backward([Strided(upstream)]);
            expected.backward([upstream.to(ScalarType.Float64)]);
            Some.AssertClose(strided.grad!, dense.grad!, 2 * Some.Epsilon(dtype), 4 * Some.Epsilon(dtype));
            Some.AssertClose(plain.grad!, dense.grad!, 4 * Some.Epsilon(dtype), 8 * Some.Epsilon(dtype));
        }
    }

    [Theory]
    [MemberData(nameof(ProductInPlace))]
    public void OverwrittenIsWhatIsKept(string kind, int dimensions, string pairing)
    {
        for (var seed = dimensions % 2; seed < 4; seed += 2)
        {
            using var scope = NewDisposeScope();
            var random = new Random((seed * 512) + (dimensions * 64) + (Array.IndexOf(Kinds, kind) * 8) + Array.IndexOf(Pairings, pairing));
            var (fields, partners, drawn) = Draw(kind, dimensions, random, pairing);
            var (sizes, _, position) = Shape(fields.Length, drawn, random);
            var mix = new Mix(fields, partners, position: position);
            var x = Some.Normal(seed, Floating[seed], sizes);
            var expected = mix.Blend(x);
            foreach (var overwritten in new[] { x.clone(), Strided(x) })
            {
                using var step = new InputMixup { OverwriteInput = true }.Begin(
                    overwritten, zeros(fields.Length, ScalarType.Int64, x.device), new MixupDraw(mix, MixupPlace.Input));
                if (overwritten.is_contiguous())
                {
                    Bits.AssertEqual(expected, overwritten);
                }

                Some.AssertClose(expected, overwritten, 2 * Some.Epsilon(x.dtype), 4 * Some.Epsilon(x.dtype));
            }
        }
    }

    [Theory]
    [InlineData(ScalarType.Bool)]
    [InlineData(ScalarType.Byte)]
    [InlineData(ScalarType.Int16)]
    [InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.Float64)]
    public void WhatIsCutHasTheBitsOfOneOfTheTwo(ScalarType dtype)
    {
        for (var seed = 0; seed < 8; seed++)
        {
            using var scope = NewDisposeScope();
            var random = new Random(seed);
            var kind = new[] { "boxes", "one box", "hard masks", "coarse masks" }[seed / 2];
            var (fields, partners, drawn) = Draw(kind, 1 + (seed % 3), random, Pairings[seed % 4]);
            long[] sizes = [fields.Length, 3, .. drawn];
            var x = (
                Check(dtype)
                    ? Bits.Spoilers(dtype, sizes[0], sizes[1..])
                    : Some.Classes(seed, dtype == ScalarType.Bool ? 2 : 100, sizes).to(dtype)).to(Some.Device);
            var mix = new Mix(fields, partners);
            var weights = Weights(fields, x, 2, drawn.Count, false);
            var expected = where(weights.eq(1), x, x.index(TensorIndex.Tensor(tensor(partners).to(x.device))));
            Bits.AssertEqual(expected, mix.Blend(x));
            Bits.AssertEqual(expected, mix.Blend(Strided(x)));
            using var step = new InputMixup { OverwriteInput = true }.Begin(
                x, zeros(fields.Length, ScalarType.Int64, x.device), new MixupDraw(mix, MixupPlace.Input));
            Bits.AssertEqual(expected, x);
        }

        static bool Check(ScalarType dtype) => dtype is ScalarType.Float16 or ScalarType.Float64;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ResizedRowsAreTheSameBitsOnBothPaths(int dimensions)
    {
        for (var seed = 0; seed < 12; seed++)
        {
            using var scope = NewDisposeScope();
            var random = new Random((seed * 8) + dimensions);
            var (boxes, partners, drawn) = Draw("boxes", dimensions, random, Pairings[seed % 4]);
            Field[] fields = [.. boxes.Select(box => random.Next(4) > 0 ? new ResizedBoxField((BoxField)box, Resizing.Nearest) : box)];
            var (sizes, _, position) = Shape(fields.Length, drawn, random);
            var mix = new Mix(fields, partners, seed % 2 == 0 ? MixupOutputs.Mixed : MixupOutputs.CleanAndMixed(), position);
            var dtype = Floating[seed % 3 == 0 ? 3 : random.Next(4)];
            var x = Some.Normal(seed, dtype, sizes);
            var (dense, strided) = (mix.Blend(x), mix.Blend(Strided(x)));
            if (dtype == ScalarType.Float64)
            {
                Bits.AssertEqual(strided, dense);
            }

            Some.AssertClose(strided, dense, 2 * Some.Epsilon(dtype), 4 * Some.Epsilon(dtype));
        }
    }

    [Theory]
    [InlineData("boxes", 32)]
    [InlineData("boxes", 20)]
    [InlineData("soft masks", 32)]
    [InlineData("hard masks", 32)]
    public void LargeOnesAreSharedOutAmongThreads(string kind, long size)
    {
        using var scope = NewDisposeScope();
        foreach (var batch in new[] { 1, 2, 3, 40 })
        {
            var random = new Random(batch);
            var extent = new Extent(64, 48);
            Field[] fields = [.. Enumerable.Range(0, batch).Select(_ => Field(kind, extent, random))];
            long[] partners = [.. Enumerable.Range(1, batch).Select(i => (long)(i % batch))];
            var mix = new Mix(fields, partners);
            var x = Some.Normal(1, batch, batch < 4 ? 16 : 3, size * 4, 96);
            var expected = Plain(x.to(ScalarType.Float64), Weights(fields, x, 2, 2, false), partners, false);
            var blended = mix.Blend(x);
            Some.AssertClose(expected, blended, 1e-6, 1e-6);
            var channelsLast = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
            var other = mix.Blend(channelsLast);
            Assert.Equal(channelsLast.stride(), other.stride());
            Bits.AssertEqual(blended, other);
            using var step = new InputMixup { OverwriteInput = true }.Begin(
                x, zeros(batch, ScalarType.Int64, x.device), new MixupDraw(mix, MixupPlace.Input));
            Bits.AssertEqual(blended, x);
        }
    }

    /// <summary>Equal up to two roundings of the terms, which may cancel.</summary>
    private static void AssertWithin(Tensor expected, Tensor actual, Tensor magnitude)
    {
        Tensor Wide(Tensor x) => x.detach().to(ScalarType.Float64);
        var unit = magnitude.mul(2 * Some.Epsilon(actual.dtype)).add(Some.Epsilon(actual.dtype) / 64);
        var most = Wide(expected).sub(Wide(actual)).abs().div(unit).max().item<double>();
        Assert.True(most <= 1, $"{actual.dtype} {string.Join(",", actual.shape)}: off by {most} times what rounding allows");
    }

    private static (Field[] Fields, long[] Partners, Extent Drawn) Draw(string kind, int dimensions, Random random, string pairing)
    {
        var batch = random.Next(1, 8);
        var extent = new Extent(
            [.. Enumerable.Range(0, dimensions).Select(_ => random.NextInt64(2, dimensions == 1 ? 200 : dimensions == 2 ? 40 : 12))]);
        var shared = Field("boxes", extent, random);
        Field[] fields = [.. Enumerable.Range(0, batch).Select(_ => kind == "one box" ? shared : Field(kind, extent, random))];
        long[] partners = [.. Enumerable.Range(0, batch).Select(i => (long)i)];
        switch (pairing)
        {
            case "pairs":
                Array.Reverse(partners);
                break;
            case "a cycle":
                partners = [.. partners.Select(i => (i + 1) % batch)];
                break;
            case "random":
                random.Shuffle(partners);
                break;
        }

        return (fields, partners, extent);
    }

    private static Field Field(string kind, Extent extent, Random random)
    {
        Tensor Noise(Extent over) =>
            tensor([.. Enumerable.Range(0, (int)over.Cells).Select(_ => random.NextDouble())], [.. over], ScalarType.Float64);
        switch (kind)
        {
            case "boxes" or "one box":
                long[] from = [.. extent.Select(size => random.NextInt64(size + 1))];
                return new BoxField(extent, from, [.. extent.Select((size, d) => random.NextInt64(from[d], size + 1))]);
            case "hard masks":
                return new MaskField(Noise(extent).gt(0.4));
            case "coarse masks": // in stretches
                var mask = zeros([.. extent], ScalarType.Bool);
                for (var i = 0; i < 3; i++)
                {
                    mask.narrow(0, random.NextInt64(extent[0]), 1).fill_(true);
                }

                return new MaskField(mask);
            case "soft masks":
                return new MaskField(Noise(extent).sub(0.2).mul(1.5).clamp(0, 1));
            default:
                return random.Next(4) switch
                {
                    0 => new NumberField(new[] { 0, 0.3, 1 }[random.Next(3)]),
                    1 => Field("hard masks", extent, random),
                    2 => Field("soft masks", extent, random),
                    _ => Field("boxes", extent, random),
                };
        }
    }

    /// <summary>
    /// With or without channels, which stand before or behind the extent; the extent as drawn, a multiple, or sizes that do not divide.
    /// </summary>
    private static (long[] Sizes, int First, ExtentPosition Position) Shape(long batch, Extent drawn, Random random)
    {
        var channels = random.NextInt64(1, 5);
        long[] seen = random.Next(3) switch
        {
            0 => [.. drawn],
            1 => [.. drawn.Select(size => size * 2)],
            _ => [.. drawn.Select(size => random.NextInt64(1, 2 * size))],
        };
        return random.Next(3) switch
        {
            0 => ([batch, channels, .. seen], 2, ExtentPosition.Trailing),
            1 => ([batch, .. seen, channels], 1, ExtentPosition.BehindBatch),
            _ => ([batch, .. drawn], 1, ExtentPosition.Trailing),
        };
    }

    /// <summary>The same values with gaps between them.</summary>
    private static Tensor Strided(Tensor x)
    {
        var wide = zeros([.. x.shape, 2], x.dtype, x.device);
        var strided = wide.select(-1, 1);
        strided.copy_(x);
        return strided;
    }

    private static Tensor Weights(Field[] fields, Tensor x, int first, int dimensions, bool twoOutputs)
    {
        var weights = stack([.. fields.Select(field => field.WeightsAt(new Extent(x.shape.AsSpan(first, dimensions))))]);
        weights = first == 2 ? weights.unsqueeze(1) : x.dim() > 1 + dimensions ? weights.unsqueeze(-1) : weights;
        return (twoOutputs ? cat([weights, 1 - weights]) : weights).to(x.device);
    }

    private static Tensor Plain(Tensor x, Tensor weights, long[] partners, bool twoOutputs)
    {
        var partner = x.index(TensorIndex.Tensor(tensor(partners).to(x.device)));
        if (!twoOutputs)
        {
            return x.mul(weights).add(partner.mul(1 - weights));
        }

        // 1 - (1 - w) is not w.
        var own = weights.narrow(0, 0, partners.Length);
        return cat([x.mul(own).add(partner.mul(1 - own)), x.mul(1 - own).add(partner.mul(own))]);
    }
}
