namespace TorchSharp.Mixup.Tests;

public sealed class ResizeMixTests
{
    public static TheoryData<string> Cases => VectorCase.NamesOf("extra_mixes", "resizemix");

    public static TheoryData<Resizing, int> Kinds => new MatrixTheoryData<Resizing, int>(Enum.GetValues<Resizing>(), [1, 2, 3]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void ABatchIsOpenMixups(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("extra_mixes", name);
        var x = vector.Input("x");
        var boxes = vector.Fields(x).Cast<BoxField>().ToArray();
        Assert.Equal(boxes[0], ResizeMix.BoxAt(boxes[0].Extent, vector.Number("tao")!.Value, [.. vector.Centre]));
        var resizing = vector.Text("interpolate_mode") == "nearest" ? Resizing.Nearest : Resizing.Bilinear;
        var mix = new Mix([.. boxes.Select(box => new ResizedBoxField(box, resizing))], vector.Permutation);
        vector.AssertClose(vector.Expected("mixed_x"), mix.Blend(x), "mixed_x");
        Assert.Equal(vector.Lambda[0], mix.Coefficients[0], vector.AbsoluteTolerance);
        Some.AssertEqual(vector.Expected("y_b"), mix.SelectPartners(vector.Input("y")));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TheBoxHoldsWhatTorchInterpolatesAndGradientsAreItsAutograds(Resizing resizing, int dimensions)
    {
        using var scope = NewDisposeScope();
        long[] extent = [.. new long[] { 9, 14, 6 }[..dimensions]];
        var x = Some.Normal(1, ScalarType.Float64, [8, 2, .. extent]).requires_grad_(true);
        var strategy = new InputMixup(
            new MixupOptions { Method = new ResizeMix { Resizing = resizing, SideShares = (0.3, 0.9) }, Seed = 3 });
        for (var round = 0; round < 3; round++)
        {
            using var step = strategy.Begin(x.detach(), Some.Classes(2, 3, 8));
            var (mixed, expected) = (step.Draw.Mix.Blend(x), Plain(x, step.Draw.Mix, resizing));
            Some.AssertClose(expected, mixed, 1e-12, 1e-12);
            Some.AssertClose(mixed, step.Input, 0);
            var weights = Some.Normal(4 + round, ScalarType.Float64, x.shape);
            var (wanted, got) = (autograd.grad([expected.mul(weights).sum()], [x])[0], autograd.grad([mixed.mul(weights).sum()], [x])[0]);
            Some.AssertClose(wanted, got, 1e-12, 1e-12);
        }
    }

    /// <summary>At any resolution: the map and its transpose give the same inner product, and lambda is the mean of the weights.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void AtAnotherResolutionTheAdjointIsExact(Resizing resizing, int dimensions)
    {
        using var scope = NewDisposeScope();
        long[] drawn = [.. new long[] { 12, 10, 6 }[..dimensions]];
        var fields = DrawnBy.Method(new OneOf(new ResizeMix { Resizing = resizing }, new Interpolation(1), new CutMix()), 9, drawn);
        var mix = new Mix(fields, [1, 2, 3, 4, 5, 6, 7, 8, 0], extent: new Extent(drawn));
        foreach (var size in new[] { 1, 3, 5, 8, 24 })
        {
            long[] shape = [9, 2, .. Enumerable.Repeat((long)size, dimensions)];
            var (x, gradient) = (
                Some.Normal(size, ScalarType.Float64, shape).requires_grad_(true), Some.Normal(size + 1, ScalarType.Float64, shape));
            var y = mix.Blend(x);
            y.mul(gradient).sum().backward();
            Some.AssertClose(y.mul(gradient).sum(), x.mul(x.grad!).sum(), 1e-11, 1e-11);
            var ones = mix.Blend(ones_like(x));
            Some.AssertClose(ones_like(x), ones, 1e-12); // rows of weights sum to one
        }
    }

    [Fact]
    public void LongSignalsAreResizedToTheirEnd()
    {
        using var scope = NewDisposeScope();
        const long n = 3_000_000, from = n / 10, to = n - (n / 20);
        var x = arange(2 * n, ScalarType.Int32).view(2, 1, n).to(Some.Device);
        var mix = new Mix([new ResizedBoxField(new BoxField([n], [from], [to]), Resizing.Nearest), new NumberField(1)], [1, 0]);
        var sources = arange(to - from, ScalarType.Int64, Some.Device).mul(n).div(to - from, RoundingMode.floor);
        Some.AssertEqual(x[1, 0].index(TensorIndex.Tensor(sources)), mix.Blend(x)[0, 0, TensorIndex.Slice(from, to)]);
    }

    [Fact]
    public void NearestCopiesEveryTypeWhateverStandsElsewhere()
    {
        using var scope = NewDisposeScope();
        var box = new ResizedBoxField(new BoxField([4, 6], [1, 2], [3, 5]), Resizing.Nearest);
        var mix = new Mix([box, new BoxField([4, 6], [0, 0], [2, 2]), new NumberField(1)], [1, 2, 0]);
        foreach (
            var dtype in new[] { ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64, ScalarType.Int64,
                ScalarType.Byte, ScalarType.Bool })
        {
            var x = Some.Normal(1, ScalarType.Float64, 3, 2, 4, 6).mul(30).abs().to(dtype);
            var y = mix.Blend(x);
            var expected = x.clone();
            expected[1, TensorIndex.Colon, TensorIndex.Slice(0, 2), TensorIndex.Slice(0, 2)] = x[2, TensorIndex.Colon,
                TensorIndex.Slice(0, 2), TensorIndex.Slice(0, 2)];
            for (var row = 0; row < 2; row++)
            {
                for (var column = 0; column < 3; column++)
                {
                    expected[0, TensorIndex.Colon, 1 + row, 2 + column] = x[1, TensorIndex.Colon, row * 2, column * 2];
                }
            }

            Some.AssertEqual(expected, y);
            if (dtype == ScalarType.Bool)
            {
                Some.AssertEqual(y.select(1, 0), mix.UniteMask(x.select(1, 0)));
                Some.AssertEqual(y.select(1, 0), mix.UniteMask(x.select(1, 0), trueIsPadding: false));
            }
        }

        // What is not read is not a number: cells of the partner between those that are taken, and those of the sample under the box.
        foreach (var resizing in Enum.GetValues<Resizing>())
        {
            var pair = new Mix([new ResizedBoxField(box.Box, resizing), new NumberField(1)], [1, 0]);
            var x = zeros(2, 1, 4, 6);
            x[0, 0, 2, 3] = double.NaN;
            if (resizing == Resizing.Nearest)
            {
                x[1, 0, 1, 1] = double.PositiveInfinity;
            }

            Assert.True(pair.Blend(x)[0].isfinite().all().ToBoolean());
        }
    }

    [Fact]
    public void ShapesOfTheDrawAreUniformAndLambdaIsTheArea()
    {
        var fields = DrawnBy.Method(new ResizeMix(), 2_000, 100, 200).Cast<ResizedBoxField>().ToArray();
        var whole = fields.Where(field => field.Box.From.All(from => from > 0) && field.Box.To[0] < 100 && field.Box.To[1] < 200).ToArray();
        var sides = whole.Select(field => field.Box.To[1] - field.Box.From[1]).ToArray();
        Assert.All(
            whole, field => Assert.InRange((2 * (field.Box.To[0] - field.Box.From[0])) - (field.Box.To[1] - field.Box.From[1]), -4, 4));
        Assert.InRange(sides.Min(), 18, 24);
        Assert.InRange(fields.Max(field => field.Box.To[1] - field.Box.From[1]), 150, 160);
        Assert.All(fields, field => Assert.Equal(field.Box.Lambda, field.Lambda));
        Assert.Contains(fields, field => field.Box.From[0] == 0);
        Assert.Contains(fields, field => field.Box.To[0] == 100);
    }

    [Fact]
    public void NothingIsReadBack()
    {
        using var scope = NewDisposeScope();
        foreach (var resizing in Enum.GetValues<Resizing>())
        {
            using var model = nn.Linear(6, 6).to(META);
            var options = new MixupOptions { Method = new OneOf(new ResizeMix { Resizing = resizing }, new CutMix()), Seed = 8 };
            using var step = new ManifoldMixup(nn.Sequential(("a", model)), options, ManifoldPlaces.Named("a").WithoutInput()).Begin(
                empty(5, 2, 5, 6, device: META), empty(5, ScalarType.Int64, META));
            using var input = new InputMixup(options).Begin(empty(5, 2, 5, 6, device: META), empty(5, ScalarType.Int64, META));
            var x = model.call(input.Input);
            input.Draw.Mix.Blend(x).sum().backward();
            Assert.Equal(DeviceType.META, model.weight!.grad!.device_type);
        }
    }

    [Fact]
    public void FieldsCompareByValueAndMistakesAreNamed()
    {
        using var scope = NewDisposeScope();
        ResizedBoxField Make(Resizing resizing, long to = 2) => new(new BoxField([4], [1], [to]), resizing);
        Assert.Equal(Make(Resizing.Nearest), Make(Resizing.Nearest));
        Assert.NotEqual(Make(Resizing.Nearest), Make(Resizing.Bilinear));
        Assert.NotEqual(Make(Resizing.Nearest), Make(Resizing.Nearest, 3));
        Assert.True(
            Make(Resizing.Nearest).IsHardAt([8]) && !Make(Resizing.Nearest).IsHardAt([3]) && !Make(Resizing.Bilinear).IsHardAt([4])
                && Make(Resizing.Bilinear, 1).IsHardAt([4]));
        Some.AssertEqual(tensor([1.0, 0, 1, 1]), Make(Resizing.Nearest).WeightsAt([4]));

        static string Error(Func<object> act) => Assert.ThrowsAny<ArgumentException>(act).Message;
        var both = MixupOutputs.Both;
        Assert.Contains("second output", Error(() => new Mix([Make(Resizing.Nearest)], [0], both)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "second output",
            Error(() =>
                new InputMixup(
                    new MixupOptions { Method = new OneOf(new ResizeMix(), new CutMix()), Outputs = both }).Begin(Some.Normal(1, 3, 1, 8,
                    8), Some.Classes(2, 3, 3))),
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains("shares", Error(() => new ResizeMix { SideShares = (0.8, 0.1) }), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Resizing", Error(() => new ResizeMix { Resizing = (Resizing)5 }), StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "only copies",
            Error(() =>
                new InputMixup(new MixupOptions { Method = new ResizeMix { Resizing = Resizing.Bilinear } }).Begin(
                    Some.Classes(1, 9, 3, 1, 8), Some.Classes(2, 3, 3))),
            StringComparison.OrdinalIgnoreCase);
        var bilinear = new Mix([Make(Resizing.Bilinear)], [0]);
        Assert.Contains(
            "Resizing.Nearest", Error(() => bilinear.UniteMask(zeros(1, 4, dtype: ScalarType.Bool))), StringComparison.OrdinalIgnoreCase);
        using var clean = new InputMixup(
            new MixupOptions { Method = new ResizeMix(), Outputs = MixupOutputs.CleanAndMixed(), Seed = 1 }).Begin(Some.Normal(1, 4, 2, 8,
            8), Some.Classes(1, 3, 4));
        Some.AssertEqual(clean.Draw.Mix.Blend(Some.Normal(1, 4, 2, 8, 8)), clean.Input);
    }

    /// <summary>A clone with the partner pasted into it, by torch's own interpolation.</summary>
    private static Tensor Plain(Tensor x, Mix mix, Resizing resizing)
    {
        var modes = new[] { InterpolationMode.Linear, InterpolationMode.Bilinear, InterpolationMode.Trilinear };
        var rows = new List<Tensor>();
        for (var i = 0; i < x.shape[0]; i++)
        {
            var box = ((ResizedBoxField)mix.Fields[i]).Box;
            var row = x[i].clone();
            long[] sides = [.. box.To.Zip(box.From, (to, from) => to - from)];
            if (sides.All(side => side > 0))
            {
                var small = nn.functional.interpolate(
                    x[mix.Partners[i]].unsqueeze(0),
                    sides,
                    mode: resizing == Resizing.Nearest ? InterpolationMode.Nearest : modes[sides.Length - 1]);
                row[[TensorIndex.Colon, .. box.From.Zip(box.To, (from, to) => TensorIndex.Slice(from, to))]] = small.squeeze(0);
            }

            rows.Add(row);
        }

        return stack(rows);
    }
}
