using CsCheck;

namespace TorchSharp.Mixup.Tests;

public sealed class FieldTests
{
    private static readonly long[] Sizes = [1, 2, 3, 5, 7, 8, 11, 12];

    [Fact]
    public void TheMeanIsLambdaAtEveryResolution() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[0, 1_000_000], Gen.Int[0, 3]).Sample(
            (dimensions, seed, kind) =>
            {
                using var scope = NewDisposeScope();
                var random = new Random(seed);
                long[] Draw() => [.. Enumerable.Range(0, dimensions).Select(_ => Sizes[random.Next(Sizes.Length)])];
                var drawn = new Extent(Draw());
                var field = Make(kind, drawn, random);
                foreach (var sizes in new[] { Draw(), Draw(), [.. Enumerable.Repeat(1L, dimensions)], [.. drawn] })
                {
                    var weights = field.WeightsAt(new Extent(sizes));
                    Assert.Equal(sizes, weights.shape);
                    Assert.Equal(field.Lambda, weights.mean().item<double>(), 1e-12);
                    Assert.True(weights.ge(0).logical_and(weights.le(1)).all().ToBoolean());
                    Assert.Equal(weights.eq(0).logical_or(weights.eq(1)).all().ToBoolean(), field.IsHardAt(new Extent(sizes)));
                }
            },
            iter: 300,
            threads: 1,
            seed: "0000000000001");

    [Fact]
    public void EachCellHasTheMeanOfWhatItCovers() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[0, 1_000_000], Gen.Int[0, 3]).Sample(
            (dimensions, seed, kind) =>
            {
                using var scope = NewDisposeScope();
                var random = new Random(seed);
                long[] Draw() => [.. Enumerable.Range(0, dimensions).Select(_ => Sizes[random.Next(5)])];
                var (drawn, asked) = (new Extent(Draw()), new Extent(Draw()));
                var field = Make(kind, drawn, random);

                // On a grid that both divide, cells are only repeated and averaged.
                var fine = field.WeightsAt(drawn);
                for (var d = 0; d < dimensions; d++)
                {
                    fine = fine.repeat_interleave(asked[d], d);
                    long[] split = [.. fine.shape.Take(d), asked[d], drawn[d], .. fine.shape.Skip(d + 1)];
                    fine = fine.reshape(split).mean([d + 1]);
                }

                Some.AssertClose(fine, field.WeightsAt(asked), 1e-12, 1e-14);
            },
            iter: 300,
            threads: 1,
            seed: "0000000000001");

    [Fact]
    public void ABoxIsZeroInsideAndOneOutside()
    {
        using var scope = NewDisposeScope();
        var box = new BoxField([4, 6], [1, 2], [3, 5]);
        var expected = ones(4, 6, ScalarType.Float64);
        expected[1..3, 2..5] = tensor(0.0);
        Some.AssertEqual(expected, box.WeightsAt([4, 6]));
        Assert.Equal(0.75, box.Lambda);
        Assert.True(box.IsHardAt([8, 12]));
        Assert.False(box.IsHardAt([3, 6]));
        Assert.Equal(0.5, box.WeightsAt([2, 6])[0, 2].item<double>());
    }

    [Fact]
    public void ABoxAroundACentreIsClipped()
    {
        Assert.Equal(new BoxField([4, 6], [0, 3], [1, 6]), BoxField.Around([4, 6], [-1, 5], [5, 4]));
        Assert.Equal(new BoxField([4, 6], [2, 2], [2, 2]), BoxField.Around([4, 6], [2, 2], [1, 0]));
        Assert.Equal(1, BoxField.Around([4, 6], [2, 2], [1, 6]).Lambda);
    }

    [Fact]
    public void FieldsCompareAndPrintByValue()
    {
        using var scope = NewDisposeScope();
        var mask = tensor(new double[] { 1, 0, 0.5, 0.25 });
        Field[] fields =
        [
            new NumberField(0.5), new NumberField(0.25), new BoxField([4], [1], [2]), new BoxField([4], [2], [3]),
            new BoxField([5], [1], [2]), new BoxField([4], [1], [2]).WithLambda(0.5),
            new MaskField(mask), new MaskField(mask.view(2, 2)), new MaskField(mask.flip(0)), new MaskField(mask.gt(0.3)),
        ];
        Field[] again =
        [
            new NumberField(0.5), new NumberField(0.25), new BoxField([4], [1], [2]), new BoxField([4], [2], [3]),
            new BoxField([5], [1], [2]), new BoxField([4], [1], [2]).WithLambda(0.5),
            new MaskField(mask.to(ScalarType.Float32)), new MaskField(mask.view(2, 2)), new MaskField(mask.flip(0)),
            new MaskField(mask.gt(0.3).to(ScalarType.Float16)),
        ];
        for (var i = 0; i < fields.Length; i++)
        {
            for (var j = 0; j < fields.Length; j++)
            {
                Assert.Equal(i == j, fields[i].Equals(again[j]));
            }

            Assert.Equal(fields[i].GetHashCode(), again[i].GetHashCode());
        }

        Assert.Equal("NumberField { Lambda = 0.5 }", fields[0].ToString());
        Assert.Equal("BoxField { Extent = [4], From = [1], To = [2], Lambda = 0.75 }", fields[2].ToString());
        Assert.Equal("MaskField { Extent = [2, 2], Lambda = 0.4375 }", fields[7].ToString());
        Assert.Equal(0.5, fields[5].Lambda);
    }

    [Fact]
    public void AMaskIsACopy()
    {
        using var scope = NewDisposeScope();
        var mask = ones(2, 2);
        var field = new MaskField(mask);
        mask.zero_();
        Assert.Equal(1, field.Lambda);
        field.WeightsAt([2, 2]).zero_();
        Some.AssertEqual(ones(2, 2, ScalarType.Float64), field.WeightsAt([2, 2]));
    }

    public static TheoryData<string, Func<object>, string> Mistakes => new()
    {
        { "no dimension", () => new Extent(), "one size or more" },
        { "an empty dimension", () => new Extent(3, 0), "1 or more" },
        { "lambda above 1", () => new NumberField(1.5), "between 0" },
        { "lambda of a box", () => new BoxField([4], [1], [2]).WithLambda(double.NaN), "between 0" },
        { "a box outside", () => new BoxField([4], [1], [5]), "from <= to <= 4" },
        { "a box inside out", () => new BoxField([4], [3], [2]), "from <= to <= 4" },
        { "a box of other dimensions", () => new BoxField([4, 4], [1], [2]), "one for each dimension" },
        { "a negative side", () => BoxField.Around([4], [1], [-1]), "0 or more" },
        { "a mask of ids", () => new MaskField(ones(2, ScalarType.Int64)), "Bool or floating" },
        { "a mask of no cells", () => new MaskField(ones(0)), "one dimension or more" },
        { "a mask above 1", () => new MaskField(full([2], 1.5f)), "Clamp" },
        { "a mask that is not a number", () => new MaskField(full([2], float.NaN)), "Clamp" },
        { "another number of dimensions", () => new MaskField(ones(2)).WeightsAt([2, 2]), "expected 1 dimensions" },
        { "hardness in another number of dimensions", () => new BoxField([4], [1], [2]).IsHardAt([2, 2]), "expected 1 dimensions" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void MistakesAreNamed(string mistake, Func<object> act, string remedy)
    {
        using var scope = NewDisposeScope();
        Assert.NotEmpty(mistake);
        Assert.Contains(remedy, Assert.ThrowsAny<ArgumentException>(act).Message, StringComparison.OrdinalIgnoreCase);
    }

    private static Field Make(int kind, Extent extent, Random random)
    {
        using var scope = NewDisposeScope();
        var mask = tensor([.. Enumerable.Range(0, (int)extent.Cells).Select(_ => random.NextDouble())], [.. extent], ScalarType.Float64);
        long[] from = [.. extent.Select(size => random.NextInt64(size))];
        return kind switch
        {
            0 => new NumberField(random.NextDouble()),
            1 => new BoxField(extent, from, [.. extent.Select((size, d) => random.NextInt64(from[d], size + 1))]),
            2 => new MaskField(mask.gt(0.4)),
            _ => new MaskField(mask),
        };
    }
}
