using CsCheck;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Every fast path gives what the plain formula gives.</summary>
public sealed class KernelTests
{
    public static TheoryData<ScalarType> Floating => [ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64];

    [Theory]
    [MemberData(nameof(Floating))]
    public void ARowOfAnyLengthIsWholeAndStopsThere(ScalarType dtype)
    {
        // Around every vector width, stretch and chunk.
        foreach (var length in new[] { 1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 127, 511, 512, 513, 4_095, 8_193, 16_400, 40_000 })
        {
            using var scope = NewDisposeScope();
            var mix = Some.Mix();
            var x = Some.Normal(length, dtype, 5, length);
            Close(x, mix.Blend(x));
        }
    }

    [Fact]
    public void LargeTensorsAreSharedAmongThreads()
    {
        using var scope = NewDisposeScope();
        foreach (var (rows, length) in new[] { (5, 1_000_003), (1_501, 3_001) })
        {
            using var step = new InputMixup(new MixupOptions { Method = new Interpolation(1), Seed = 2 }).Begin(
                Some.Normal(1, rows, length), zeros(rows, ScalarType.Int64, Some.Device));
            var x = Some.Normal(1, rows, length);
            Some.AssertClose(Some.Reference(x, step.Draw.Mix.Coefficients, step.Draw.Mix.Partners), step.Input, 1e-5, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Floating))]
    public void StretchesOfTheWalkMeetWhateverTheCyclesAre(ScalarType dtype) => SampleStretches(dtype, 40);

    internal static void SampleStretches(ScalarType dtype, int draws) =>
        Gen.Select(Gen.Int[3, 400], Gen.Int[1, 3_000], Gen.Int[0, 3], Gen.Int[0, 1_000_000]).Sample(
            (batch, length, kind, seed) =>
            {
                using var scope = NewDisposeScope();
                var random = new Random(seed);
                long[] permutation = [.. Enumerable.Range(0, batch)];
                if (kind < 2)
                {
                    random.Shuffle(permutation); // cycles of all lengths, fixed points among them
                }
                else
                {
                    permutation = [.. permutation.Select(i => (i + (kind == 2 ? 1 : batch / 2)) % batch)]; // one cycle, or a few
                }

                var mix = new Mix([.. permutation.Select(_ => random.NextDouble())], permutation);
                var x = Some.Normal(seed, dtype, batch, length);
                Close(x, mix.Blend(x), mix);
                var overwritten = x.clone();
                using var step = new InputMixup { OverwriteInput = true }.Begin(
                    overwritten, zeros(batch, ScalarType.Int64, Some.Device), new MixupDraw(mix, MixupPlace.Input));
                Close(x, overwritten, mix);
            },
            iter: draws,
            threads: 1,
            seed: "0000000000002");

    [Theory]
    [MemberData(nameof(Floating))]
    public void AGreatManyShortRowsAreMixedAsFewLongOnes(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        foreach (var shape in new long[][] { [20_000], [5_000, 3] })
        {
            var x = Some.Normal(3, dtype, shape);
            using var step = new InputMixup(new MixupOptions { Method = new Interpolation(1), Seed = 4 })
                .Begin(x, zeros(shape[0], ScalarType.Int64, Some.Device));
            Close(x, step.Input, step.Draw.Mix);
        }
    }

    [Theory]
    [MemberData(nameof(Floating))]
    public void WithoutTheKernelPartnersAreViewsOrGathered(ScalarType dtype)
    {
        // The batch is not outermost in memory, so this goes by torch, as on other devices.
        using var scope = NewDisposeScope();
        var x = Some.Normal(6, dtype, 7, 9).transpose(0, 1);
        foreach (var permutation in new long[][] { [0, 1, 2, 3, 4, 5, 6, 7, 8], [3, 4, 5, 6, 7, 8, 0, 1, 2], [8, 7, 6, 5, 4, 3, 2, 1, 0] })
        {
            var mix = new Mix([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], permutation);
            Close(x, mix.Blend(x), mix);
        }
    }

