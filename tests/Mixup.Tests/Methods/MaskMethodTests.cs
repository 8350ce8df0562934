namespace TorchSharp.Mixup.Tests;

public sealed class MaskMethodTests
{
    public static TheoryData<string> Grids => VectorCase.NamesOf("extra_mixes", "gridmix");

    public static TheoryData<string> Spots => VectorCase.NamesOf("extra_mixes", "smoothmix");

    [Theory]
    [MemberData(nameof(Grids))]
    public void AGridIsOpenMixups(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("extra_mixes", name);
        Extent extent = [12, 12];
        var sides = GridMix.BoxSides(extent, vector.Number("cut_area_ratio")!.Value, vector.Number("cut_aspect_ratio")!.Value);
        long[] from = [(long)((12 - sides[0]) * vector.Number("cy")!.Value), (long)((12 - sides[1]) * vector.Number("cx")!.Value)];
        var box = new BoxField(extent, from, [from[0] + sides[0], from[1] + sides[1]]);
        var mask = GridMix.MaskOf(
            box, vector.RawLambda[0], (int)vector.Number("n_holes")!.Value, vector.Number("hole_aspect_ratio")!.Value);
        vector.AssertClose(1 - vector.Expected("mask").cpu(), mask.WeightsAt(extent), "mask");
        Assert.Equal(vector.Lambda[0], mask.Lambda, vector.AbsoluteTolerance);
    }

    [Theory]
    [MemberData(nameof(Spots))]
    public void ASpotIsOpenMixups(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("extra_mixes", name);
        var extent = new Extent(vector.Expected("kernel").shape);

        // OpenMixup puts a centre between two cells.
        double[] centre = [vector.Number("rand_h_draw")!.Value - 0.5, vector.Number("rand_w_draw")!.Value - 0.5];
        var mask = SmoothMix.MaskOf(extent, centre, vector.Number("sigma")!.Value / extent[0]);
        vector.AssertClose(1 - vector.Expected("kernel").cpu(), mask.WeightsAt(extent), "mask");
        Assert.Equal(1 - vector.ExpectedNumbers("kernel_mean")[0], mask.Lambda, vector.AbsoluteTolerance);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(32, 48)]
    [InlineData(16, 12, 20)]
    public void GridsKeepTheirRangesAndTouchEveryBorder(params int[] sizes)
    {
        using var scope = NewDisposeScope();
        long[] extent = [.. sizes.Select(size => (long)size)];
        var method = new GridMix { Holes = (2, 3), BoxShare = (0.3, 0.3), BoxAspect = (1, 1) };
        var (columns, reached) = (new HashSet<int>(), new HashSet<(int, bool)>());
        foreach (var field in DrawnBy.Method(method, 400, extent))
        {
            Assert.True(field.IsHardAt(field.Extent!));
            Assert.InRange(field.Lambda, 0.69, 0.999);
            var holes = field.WeightsAt(field.Extent!).eq(0);
            for (var d = 0; d < extent.Length; d++)
            {
                var along = d == 0 ? holes : holes.transpose(0, d);
                along = along.reshape(extent[d], -1).any(1);
                long[] cells = [.. along.nonzero().flatten().data<long>()];
                Assert.InRange(cells[^1] - cells[0], 0, extent[d] * Math.Pow(0.3, 1.0 / extent.Length));
                if (cells[0] == 0)
                {
                    reached.Add((d, false));
                }

                if (cells[^1] == extent[d] - 1)
                {
                    reached.Add((d, true));
                }

                if (d == extent.Length - 1)
                {
                    columns.Add(1 + cells.Zip(cells.Skip(1)).Count(pair => pair.Second > pair.First + 1));
                }
            }
        }

        Assert.Equal([2, 3], columns.Order());
        Assert.True(reached.Count(border => !border.Item2) == extent.Length, "some grid begins at each first cell");
    }

    [Fact]
    public void AGridWithoutMixingHasNoHoles()
    {
        Assert.All(DrawnBy.Method(new GridMix(0), 20, 8, 8), field => Assert.Equal(1, field.Lambda));
        Assert.Equal(1, GridMix.MaskOf(new BoxField([6], [0], [6]), 1, 2).Lambda);

        // Holes of one cell, but never a patch as a whole.
        Assert.Equal(4.0 / 6, GridMix.MaskOf(new BoxField([6], [0], [6]), 0.999, 2).Lambda, 1e-12);
        Assert.Equal(2.0 / 6, GridMix.MaskOf(new BoxField([6], [0], [6]), 0, 2).Lambda, 1e-12);
    }

    [Theory]
    [InlineData(50)]
    [InlineData(20, 30)]
    [InlineData(8, 10, 12)]
    public void SpotsLieAnywhereAndKeepTheirRange(params int[] sizes)
    {
        using var scope = NewDisposeScope();
        long[] extent = [.. sizes.Select(size => (long)size)];
        var fields = DrawnBy.Method(new SmoothMix(), 2_000, extent);
        Assert.All(fields, field => Assert.False(field.IsHardAt(field.Extent!)));
        Assert.False(new SmoothMix().Copies);

        // The centre is uniform, so the mean weights are the same from both ends.
        var mean = DrawnBy.MeanWeights(fields);
        for (var d = 0; d < extent.Length; d++)
        {
            Some.AssertClose(mean, mean.flip(d), 0, 0.05);
        }

        // A spot within the extent has a share of (2 pi)^(d/2) spread^d; those at a border have less, in a corner at least 2^-d of it.
        var most = Math.Pow(Math.Sqrt(2 * Math.PI) * 0.5, extent.Length);
        var least = Math.Pow(Math.Sqrt(2 * Math.PI) * 0.25 / 2.2, extent.Length);
        Assert.All(fields, field => Assert.InRange(1 - field.Lambda, least, most));
    }

    [Fact]
    public void MistakesAreNamed()
    {
        static string Error(Func<object> act) => Assert.ThrowsAny<ArgumentException>(act).Message;
        Assert.Contains("alpha", Error(() => new GridMix(-1)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("holes", Error(() => new GridMix { Holes = (0, 2) }), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("shares", Error(() => new GridMix { BoxShare = (0.5, 1.5) }), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("ratios", Error(() => new GridMix { BoxAspect = (2, 1) }), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("ratios", Error(() => new GridMix { PatchAspect = (0, 1) }), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("ratios", Error(() => new SmoothMix { Spread = (double.NaN, 1) }), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("2 dimensions", Error(() => SmoothMix.MaskOf([3, 3], [1.0], 0.3)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("0 to 3", Error(() => BoxField.Inside([3], [4], Random.Shared)), StringComparison.OrdinalIgnoreCase);
    }
}
