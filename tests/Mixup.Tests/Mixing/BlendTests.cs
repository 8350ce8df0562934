using CsCheck;

namespace TorchSharp.Mixup.Tests;

public sealed class BlendTests
{
    public static TheoryData<ScalarType> Floating => [ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64];

    [Fact]
    public void OneAndTheSameCodeBlendsTextFeaturesAndImages()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        foreach (var x in new[] { Some.Normal(1, 5, 300), Some.Normal(2, 5, 3, 32, 32) })
        {
            Some.AssertClose(Some.Reference(x, Some.Coefficients, Some.Permutation), mix.Blend(x), 1e-6, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Floating))]
    public void EqualsTheFormulaForRandomShapesStridesAndPairings(ScalarType dtype) =>
        Gen.Select(Gen.Int[1, 9], Gen.Int[0, 4].Array[0, 5], Gen.Int[0, 5], Gen.Int[0, 1_000_000], Gen.Bool).Sample(
            (batch, sizes, layout, seed, gradient) =>
            {
                using var scope = NewDisposeScope();
                var random = new Random(seed);
                double[] coefficients = [.. Enumerable.Range(0, batch).Select(_ => random.NextDouble())];
                long[] permutation = [.. Enumerable.Range(0, batch)];
                random.Shuffle(permutation);
                var mix = new Mix(coefficients, permutation);
                var x = Laid(Some.Normal(seed, dtype, [batch, .. sizes.Select(size => (long)size)]), layout);
                if (gradient)
                {
                    x = x.detach().requires_grad_();
                }

                var blended = mix.Blend(x);
                Assert.Equal(dtype, blended.dtype);
                Assert.True(layout is 1 or 5 || Steps(x).SequenceEqual(Steps(blended)), "the layout is kept");
                var magnitude = Some.Reference(x.abs(), coefficients, permutation);
                var error = blended.detach().cpu().to(ScalarType.Float64).sub(Some.Reference(x, coefficients, permutation)).abs();
                Assert.True(error.le(magnitude.mul(Some.Epsilon(dtype)).add(1e-7)).all().ToBoolean());
            },
            iter: 150,
            threads: 1,
            seed: "0000000000001");

    [Theory]
    [MemberData(nameof(Floating))]
    public void TheGradientIsTheTransposeOfTheBlend(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var x = Some.Normal(3, dtype, 5, 2, 3).requires_grad_();
        var upstream = Some.Normal(4, dtype, 5, 2, 3);
        mix.Blend(x).backward([upstream]);

        // <A x, u> = <x, A' u> row by row: sum over the rows that a sample went into.
        var wide = upstream.cpu().to(ScalarType.Float64);
        var expected = zeros(5, 2, 3, ScalarType.Float64);
        for (var i = 0; i < 5; i++)
        {
            expected[i] = expected[i].add(wide[i].mul(Some.Coefficients[i]));
            expected[Some.Permutation[i]] = expected[Some.Permutation[i]].add(wide[i].mul(1 - Some.Coefficients[i]));
        }

        Some.AssertClose(expected, x.grad!, 2 * Some.Epsilon(dtype), Some.Epsilon(dtype));
    }

    [Fact]
    public void TheGradientCanBeDifferentiatedAgain()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var x = Some.Normal(5, ScalarType.Float64, 5, 3).requires_grad_();
        var penalty = autograd.grad([mix.Blend(x).pow(3).sum()], [x], retain_graph: true, create_graph: true)[0].pow(2).sum();
        penalty.backward();

        var plain = x.detach().clone().requires_grad_();
        var matrix = zeros(5, 5, ScalarType.Float64, Some.Device);
        for (var i = 0; i < 5; i++)
        {
            matrix[i, i] += Some.Coefficients[i];
            matrix[i, Some.Permutation[i]] += 1 - Some.Coefficients[i];
        }

        autograd.grad([matrix.matmul(plain).pow(3).sum()], [plain], retain_graph: true, create_graph: true)[0].pow(2).sum().backward();
        Some.AssertClose(plain.grad!, x.grad!, 1e-10);
    }

    [Theory]
    [MemberData(nameof(Floating))]
    public void LambdaOneChangesNothing(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var mix = Some.Unmixed(5);
        var x = Some.Normal(6, dtype, 5, 7);
        Some.AssertEqual(x, mix.Blend(x));
        var withGradient = x.clone().requires_grad_();
        mix.Blend(withGradient).backward([x]);
        Some.AssertEqual(x, withGradient.grad!);
    }

    [Fact]
    public void LambdaZeroIsThePartner()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix(new double[5], Some.Permutation);
        var x = Some.Normal(7, 5, 2);
        Some.AssertEqual(mix.SelectPartners(x), mix.Blend(x));
    }

    [Fact]
    public void ASingleSampleStaysItself()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([0.3], [0]);
        var x = Some.Normal(8, 1, 4);
        Some.AssertClose(x, mix.Blend(x), 1e-6);
    }

    [Fact]
    public void ItServesAgainAfterItWasDisposed()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var x = Some.Normal(9, 5, 4).requires_grad_();
        var before = mix.Blend(x);
        mix.Release();
        before.sum().backward();
        Some.AssertEqual(before, mix.Blend(x));
        mix.Release();
    }

    [Fact]
    public void ItSurvivesADisposeScopeInsideTheModel()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var x = Some.Normal(10, 5, 4);
        Tensor inner;
        using (NewDisposeScope())
        {
            inner = mix.Blend(x).MoveToOuterDisposeScope();
        }

        Some.AssertEqual(inner, mix.Blend(x));
    }

    [Fact]
    public void ReadsWhatWasDrawn()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        Assert.Equal(Some.Coefficients, mix.Coefficients.ToArray());
        Assert.Equal(Some.Permutation, mix.Partners.ToArray());
        Assert.Equal([5, 1, 1], mix.CreateCoefficients(Some.Normal(1, 5, 2, 2)).shape);
        Some.AssertEqual(
            tensor(new long[] { 11, 12, 13, 14, 10 }, device: Some.Device),
            mix.SelectPartners(tensor(new long[] { 10, 11, 12, 13, 14 }, device: Some.Device)));
    }

    /// <summary>The strides that matter: those of dimensions with more than one place.</summary>
    private static IEnumerable<long> Steps(Tensor x) => x.numel() == 0 ? [] : x.stride().Where((_, d) => x.shape[d] > 1);

    private static Tensor Laid(Tensor x, int layout) => layout switch
    {
        1 when x.dim() >= 2 && x.shape[1] > 0 => x.repeat_interleave(2, 1).slice(1, 0, x.shape[1] * 2, 2), // every other column
        2 when x.dim() == 4 => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        3 when x.dim() >= 2 => x.transpose(0, 1).contiguous().transpose(0, 1),                             // the batch not outermost
        4 when x.dim() >= 3 => x.transpose(1, x.dim() - 1),
        5 when x.dim() >= 2 => x.narrow(1, 0, Math.Min(1, x.shape[1])).expand(x.shape),                       // one column, seen many times
        _ => x,
    };
}