    [Theory]
    [MemberData(nameof(Floating))]
    public void InPlaceIsTheSameForAnyPermutation(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        foreach (var pairing in Rules.Blind.Values)
        {
            foreach (var batch in new[] { 1, 2, 3, 8, 9 })
            {
                foreach (var inner in new long[][] { [40_000], [3, 4, 5], [] })
                {
                    var x = Some.Normal(batch, dtype, [batch, .. inner]);
                    x = inner.Length == 3 ? x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : x; // channels_last
                    var (original, y) = (x.clone(), zeros(batch, ScalarType.Int64, Some.Device));
                    var options = new MixupOptions { Method = new Interpolation(1), Seed = 5, Pairing = pairing };
                    using var kept = new InputMixup(options).Begin(original, y);
                    using var step = new InputMixup(options) { OverwriteInput = true }.Begin(x, y);
                    Assert.Same(x, step.Input);
                    Some.AssertEqual(kept.Input, x);
                }
            }
        }
    }

    [Fact]
    public void InPlaceWorksWhereARowIsNotOneBlock()
    {
        using var scope = NewDisposeScope();
        foreach (var dtype in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            var x = Some.Normal(1, dtype, 3, 5).transpose(0, 1);
            var expected = Some.Mix().Blend(x.clone());
            using var step = new InputMixup { OverwriteInput = true }.Begin(
                x, zeros(5, ScalarType.Int64, Some.Device), new MixupDraw(Some.Mix(), MixupPlace.Input));
            Some.AssertEqual(expected, x);
        }
    }

