namespace TorchSharp.Mixup.Tests;

/// <summary>A weight of exactly 1 or 0 copies, bits in and bits out, whatever the other sample holds.</summary>
public sealed class CopyTests
{
    private static readonly string[] Layouts = ["contiguous", "channels_last", "batch not outermost", "every other column"];

    public static TheoryData<ScalarType> Floating => [ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64];

    public static TheoryData<ScalarType, string> TypesAndLayouts =>
        new MatrixTheoryData<ScalarType, string>([.. Floating.Select(row => row.Data)], Layouts);

    public static TheoryData<ScalarType, string, bool> TypesLayoutsAndOutputs =>
        new MatrixTheoryData<ScalarType, string, bool>([.. Floating.Select(row => row.Data)], Layouts, [false, true]);

    [Theory]
    [MemberData(nameof(TypesLayoutsAndOutputs))]
    public void AWeightOfOneOrZeroCopiesBits(ScalarType dtype, string layout, bool twoOutputs)
    {
        foreach (var draw in Draws())
        {
            foreach (var shape in Shapes(draw.Coefficients.Length))
            {
                using var scope = NewDisposeScope();
                var mix = new Mix(draw.Coefficients, draw.Partners, Some.Outputs(twoOutputs));
                var x = Laid(Bits.Spoilers(dtype, draw.Coefficients.Length, shape), layout).to(Some.Device);
                var forward = mix.Blend(x);
                using var recorded = mix.Blend(x.detach().requires_grad_());
                Bits.AssertEqual(forward, recorded);
                List<(long Row, long Source)> copies = [];
                for (var row = 0; row < mix.Rows; row++)
                {
                    var sample = row % mix.BatchSize;
                    var lambda = row < mix.BatchSize ? draw.Coefficients[sample] : 1 - draw.Coefficients[sample];
                    if (lambda is 0 or 1)
                    {
                        copies.Add((row, lambda == 1 ? sample : draw.Partners[sample]));
                    }
                }

                Bits.AssertEqual(Rows(x, copies.Select(copy => copy.Source)), Rows(forward, copies.Select(copy => copy.Row)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(TypesAndLayouts))]
    public void SoItDoesInPlace(ScalarType dtype, string layout)
    {
        var strategy = new InputMixup { OverwriteInput = true };
        foreach (var draw in Draws())
        {
            foreach (var shape in Shapes(draw.Coefficients.Length))
            {
                using var scope = NewDisposeScope();
                var x = Laid(Bits.Spoilers(dtype, draw.Coefficients.Length, shape), layout).to(Some.Device);
                var mix = new Mix(draw.Coefficients, draw.Partners);
                var kept = mix.Blend(x);
                using var step = strategy.Begin(
                    x, zeros(draw.Coefficients.Length, ScalarType.Int64, Some.Device), new MixupDraw(mix, MixupPlace.Input));
                long[] copies = [.. Enumerable.Range(0, draw.Coefficients.Length).Where(row => draw.Coefficients[row] is 0 or 1)];
                Bits.AssertEqual(Rows(kept, copies), Rows(x, copies));

                // The payload of a sum that is not a number depends on which of two came first, and on nothing else.
                Some.AssertClose(kept, x, 0);
            }
        }
    }

    [Theory]
    [MemberData(nameof(TypesAndLayouts))]
    public void AGradientReadsWhatHasAWeightAndNothingElse(ScalarType dtype, string layout)
    {
        foreach (var draw in Draws())
        {
            foreach (var shape in Shapes(draw.Coefficients.Length))
            {
                using var scope = NewDisposeScope();
                var mix = new Mix(draw.Coefficients, draw.Partners);
                var upstream = Laid(Bits.Spoilers(dtype, draw.Coefficients.Length, shape), layout).to(Some.Device);
                var x = zeros_like(upstream).requires_grad_();
                var gradient = autograd.grad([mix.Blend(x)], [x], [upstream])[0];
                for (var row = 0; row < draw.Coefficients.Length; row++)
                {
                    // What the sample has in its own row, and in the row of the one that reads it.
                    var reader = Array.IndexOf(draw.Partners, row);
                    var (own, other) = (draw.Coefficients[row], 1 - draw.Coefficients[reader]);
                    var (mine, theirs) = (upstream[row], upstream[reader]);
                    var wide = Some.Device.type == DeviceType.CPU && dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
                    switch (own, other)
                    {
                        case (1, 0): Bits.AssertEqual(mine, gradient[row]); break;
                        case (0, 1): Bits.AssertEqual(theirs, gradient[row]); break;
                        case (0, 0): Bits.AssertEqual(zeros_like(mine), gradient[row]); break;
                        case (_, 0): AssertProduct(mine, own, gradient[row]); break;
                        case (0, _): AssertProduct(theirs, other, gradient[row]); break;
                        default: AssertSum(mine.to(wide).mul(own).add(theirs.to(wide).mul(other)).to(dtype), gradient[row]); break;
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Floating))]
    public void AnUnmixedBatchIsItselfThroughBlendAndGradient(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var mix = Some.Unmixed(12);
        foreach (var layout in Layouts)
        {
            var x = Laid(Bits.Spoilers(dtype, 12, 3, 5, 6), layout).to(Some.Device);
            var recorded = x.detach().requires_grad_();
            var blended = mix.Blend(recorded);
            Bits.AssertEqual(x, blended);
            Assert.False(ReferenceEquals(x, mix.Blend(x)));
            Bits.AssertEqual(x, autograd.grad([blended], [recorded], [x])[0]);
        }
    }

    [Fact]
    public void AWeightThatIsTooSmallForItsTypeIsZero()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([1e-60, 0.5], [1, 0]); // 1 - 1e-60 is 1
        foreach (var layout in Layouts)
        {
            var x = Laid(Bits.Spoilers(ScalarType.Float32, 2, 3, 5, 6), layout).to(Some.Device);
            Bits.AssertEqual(x[1], mix.Blend(x)[0]);
        }
    }

    [Fact]
    public void LargestAndLeastValuesKeepTheirRange()
    {
        using var scope = NewDisposeScope();
        var mix = new Mix([0.5, 0.5, 0.5], [1, 2, 0]);
        foreach (var dtype in new[] { ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64 })
        {
            var (largest, least) = (full([3, 40], finfo(dtype).max, dtype, Some.Device), Least(dtype).to(Some.Device));
            Bits.AssertEqual(largest, mix.Blend(largest));
            Bits.AssertEqual(least, mix.Blend(least)); // subnormal, and even, so that a half is exact
        }
    }

    private static Tensor Rows(Tensor of, IEnumerable<long> rows) => of.index_select(0, tensor(rows.ToArray()).to(of.device));

    /// <summary>Sums beside the largest value may be infinite or not, by how they are rounded.</summary>
    private static void AssertSum(Tensor expected, Tensor actual)
    {
        var sure = expected.abs().le(finfo(expected.dtype).max / 2).logical_or(expected.isnan());
        Some.AssertClose(expected.masked_select(sure), actual.masked_select(sure), Some.Epsilon(expected.dtype), 1e-7);
    }

    private static void AssertProduct(Tensor of, double weight, Tensor actual)
    {
        var wide = of.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        var expected = of.to(wide).mul(tensor(weight, wide, of.device)).to(of.dtype);
        Some.AssertClose(expected, actual, 0);
        Some.AssertEqual(
            expected.signbit().logical_and(expected.isnan().logical_not()),
            actual.signbit().logical_and(actual.isnan().logical_not())); // -0 stays -0
    }

    /// <summary>Pairs, cycles, fixed points and reversals, with weights of 0, 1 and between in every neighbourhood.</summary>
    private static IEnumerable<(double[] Coefficients, long[] Partners)> Draws()
    {
        double[][] coefficients = [[1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0.25, 0.75], [0.5, 1, 0, 0], [0, 0.3, 1, 0.6]];
        long[][] partners = [[1, 0, 3, 2], [1, 2, 3, 0], [0, 1, 2, 3], [1, 2, 0, 3]];
        foreach (var partner in partners)
        {
            foreach (var coefficient in coefficients)
            {
                yield return (coefficient, partner);
            }
        }

        // Enough rows, and in one shape enough bytes, for the stretches of several threads.
        var random = new Random(7);
        foreach (var shift in new[] { 1, 32 })
        {
            yield return (
                [.. Enumerable.Range(0, 64).Select(_ => random.Next(3) switch { 0 => 0, 1 => 1, _ => random.NextDouble() })],
                [.. Enumerable.Range(0, 64).Select(i => (long)((i + shift) % 64))]);
        }
    }

    /// <summary>
    /// Behind the batch: nothing, a tail of every vector width, several dimensions, and, for the larger draws, as much as threads share.
    /// </summary>
    private static IEnumerable<long[]> Shapes(int batch) => batch > 4 ? [[3, 5, 64]] : [[], [67], [3, 5, 6]];

    private static Tensor Least(ScalarType dtype)
    {
        var least = empty(3, 40, dtype);
        var size = (int)least.element_size();
        least.bytes.Clear();
        for (var i = 0; i < 120; i++)
        {
            least.bytes[i * size] = (byte)(2 + (2 * (i % 40))); // the same in every row
        }

        return least;
    }

    private static Tensor Laid(Tensor x, string layout) => layout switch
    {
        "channels_last" when x.dim() == 4 => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        "batch not outermost" when x.dim() >= 2 => x.transpose(0, 1).contiguous().transpose(0, 1),
        "every other column" when x.dim() >= 2 => x.repeat_interleave(2, x.dim() - 1).slice(x.dim() - 1, 0, 2 * x.shape[^1], 2),
        _ => x,
    };
}
