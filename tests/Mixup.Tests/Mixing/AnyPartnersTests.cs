namespace TorchSharp.Mixup.Tests;

/// <summary>Partners with repetition: a sample may be the partner of none, of one, or of all.</summary>
public sealed class AnyPartnersTests
{
    private static readonly string[] Kinds = ["numbers", "boxes", "hard masks", "soft masks", "resized", "some of each"];
    private static readonly string[] OutputNames = ["mixed", "both", "clean and mixed"];
    private static readonly string[] Maps = ["random", "all with one", "a chain", "a tail on a cycle"];

    public static TheoryData<string, string, bool> Product => new MatrixTheoryData<string, string, bool>(Kinds, OutputNames, [false, true]);

    public static TheoryData<string, string> KindsAndMaps => new MatrixTheoryData<string, string>(Kinds, Maps);

    [Theory]
    [MemberData(nameof(Product))]
    public void BlendAndBothDerivativesAreThoseOfThePlainFormula(string kind, string outputs, bool isStrided)
    {
        Assert.SkipWhen(kind == "resized" && outputs == "both", "A box that is resized has no second output.");
        foreach (var map in Maps)
        {
            foreach (var batch in new[] { 1, 2, 7 })
            {
                using var scope = NewDisposeScope();
                var random = new Random((batch * 8) + Array.IndexOf(Maps, map));
                var (fields, partners) = Draw(kind, map, batch, random);
                var mix = new Mix(fields, partners, Outputs(outputs));
                var x = Dense(Some.Normal(1, ScalarType.Float64, batch, 3, 6, 5), isStrided).requires_grad_();
                var plain = x.detach().clone().requires_grad_();
                var towards = Some.Normal(2, ScalarType.Float64, x.shape);

                Tensor[] Derivatives(Tensor input, Tensor blended)
                {
                    var first = autograd.grad([blended.pow(3).sum()], [input], retain_graph: true, create_graph: true)[0];
                    return [blended, first, autograd.grad([first.mul(towards).sum()], [input])[0]];
                }

                var expected = Derivatives(plain, Plain(plain, fields, partners, outputs));
                var actual = Derivatives(x, mix.Blend(x));
                for (var i = 0; i < expected.Length; i++)
                {
                    Some.AssertClose(expected[i], actual[i], 1e-13, 1e-14 * Math.Max(1, expected[i].abs().max().item<double>()));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(KindsAndMaps))]
    public void OverwrittenIsWhatIsKept(string kind, string map)
    {
        foreach (var dtype in new[] { ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64 })
        {
            using var scope = NewDisposeScope();
            var (fields, partners) = Draw(kind, map, 9, new Random(3));
            var mix = new Mix(fields, partners);
            var x = Some.Normal(1, dtype, 9, 3, 6, 5);
            var expected = mix.Blend(x);
            using var step = new InputMixup { OverwriteInput = true }.Begin(
                x, zeros(9, ScalarType.Int64, x.device), new MixupDraw(mix, MixupPlace.Input));
            Bits.AssertEqual(expected, x);
        }
    }

    [Theory]
    [MemberData(nameof(KindsAndMaps))]
    public void GradientsAreTheSameBitsTwiceAndRoundedOnce(string kind, string map)
    {
        foreach (var dtype in new[] { ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64 })
        {
            using var scope = NewDisposeScope();
            var (fields, partners) = Draw(kind, map, 12, new Random(4));
            var mix = new Mix(fields, partners);
            var upstream = Some.Normal(5, dtype, 12, 3, 6, 5);

            Tensor Gradient(bool isStrided)
            {
                var x = Dense(Some.Normal(1, dtype, 12, 3, 6, 5), isStrided).requires_grad_();
                return autograd.grad([mix.Blend(x)], [x], [Dense(upstream, isStrided)])[0];
            }

            Bits.AssertEqual(Gradient(false), Gradient(false));
            Bits.AssertEqual(Gradient(true), Gradient(true));
            var plain = Some.Normal(1, ScalarType.Float64, 12, 3, 6, 5).requires_grad_();
            var wide = upstream.to(ScalarType.Float64);
            var expected = autograd.grad([Plain(plain, fields, partners, "mixed")], [plain], [wide])[0];

            // Rounded once at 16 bits, whatever the number of terms, which may cancel.
            var unit = dtype is ScalarType.Float16 or ScalarType.BFloat16 ? Some.Epsilon(dtype) : 12 * Some.Epsilon(dtype);
            var slack = 12 * Some.Epsilon(dtype == ScalarType.Float64 ? dtype : ScalarType.Float32) * 12 * upstream.abs().max()
                .to(ScalarType.Float64).item<double>();
            Some.AssertClose(expected, Gradient(false), unit, slack);
            Some.AssertClose(expected, Gradient(true), unit, slack);
        }
    }

    [Theory]
    [InlineData("numbers")]
    [InlineData("boxes")]
    public void AGradientOfWhatIsNotReadDoesNotCount(string kind)
    {
        using var scope = NewDisposeScope();
        var extent = new Extent(4, 4);
        Field own = kind == "numbers" ? new NumberField(1) : new BoxField(extent, [0, 0], [0, 0]);
        Field partner = kind == "numbers" ? new NumberField(0) : new BoxField(extent, [0, 0], [4, 4]);
        var mix = new Mix([own, partner, own, partner], [1, 1, 1, 1], extent: extent);
        foreach (var isStrided in new[] { false, true })
        {
            var x = Dense(Some.Normal(1, 4, 2, 4, 4), isStrided).requires_grad_();
            var upstream = Some.Normal(2, 4, 2, 4, 4);
            using (no_grad())
            {
                upstream[0].fill_(double.PositiveInfinity);
                upstream[2].fill_(double.NaN);
            }

            var gradient = autograd.grad([mix.Blend(x)], [x], [upstream])[0];
            Bits.AssertEqual(upstream[0], gradient[0]);
            Bits.AssertEqual(upstream[1].add(upstream[3]), gradient[1]); // rows 0 and 2 read nothing of it
            Bits.AssertEqual(upstream[2], gradient[2]);
            Bits.AssertEqual(zeros_like(upstream[3]), gradient[3]);
        }
    }

    [Theory]
    [MemberData(nameof(KindsAndMaps))]
    public void NothingIsReadBackOnMeta(string kind, string map)
    {
        using var scope = NewDisposeScope();
        var (fields, partners) = Draw(kind, map, 6, new Random(6));
        var mix = new Mix(fields, partners);
        var x = zeros([6, 3, 6, 5], ScalarType.Float32, META).requires_grad_();
        var gradient = autograd.grad([mix.Blend(x)], [x], [zeros_like(x)])[0];
        Assert.Equal(x.shape, gradient.shape);
        Assert.Equal(DeviceType.META, gradient.device_type);
    }

    [Fact]
    public void LargeGradientsAreSharedOutAmongThreads()
    {
        using var scope = NewDisposeScope();
        var random = new Random(7);
        foreach (var kind in new[] { "numbers", "boxes" })
        {
            foreach (var (batch, side) in new[] { (3, 200L), (64, 48L) })
            {
                var extent = new Extent(side, side);
                Field[] fields = [.. Enumerable.Range(0, batch).Select(_ => Field(kind, extent, random))];
                long[] partners = [.. Enumerable.Range(0, batch).Select(_ => random.NextInt64(Math.Max(1, batch / 4)))];
                var mix = new Mix(fields, partners);
                var (x, plain) = (
                    Some.Normal(1, batch, 3, side, side).requires_grad_(),
                    Some.Normal(1, ScalarType.Float64, batch, 3, side, side).requires_grad_());
                var upstream = Some.Normal(2, ScalarType.Float64, x.shape);
                var expected = autograd.grad([Plain(plain, fields, partners, "mixed")], [plain], [upstream])[0];
                Some.AssertClose(expected, autograd.grad([mix.Blend(x)], [x], [upstream.to(ScalarType.Float32)])[0], 1e-5, 1e-5);
            }
        }
    }

    private static (Field[] Fields, long[] Partners) Draw(string kind, string map, int batch, Random random)
    {
        var extent = new Extent(6, 5);
        Field[] fields = [.. Enumerable.Range(0, batch).Select(_ => Field(kind, extent, random))];
        long[] partners = map switch
        {
            "all with one" => [.. Enumerable.Repeat(random.NextInt64(batch), batch)],
            "a chain" => [.. Enumerable.Range(0, batch).Select(i => (long)Math.Max(0, i - 1))],
            "a tail on a cycle" => [.. Enumerable.Range(0, batch).Select(i => (i + 1) == batch ? batch / 2L : i + 1)],
            _ => [.. Enumerable.Range(0, batch).Select(_ => random.NextInt64(batch))],
        };
        return (fields, partners);
    }

    private static Field Field(string kind, Extent extent, Random random)
    {
        Tensor Noise() =>
            tensor([.. Enumerable.Range(0, (int)extent.Cells).Select(_ => random.NextDouble())], [.. extent], ScalarType.Float64);
        switch (kind)
        {
            case "numbers":
                return new NumberField(random.Next(4) switch { 0 => 0, 1 => 1, _ => random.NextDouble() });
            case "boxes":
                long[] from = [.. extent.Select(size => random.NextInt64(size))];
                return new BoxField(extent, from, [.. extent.Select((size, d) => random.NextInt64(from[d], size) + 1)]);
            case "hard masks":
                return new MaskField(Noise().gt(0.4));
            case "soft masks":
                return new MaskField(Noise().sub(0.2).mul(1.5).clamp(0, 1));
            case "resized":
                return new ResizedBoxField(
                    (BoxField)Field("boxes", extent, random), random.Next(2) == 0 ? Resizing.Nearest : Resizing.Bilinear);
            default:
                return Field(Kinds[random.Next(4)], extent, random);
        }
    }

    private static MixupOutputs Outputs(string name) => name switch
    {
        "both" => MixupOutputs.Both,
        "mixed" => MixupOutputs.Mixed,
        _ => MixupOutputs.CleanAndMixed(1),
    };

    /// <summary>Memory as it is, or with gaps, which goes by torch's operations.</summary>
    private static Tensor Dense(Tensor x, bool isStrided)
    {
        if (!isStrided)
        {
            return x;
        }

        var strided = zeros([.. x.shape, 2], x.dtype, x.device).select(-1, 1);
        strided.copy_(x);
        return strided;
    }

    /// <summary>The formula, one row after the other.</summary>
    private static Tensor Plain(Tensor x, Field[] fields, long[] partners, string outputs)
    {
        var extent = new Extent(x.shape.AsSpan(2));
        var (first, second) = (new List<Tensor>(), new List<Tensor>());
        for (var i = 0; i < fields.Length; i++)
        {
            var (sample, partner) = (x[i], x[partners[i]]);
            var weights = fields[i].WeightsAt(extent).to(x.device);
            if (fields[i] is ResizedBoxField resized)
            {
                var (from, to) = (resized.Box.From, resized.Box.To);
                long[] size = [to[0] - from[0], to[1] - from[1]];
                var mode = resized.Resizing == Resizing.Nearest ? InterpolationMode.Nearest : InterpolationMode.Bilinear;
                var small = nn.functional.interpolate(
                    partner.unsqueeze(0), size, mode: mode, align_corners: mode == InterpolationMode.Nearest ? null : false)[0];
                partner = nn.functional.pad(small, [from[1], extent[1] - to[1], from[0], extent[0] - to[0]]);
            }

            first.Add(sample.mul(weights).add(partner.mul(1 - weights)));
            second.Add(sample.mul(1 - weights).add(partner.mul(weights)));
        }

        return outputs switch
        {
            "both" => cat([stack(first), stack(second)]),
            "mixed" => stack(first),
            _ => cat([x, stack(first)]),
        };
    }
}