    [Theory]
    [MemberData(nameof(Floating))]
    public void TwoOutputsAreBothWholeInEveryLayout(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var plain = Some.Normal(1, dtype, 5, 3, 4, 6);
        var both = new Mix(Some.Coefficients, Some.Permutation, outputs: MixupOutputs.Both);
        double[] others = [.. Some.Coefficients.Select(lambda => 1 - lambda)];
        foreach (var x in new[]
        {
            plain,
            plain.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2), // channels_last
            plain.transpose(0, 1).contiguous().transpose(0, 1),         // the batch not outermost
            plain.narrow(1, 0, 1).expand(5, 3, 4, 6),                   // elements that share memory
        })
        {
            foreach (var gradient in new[] { false, true })
            {
                var input = gradient ? x.detach().requires_grad_() : x;
                var blended = both.Blend(input).detach();
                Assert.Equal(x.permute(0, 2, 3, 1).is_contiguous(), blended.permute(0, 2, 3, 1).is_contiguous()); // channels_last is kept
                using var step = new InputMixup(new MixupOptions { Outputs = MixupOutputs.Both }).Begin(
                    input, zeros(5, ScalarType.Int64, Some.Device), new MixupDraw(both, MixupPlace.Input));
                foreach (var (coefficients, row) in new[] { (Some.Coefficients, 0), (others, 5) })
                {
                    var one = new Mix(coefficients, Some.Permutation);
                    Close(x, blended.narrow(0, row, 5), one);
                    Close(x, step.Input.narrow(0, row, 5), one);
                }
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheGradientIsThatOfAnyLayoutOfTheUpstreamOne(bool twoOutputs)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix(Some.Coefficients, Some.Permutation, Some.Outputs(twoOutputs));
        var (x, upstream) = (Some.Normal(1, 5, 3, 4).requires_grad_(), Some.Normal(2, mix.Rows, 3, 4));
        Tensor Gradient(Tensor of) => autograd.grad([mix.Blend(x)], [x], [of])[0];
        var expected = Gradient(upstream);
        Some.AssertClose(expected, Gradient(upstream.transpose(1, 2).contiguous().transpose(1, 2)), 1e-6, 1e-6);
        Some.AssertClose(expected, Gradient(upstream.transpose(0, 1).contiguous().transpose(0, 1)), 1e-6, 1e-6);
    }

    [Fact]
    public void WhatCannotBeOverwrittenIsRefusedUntouched()
    {
        using var scope = NewDisposeScope();
        var y = zeros(4, ScalarType.Int64, Some.Device);
        var strategy = new InputMixup { OverwriteInput = true };
        var first = Some.Normal(1, 4, 2);
        var before = first.clone();
        Assert.Contains(
            "requires gradients",
            Assert.Throws<ArgumentException>(() => strategy.Begin([first, Some.Normal(1, 4, 2).requires_grad_()], y)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "share memory",
            Assert.Throws<ArgumentException>(() => strategy.Begin([first, Some.Normal(1, 4, 1).expand(4, 3)], y)).Message,
            StringComparison.OrdinalIgnoreCase);
        Some.AssertEqual(before, first);
        Assert.Throws<ArgumentException>(() => new InputMixup(new MixupOptions { Outputs = MixupOutputs.Both }) { OverwriteInput = true });
        Assert.Throws<ArgumentException>(() => new InputMixup { OverwriteInput = true, StackInput = true });
    }

    [Fact]
    public void ADimensionOfOneSharesNoMemory()
    {
        using var scope = NewDisposeScope();
        var x = Some.Normal(1, 3, 5).transpose(0, 1).as_strided([5, 3, 1], [1, 5, 0]); // the last stride is 0, and never taken
        var original = x.clone();
        using var step = new InputMixup { OverwriteInput = true }.Begin(
            x, zeros(5, ScalarType.Int64, Some.Device), new MixupDraw(Some.Mix(), MixupPlace.Input));
        Close(original, x);
    }

    [Fact]
    public void AnInputThatWasOverwrittenTooEarlyIsAnErrorAndNotAWrongGradient()
    {
        using var scope = NewDisposeScope();
        using var layer = Linear(6, 2).to(Some.Device);
        var (x, y) = (Some.Normal(1, 5, 6), Some.Classes(1, 2, 5));
        var strategy = new InputMixup { OverwriteInput = true };
        var step = strategy.Begin(x, y);
        var loss = layer.call(step.Input).pow(2).sum(); // its backward pass needs the input
        step.Dispose();
        strategy.Begin(x, y).Dispose();
        Assert.Contains(
            "modified by an inplace operation",
            Assert.ThrowsAny<Exception>(() => loss.backward()).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void AStepKeepsItsInputWhileOthersBeginAndEnd()
    {
        using var scope = NewDisposeScope();
        var strategy = new InputMixup(new MixupOptions { Method = new Interpolation(1) });
        var y = zeros(5, ScalarType.Int64, Some.Device);
        var first = strategy.Begin(Some.Normal(1, 5, 3), y);
        var kept = first.Input.clone();
        strategy.Begin(Some.Normal(2, 5, 3), y).Dispose();
        using var second = strategy.Begin(Some.Normal(3, 5, 3), y);
        Some.AssertEqual(kept, first.Input);
        MixupMemory.Release();
        Some.AssertEqual(kept, first.Input);
        first.Dispose();

        // A smaller batch, a larger one, another type, several inputs.
        foreach (
            var (x, z) in new[] { (Some.Normal(4, 3, 3), Some.Normal(5, 3, 2)), (Some.Normal(4, 9, 3), Some.Normal(5, 9, 2)),
                (Some.Normal(4, ScalarType.Float64, 9, 3), Some.Normal(5, ScalarType.Float16, 9, 2)) })
        {
            using var step = strategy.Begin([x, z], zeros(x.shape[0], ScalarType.Int64, Some.Device));
            Close(x, step.Inputs[0], step.Draw.Mix);
            Close(z, step.Inputs[1], step.Draw.Mix);
        }
    }

    [Fact]
    public void TheGradientIsTheSameBitsEveryTime()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([.. Enumerable.Repeat(0.37, 64)], [.. Enumerable.Range(0, 64).Select(i => (long)((i + 17) % 64))]);
        var upstream = Some.Normal(1, 64, 33, 7);
        Tensor Gradient()
        {
            var x = Some.Normal(2, 64, 33, 7).requires_grad_();
            mix.Blend(x).backward([upstream]);
            return x.grad!;
        }

        var first = Gradient();
        for (var i = 0; i < 20; i++)
        {
            Some.AssertEqual(first, Gradient());
        }
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void EveryValueOfSixteenBitsIsWidenedAndRoundedAsTorchDoes(ScalarType dtype)
    {
        using var scope = NewDisposeScope();

        // Every bit pattern, beside another: zeros, subnormals, infinities and what is not a number among them; and results that overflow
        // and underflow.
        var bits = empty(65_536, dtype);
        bits.bytes = Enumerable.Range(0, 65_536).SelectMany(i => BitConverter.GetBytes((ushort)i)).ToArray();
        var x = stack([bits, bits.flip(0), bits.roll(12_345, 0)]);
        foreach (var lambda in new[] { 1.0, 0.0, 0.5, 0.37, 1e-3 })
        {
            foreach (var permutation in new long[][] { [1, 2, 0], [1, 0, 2] })
            {
                var mix = new Mix([lambda, lambda, lambda], permutation);
                var wide = x.to(ScalarType.Float32);
                var expected = lambda switch
                {
                    1 => x, // a weight of 0 reads nothing
                    0 => mix.SelectPartners(x),
                    _ => wide.mul((float)lambda).add(mix.SelectPartners(wide).mul((float)(1 - lambda))).to(dtype),
                };
                Some.AssertClose(expected, mix.Blend(x), 0);
                var inPlace = x.clone();
                using var step = new InputMixup { OverwriteInput = true }.Begin(
                    inPlace, zeros(3, ScalarType.Int64), new MixupDraw(mix, MixupPlace.Input));
                Some.AssertClose(expected, inPlace, 0);

                // The same in rows that are shorter than any vector.
                const int length = 7;
                const int rows = 65_536 / length;
                var tails = x.narrow(1, 0, rows * length).contiguous().view(3 * rows, length);
                var each = new Mix(
                    [.. Enumerable.Repeat(lambda, 3 * rows)],
                    [.. Enumerable.Range(0, 3 * rows).Select(i => (permutation[i / rows] * rows) + (i % rows))]);
                using var overwritten = new InputMixup { OverwriteInput = true }.Begin(
                    tails, zeros(3 * rows, ScalarType.Int64), new MixupDraw(each, MixupPlace.Input));
                Some.AssertClose(expected.narrow(1, 0, rows * length), tails.view(3, rows * length), 0);
            }
        }
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void AGradientThatIsTooLargeForItsTypeIsInfinite(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([0.9, 0.2], [1, 0]); // the first sample has a part of 0.9 in the one row and 0.8 in the other
        var largest = finfo(dtype).max;
        var x = zeros(2, 40, dtype, device: Some.Device, requires_grad: true);
        mix.Blend(x).backward([full([2, 40], largest, dtype, Some.Device)]);
        Assert.True(x.grad![0].cpu().to(ScalarType.Float32).eq(double.PositiveInfinity).all().ToBoolean());
        Assert.True(x.grad![1].cpu().to(ScalarType.Float32).lt(largest / 2).all().ToBoolean());
    }

    private static void Close(Tensor x, Tensor blended, Mix? mix = null)
    {
        var (coefficients, permutation) = mix is null
            ? (Some.Coefficients, Some.Permutation)
            : (mix.Coefficients.ToArray(), mix.Partners.ToArray());
        var (wide, own) = (
            x.detach().cpu().to(ScalarType.Float64),
            tensor(coefficients).reshape([coefficients.Length, .. Enumerable.Repeat(1L, (int)x.dim() - 1)]));
        Tensor Formula(Tensor of) => of.mul(own).add(of[tensor(permutation)].mul(1 - own));
        var error = blended.detach().cpu().to(ScalarType.Float64).sub(Formula(wide)).abs();
        Assert.True(error.le(Formula(wide.abs()).mul(Some.Epsilon(x.dtype)).add(1e-7)).all().ToBoolean());
    }
}
