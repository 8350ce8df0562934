using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// What a strategy of one's own is made of: a mix that is sampled, a step of inputs that it mixed, and targets as tensors.
/// </summary>
public sealed class OwnStrategyTests
{
    private const int B = 6;
    private const int K = 3;

    public static TheoryData<string, CoefficientPer> Choices => new MatrixTheoryData<string, CoefficientPer>(
        Rules.All.Where(rule => rule.Value.MakesPairs).Select(rule => rule.Key), Enum.GetValues<CoefficientPer>());

    [Theory]
    [MemberData(nameof(Choices))]
    public void TheSamplerDrawsWhatStrategiesDraw(string pairing, CoefficientPer per)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, B, 2, 8, 6), Some.Classes(2, K, B));
        foreach (var method in new Method[] { new Interpolation(1), new CutMix(), new OneOf(new CutMix(), new FMix()) })
        {
            var options = new MixupOptions
            {
                Method = method,
                Pairing = Rules.All[pairing],
                CoefficientPer = per,
                Probability = 0.8,
                Seed = 3,
                Schedule = Schedules.OffFrom(2),
            };
            var strategy = new InputMixup(options);
            for (var i = 0; i < 5; i++)
            {
                strategy.Epoch = i / 2;
                var state = strategy.State;
                using var step = strategy.Begin(x, y);
                Assert.Equal(step.Draw.Mix, MixSampler.Sample(options, [x], state, y));
                Assert.True(i < 4 || step.Draw.Mix.Coefficients.All(lambda => lambda == 1));
            }
        }
    }

    [Fact]
    public void TheSamplerRefusesWhatStrategiesRefuse()
    {
        using var scope = NewDisposeScope();
        var (x, options, state) = (Some.Normal(1, B, 2), new MixupOptions(), new MixupState(1, 0));
        Assert.Throws<ArgumentNullException>("options", () => MixSampler.Sample(null!, [x], state));
        Assert.Throws<ArgumentNullException>("inputs", () => MixSampler.Sample(options, null!, state));
        Assert.Throws<ArgumentException>("inputs", () => MixSampler.Sample(options, [], state));
        Assert.Throws<ArgumentException>("inputs", () => MixSampler.Sample(options, [x, x.narrow(0, 0, 2)], state));
        Assert.Throws<ArgumentNullException>("state", () => MixSampler.Sample(options, [x], null!));
        Assert.Throws<ArgumentOutOfRangeException>("state", () => MixSampler.Sample(options, [x], new MixupState(1, -1)));
        Assert.Throws<ArgumentOutOfRangeException>("state", () => MixSampler.Sample(options, [x], new MixupState(1, 0, -1)));
        Assert.Throws<ArgumentException>("target", () => MixSampler.Sample(options, [x], state, Some.Classes(1, 2, B + 1)));
        var within = options with { Pairing = Pairing.WithinClass };
        Assert.Throws<ArgumentException>("target", () => MixSampler.Sample(within, [x], state));
        var rolled = new MixupOptions { Pairing = Pairing.Roll, CoefficientPer = CoefficientPer.Pair };
        Assert.Throws<ArgumentException>("options", () => MixSampler.Sample(rolled, [x], state));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AStepOfOnesOwnIsThatOfAStrategy(bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, B, 4), Some.Classes(2, K, B));
        var options = new MixupOptions { Outputs = Some.Outputs(twoOutputs), Seed = 1 };
        using var model = Linear(4, K).to(Some.Device);
        var loss = new MixupLoss(CrossEntropyLoss());
        using var built = new InputMixup(options).Begin(x, y);
        var mix = MixSampler.Sample(options, [x], new MixupState(1, 0));
        var mixed = mix.Blend(x);
        using (var step = new MixupStep([mixed], y, mix, options))
        {
            Assert.Equal((built.Draw.Mix, MixupPlace.Input), (step.Draw.Mix, step.Draw.Place));
            Bits.AssertEqual(built.Input, step.Input);
            Bits.AssertEqual(loss.call(model.call(built.Input), built.Target), loss.call(model.call(step.Input), step.Target));
            using var again = new InputMixup(options).Begin(x, y, step.Draw);
            Bits.AssertEqual(built.Input, again.Input);
        }

        Assert.True(mixed.IsInvalid);
        Assert.Throws<ArgumentException>("mixedInputs", () => new MixupStep([x.narrow(0, 0, 2)], y, mix, options));
        Assert.Throws<ArgumentException>("target", () => new MixupStep([mix.Blend(x)], y.narrow(0, 0, 2), mix, options));
        Assert.Throws<ArgumentNullException>("mix", () => new MixupStep([x], y, null!));
        Assert.Throws<ArgumentNullException>("mixedInputs", () => new MixupStep(null!, y, mix));
    }

    [Fact]
    public void TargetsBecomeTensors()
    {
        using var scope = NewDisposeScope();
        var (ids, values) = (Some.Classes(2, K, B), Some.Normal(3, B, 2));
        long[] partners = [1, 1, 0, 5, 5, 2];
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed() })
        {
            var mix = new Mix([0, 1, 0.25, 0.5, 0.75, 0.3], partners, outputs);
            Bits.AssertEqual(mix.Blend(values), new MixedTarget(mix, values).ToTensor());
            var rows = functional.one_hot(ids, K).to(ScalarType.Float32);
            Some.AssertClose(mix.Blend(rows), new MixedTarget(mix, ids).ToTensor(K), 1e-6, 1e-7);
            Some.AssertClose(
                mix.Blend(rows.mul(0.9).add(0.1 / K)), new MixedTarget(mix, ids).ToTensor(K, labelSmoothing: 0.1), 1e-6, 1e-7);
        }

        var box = new Mix([.. Enumerable.Repeat(new BoxField([4, 4], [0, 1], [2, 3]), B)], partners);
        var pixels = Some.Classes(4, K, B, 4, 4);
        Bits.AssertEqual(box.Blend(pixels), new MixedTarget(box, pixels).ToTensor());
        Some.AssertClose(
            functional.one_hot(box.Blend(pixels), K).to(ScalarType.Float32).movedim([-1], [1]),
            new MixedTarget(box, pixels).ToTensor(K),
            1e-7);
        Assert.Throws<ArgumentException>("classes", () => new MixedTarget(Some.Mix(), Some.Classes(2, K, 5)).ToTensor());
        Assert.Throws<ArgumentException>("classes", () => new MixedTarget(box, values).ToTensor(K));
        Assert.Throws<ArgumentOutOfRangeException>("labelSmoothing", () => new MixedTarget(box, ids).ToTensor(K, 1.5));
    }

    [Fact]
    public void TheIdentityChangesNothing()
    {
        using var scope = NewDisposeScope();
        var (mix, x) = (Mix.Identity(B), Some.Normal(1, B, 3));
        Bits.AssertEqual(x, mix.Blend(x));
        Bits.AssertEqual(x, mix.SelectPartners(x));
        Assert.Equal(new Mix([1, 1, 1, 1, 1, 1], [0, 1, 2, 3, 4, 5]), mix);
        Assert.Throws<ArgumentOutOfRangeException>("batchSize", () => Mix.Identity(0));
    }

    [Fact]
    public void WhatIsSelectedIsTheCallersToDispose()
    {
        using var scope = NewDisposeScope();
        var x = Some.Normal(1, 5, 3);
        var expected = x.clone();
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both })
        {
            var mix = new Mix(Some.Coefficients, Some.Permutation, outputs);
            mix.SelectSamples(x).Dispose();
            mix.SelectPartners(x).Dispose();
            mix.CreateCoefficients(mix.Blend(x)).fill_(0).Dispose();
            Some.AssertClose(Some.Reference(x, mix.Coefficients, mix.Partners), mix.Blend(x).narrow(0, 0, 5), 1e-6, 1e-6);
            mix.Release();
            Some.AssertClose(Some.Reference(x, mix.Coefficients, mix.Partners), mix.Blend(x).narrow(0, 0, 5), 1e-6, 1e-6);
        }

        Bits.AssertEqual(expected, x);
    }

    [Fact]
    public void OptionsAndMethodsPrintWithoutNamesOfTypes()
    {
        var options = new MixupOptions { Method = new SaliencyMix { Saliency = Mean }, Schedule = Schedules.OffFrom(3), Seed = 4 };
        Assert.StartsWith(
            "MixupOptions { Method = SaliencyMix { Alpha = 1, Saliency = Mean }, Probability = 1, Schedule = ",
            options.ToString(),
            StringComparison.Ordinal);
        Assert.DoesNotContain("System.", options.ToString(), StringComparison.Ordinal);
        Assert.Equal("AttentiveMix { Attention = Mean, Cells = 2 }", new AttentiveMix(Mean, 2).ToString());
        Assert.Equal(new AttentiveMix(Mean, 2), new AttentiveMix(Mean, 2));
        Assert.NotEqual(new AttentiveMix(Mean, 2), new AttentiveMix(Mean, 3));
    }

    /// <summary>What might be tokens with their features, or an image, is not guessed; whatever was drawn.</summary>
    [Fact]
    public void FeaturesThatMayBeAnImageAreRefused()
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("tokens", Unflatten(1, [4, 4])), ("out", Flatten())).to(Some.Device);
        var x = Some.Normal(1, B, 16);
        var images = Some.Normal(2, B, 1, 8, 8);
        foreach (var method in new Method[] { new CutMix(), new OneOf(new CutMix { }, new Interpolation(1)) })
        {
            var mixup = new ManifoldMixup(model, new MixupOptions { Method = method, Seed = 1 }, ManifoldPlaces.Named("tokens"));
            for (var i = 0; i < 4; i++)
            {
                using var step = mixup.Begin([images, x], Some.Classes(1, K, B));
                var error = Assert.Throws<InvalidOperationException>(() => model.call(x));
                Assert.Contains("tokens with their features, or an image", error.Message, StringComparison.Ordinal);
            }
        }
    }

    private static Tensor Mean(Tensor images) => images.mean([1]);
}
