namespace TorchSharp.Mixup.Tests;

/// <summary>Bytes that become floating values, mixed in the same pass.</summary>
public sealed class ToFloatTests
{
    private static readonly ToFloat Normalised = new() { Mean = [0.485, 0.456, 0.406], Deviation = [0.229, 0.224, 0.225] };

    public static TheoryData<long[], int> Shapes => new()
    {
        { [256, 3], 1 },
        { [5, 3, 9, 11], 1 },
        { [5, 3, 4], 1 },
        { [5, 3, 40, 50], 1 },
        { [5, 3, 2, 3, 4], 1 },
        { [5, 9, 11, 3], -1 },
        { [5, 7, 3, 70], 2 },
        { [70, 3, 64, 64], 1 },
        { [1, 3, 300, 200], 1 },
        { [2, 301, 200, 3], 3 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AConversionAloneHasTheBitsOfTorchs(long[] shape, int channels)
    {
        using var scope = NewDisposeScope();
        var toFloat = Normalised with { ChannelDimension = channels };
        foreach (var x in Layouts(Some.Classes(1, 256, shape).to(ScalarType.Byte)))
        {
            var converted = toFloat.Apply(x);
            Bits.AssertEqual(Plain(x, toFloat), converted);
            Assert.Equal(x.to(ScalarType.Float32).stride(), converted.stride());
            Bits.AssertEqual(x.to(ScalarType.Float32).div(255), new ToFloat().Apply(x));
            var one = new ToFloat { Scale = 1, Mean = [128] };
            Bits.AssertEqual(x.to(ScalarType.Float32).sub(128), one.Apply(x));
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void WhatIsMixedIsAsIfItHadBeenConvertedBefore(long[] shape, int channels)
    {
        using var scope = NewDisposeScope();
        var toFloat = Normalised with { ChannelDimension = channels };
        var random = new Random(1);
        var batch = (int)shape[0];
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed() })
        {
            var isCycle = outputs == MixupOutputs.Both;
            long[] partners = [.. Enumerable.Range(0, batch).Select(i => isCycle ? (i + 1) % batch : random.Next(batch))];
            var mix = new Mix(
                [.. Enumerable.Range(0, batch).Select(i => i == 1 ? 1 : i == 2 ? 0 : random.NextDouble())], partners, outputs);
            Tensor? first = null;
            foreach (var x in Layouts(Some.Classes(1, 256, shape).to(ScalarType.Byte)))
            {
                var mixed = mix.Blend(x, toFloat);
                AssertSame(Exact(mix, x, toFloat), mixed);
                Bits.AssertEqual(first ??= mixed, mixed);
            }

            // Weights of 0 and 1 give the bits of a conversion alone.
            var unmixed = Some.Unmixed(batch);
            var bytes = Some.Classes(2, 256, shape).to(ScalarType.Byte);
            Bits.AssertEqual(toFloat.Apply(bytes), unmixed.Blend(bytes, toFloat));
            var swapped = new Mix(new double[batch], partners);
            Bits.AssertEqual(toFloat.Apply(swapped.SelectPartners(bytes)), swapped.Blend(bytes, toFloat));
        }
    }

    public static TheoryData<string, int> Fields => new MatrixTheoryData<string, int>(DrawnFields.Kinds, [1, 2, 3]);

    [Theory]
    [MemberData(nameof(Fields))]
    public void FieldsOfEveryKindMixWhatWasConverted(string kind, int dimensions)
    {
        using var scope = NewDisposeScope();
        var fields = DrawnFields.Of(kind, dimensions);
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed() })
        {
            var mix = new Mix(fields, DrawnFields.Partners, outputs);
            long[] drawn = [.. DrawnFields.Extent(dimensions)];
            foreach (var extent in new[] { drawn, Array.ConvertAll(drawn, size => size - 1) })
            {
                foreach (var x in Layouts(Some.Classes(1, 256, [6, 3, .. extent]).to(ScalarType.Byte)))
                {
                    var mixed = mix.Blend(x, Normalised);
                    AssertSame(Exact(mix, x, Normalised), mixed);
                    if (kind is "hard masks" or "edges" && extent[0] == DrawnFields.Extent(dimensions)[0])
                    {
                        Bits.AssertEqual(mix.Blend(Plain(x, Normalised)), mixed);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(Resizing.Nearest)]
    [InlineData(Resizing.Bilinear)]
    public void AResizedPartnerIsThatOfTheConverted(Resizing resizing)
    {
        using var scope = NewDisposeScope();
        Field[] fields = [.. DrawnFields.Of("boxes", 2).Select(box => new ResizedBoxField((BoxField)box, resizing))];
        var mix = new Mix(fields, DrawnFields.Partners);
        foreach (var x in Layouts(Some.Classes(4, 256, 6, 3, 8, 6).to(ScalarType.Byte)))
        {
            AssertSame(Exact(mix, x, Normalised), mix.Blend(x, Normalised));
        }
    }

    [Fact]
    public void WithoutChannelsThereIsOneMean()
    {
        using var scope = NewDisposeScope();
        var toFloat = new ToFloat { Mean = [0.45], Deviation = [0.22] };
        foreach (var shape in new long[][] { [6], [6, 5], [6, 30, 40] })
        {
            var x = Some.Classes(1, 256, shape).to(ScalarType.Byte);
            Bits.AssertEqual(Plain(x, toFloat), toFloat.Apply(x));
            var mix = new Mix([0.3, 0.4, 0.5, 0.6, 0.7, 0.8], DrawnFields.Partners);
            AssertSame(Exact(mix, x, toFloat), mix.Blend(x, toFloat));
        }
    }

    [Fact]
    public void OneMeanGoesWithSeveralDeviations()
    {
        using var scope = NewDisposeScope();
        var x = Some.Classes(1, 256, 6, 3, 5, 5).to(ScalarType.Byte);
        var several = new ToFloat { Mean = [0.5, 0.5, 0.5], Deviation = [0.2, 0.3, 0.4] };
        Bits.AssertEqual(several.Apply(x), (several with { Mean = [0.5] }).Apply(x));
    }

    [Theory]
    [InlineData("input")]
    [InlineData("stacked")]
    [InlineData("manifold")]
    [InlineData("output")]
    public void AStrategyConvertsEveryInputOfBytes(string place)
    {
        using var scope = NewDisposeScope();
        using var model = torch.nn.Sequential(("a", torch.nn.Linear(4, 8)), ("b", torch.nn.Linear(8, 3))).to(Some.Device);
        var options = new MixupOptions { Seed = 1, ToFloat = new ToFloat { Mean = [0.5], Deviation = [0.25] } };
        MixupStrategy strategy = place switch
        {
            "input" => new InputMixup(options),
            "stacked" => new InputMixup(options) { StackInput = true },
            "manifold" => new ManifoldMixup(model, options, ManifoldPlaces.Named("a").WithInput()),
            _ => new OutputMixup(options),
        };
        var (image, features, y) = (
            Some.Classes(1, 256, 6, 4).to(ScalarType.Byte), Some.Normal(2, 6, 2), Some.Classes(3, 3, 6).to(ScalarType.Byte));
        var before = (image.clone(), features.clone());
        for (var i = 0; i < 8; i++)
        {
            using var step = strategy.Begin(place == "stacked" ? [image] : [image, features], y);
            var isMixed = step.Draw.Place == MixupPlace.Input && place != "stacked";
            var mix = step.Draw.Mix;
            Bits.AssertEqual(isMixed ? mix.Blend(image, options.ToFloat) : options.ToFloat.Apply(image), step.Inputs[0]);
            Bits.AssertEqual(
                place == "stacked" ? options.ToFloat.Apply(mix.SelectPartners(image)) : isMixed ? mix.Blend(features) : features,
                step.Inputs[1]);
        }

        Some.AssertEqual(before.Item1, image);
        Some.AssertEqual(before.Item2, features);
    }

    [Theory]
    [InlineData("cutmix")]
    [InlineData("one of several")]
    [InlineData("both")]
    [InlineData("clean beside mixed")]
    public void AStrategyDrawsAsItDoesWithout(string how)
    {
        using var scope = NewDisposeScope();
        var options = new MixupOptions
        {
            Seed = 1,
            Method = how switch
            {
                "cutmix" => new CutMix(),
                "one of several" => new OneOf(new Interpolation(1), new CutMix()),
                _ => new Interpolation(1),
            },
            Outputs = how == "both" ? MixupOutputs.Both : how == "clean beside mixed" ? MixupOutputs.CleanAndMixed() : MixupOutputs.Mixed,
        };
        var (plain, converting) = (new InputMixup(options), new InputMixup(options with { ToFloat = Normalised }));
        var (x, y) = (Some.Classes(1, 256, 6, 3, 8, 6).to(ScalarType.Byte), Some.Classes(2, 3, 6));
        for (var i = 0; i < 6; i++)
        {
            using var bytes = plain.Begin(x, y);
            using var floats = converting.Begin(x, y);
            Assert.Equal(bytes.Draw, floats.Draw);
            Assert.Equal((ScalarType.Byte, ScalarType.Float32), (bytes.Input.dtype, floats.Input.dtype));
            AssertSame(Exact(floats.Draw.Mix, x, Normalised), floats.Input);
        }
    }

    [Fact]
    public void ConversionsCompareAndPrintByValue()
    {
        var same = new ToFloat { Mean = [0.485, 0.456, 0.406], Deviation = [0.229, 0.224, 0.225] };
        Assert.Equal(Normalised, same);
        Assert.Equal(Normalised.GetHashCode(), same.GetHashCode());
        Assert.NotEqual(Normalised, same with { Scale = 1 });
        Assert.NotEqual(Normalised, same with { Mean = [0.5] });
        Assert.NotEqual(Normalised, same with { ChannelDimension = -1 });
        Assert.Equal("ToFloat { Scale = 0.5, Mean = [0, 0.25], Deviation = [1], ChannelDimension = 1 }",
            new ToFloat { Scale = 0.5, Mean = [0, 0.25] }.ToString());
        Assert.Contains("ToFloat = ToFloat { Scale", new MixupOptions { ToFloat = same }.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AListThatIsChangedLaterChangesNothing()
    {
        double[] mean = [0.5];
        var toFloat = new ToFloat { Mean = mean };
        mean[0] = 9;
        Assert.Equal([0.5], toFloat.Mean);
    }

    [Fact]
    public void NothingIsLeftBehind()
    {
        using var scope = NewDisposeScope();
        var strategies = new[] { MixupOutputs.Mixed, MixupOutputs.Both }.Select(outputs => (MixupStrategy)new InputMixup(
            new MixupOptions { Seed = 1, ToFloat = Normalised, Outputs = outputs })).Append(
            new OutputMixup(new MixupOptions { Seed = 1, ToFloat = Normalised })).ToArray();
        var (x, z, y) = (Some.Classes(1, 256, 6, 3, 50, 40).to(ScalarType.Byte), Some.Normal(2, 6, 2), Some.Classes(2, 3, 6));
        using (NewDisposeScope())
        {
            Array.ForEach(strategies, strategy => strategy.Begin([x, z], y).Dispose());
        }

        var before = (Some.LiveTensors, MixupMemory.UsedBytes);
        foreach (var strategy in strategies)
        {
            strategy.Begin([x, z], y).Dispose();
        }

        Assert.Equal(before, (Some.LiveTensors, MixupMemory.UsedBytes));
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
                var blended = mix.Blend(empty([6, 3, 8, 6], ScalarType.Byte, META), Normalised);
                Assert.Equal((DeviceType.META, ScalarType.Float32, mix.Rows), (blended.device_type, blended.dtype, (int)blended.shape[0]));
            }
        }
    }

    /// <summary>The same values dense, with channels last in memory, and with gaps, which go by torch's operations.</summary>
    private static IEnumerable<Tensor> Layouts(Tensor x)
    {
        yield return x;
        if (x.dim() == 4)
        {
            yield return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        }

        var strided = zeros([.. x.shape, 2], x.dtype, x.device).select(-1, 1);
        strided.copy_(x);
        yield return strided;
    }

    /// <summary>What a loader does, by torch.</summary>
    private static Tensor Plain(Tensor x, ToFloat toFloat)
    {
        Tensor Channels(IReadOnlyList<double> numbers, ScalarType type)
        {
            var shape = x.shape.Select(_ => 1L).ToArray();
            shape[numbers.Count == 1 ? 0 : (toFloat.ChannelDimension + shape.Length) % shape.Length] = numbers.Count;
            return tensor([.. numbers.Select(number => number / toFloat.Scale)], shape, type).to(x.device);
        }

        var type = x.dtype == ScalarType.Byte ? ScalarType.Float32 : x.dtype;
        return x.to(type).sub(Channels(toFloat.Mean, type)).div(Channels(toFloat.Deviation, type));
    }

    /// <summary>The formula in float64: converted, then mixed.</summary>
    private static Tensor Exact(Mix mix, Tensor x, ToFloat toFloat) => mix.Blend(Plain(x.to(ScalarType.Float64), toFloat));

    private static void AssertSame(Tensor exact, Tensor actual)
    {
        Assert.Equal(ScalarType.Float32, actual.dtype);
        Assert.Equal(exact.shape, actual.shape);
        using var scope = NewDisposeScope();

        // Four units in the last place, and 2^-14 of a byte's step where a deviation is 0.22.
        var allowed = exact.abs().mul(4 * Math.Pow(2, -24)).add(1.0 / 16_384 / 255 / 0.22);
        var most = actual.to(ScalarType.Float64).sub(exact).abs().div(allowed).max().item<double>();
        Assert.True(most <= 1, $"off by {most} times what rounding allows");
    }
}
