using System.Text.Json;

namespace TorchSharp.Mixup.Tests;

/// <summary>The recipes have the values of their sources, and compute what these compute.</summary>
public sealed class RecipesTests
{
    public static TheoryData<string, string> TimmCases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var family in new[] { "cutmix", "input_mixup" })
            {
                foreach (var name in VectorCase.Names(family).Select(row => row.Data))
                {
                    // As the recipe is: for the batch, smoothing 0.1, lambda corrected, sides that follow from lambda.
                    var vector = VectorCase.Find(family, name);
                    if (name.StartsWith("timm_batch", StringComparison.Ordinal) && vector.Number("label_smoothing") == 0.1
                        && (family == "input_mixup"
                            || (vector.Flag("correct_lam") && vector.Param("cutmix_minmax") is null or { ValueKind: JsonValueKind.Null })))
                    {
                        cases.Add(family, name);
                    }
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(TimmCases))]
    public void DeiTComputesWhatTimmComputes(string family, string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find(family, name);
        var (x, y) = (vector.Input("x"), vector.Input("y"));
        var mixup = new InputMixup(Recipes.DeiT.Options);
        var drawn = mixup.Begin(x, y);
        Assert.Equal(vector.Permutation, drawn.Draw.Mix.Partners.ToArray());
        drawn.Dispose();
        var lambda = vector.Recorded("lambda_raw")[0];
        Field field = family == "cutmix"
            ? CutMix.BoxAt(new Extent(x.shape.AsSpan(2)), lambda, [.. vector.Recorded("centers").Select(cell => (long)cell)])
            : new NumberField(lambda);
        var mix = new Mix([.. Enumerable.Repeat(field, (int)x.shape[0])], vector.Permutation);
        using var step = mixup.Begin(x, y, new MixupDraw(mix, MixupPlace.Input));
        vector.AssertClose(vector.Expected("mixed_x"), step.Input, "mixed_x");
        var logits = Some.Normal(5, ScalarType.Float64, x.shape[0], (long)vector.Number("num_classes")!);
        var expected = vector.Expected("soft_y").to(ScalarType.Float64).mul(logits.log_softmax(1)).sum(1).neg().mean();
        vector.AssertClose(expected, Recipes.DeiT.MakeLoss().call(logits, step.Target), "the loss");
    }

    [Fact]
    public void TheValuesAreThoseOfTheSources()
    {
        var timm = new MixupOptions { CoefficientPer = CoefficientPer.Batch, Pairing = Pairing.Flip };
        static Method Either(double alpha) => new OneOf(new Interpolation(alpha) { Fold = false }, new CutMix(1));
        Assert.All(
            [Recipes.DeiT, Recipes.Swin, Recipes.ConvNeXt], recipe => Assert.Equal(timm with { Method = Either(0.8) }, recipe.Options));
        Assert.Equal(timm with { Method = Either(0.2) }, Recipes.ResNetStrikesBackA1.Options);
        Assert.All(
            [Recipes.ResNetStrikesBackA2, Recipes.ResNetStrikesBackA3],
            recipe => Assert.Equal(timm with { Method = Either(0.1) }, recipe.Options));
        Assert.Equal(timm with { Method = Either(0.2), Pairing = Pairing.Roll }, Recipes.Torchvision.Options);
        Assert.Equal(new MixupOptions { Method = new Interpolation(0.4) }, Recipes.FastaiMixup.Options);
        Assert.Equal(new MixupOptions { Method = new CutMix(1), CoefficientPer = CoefficientPer.Batch }, Recipes.FastaiCutMix.Options);
        Assert.Equal(Recipes.All.Select(recipe => recipe.Name), Recipes.All.Select(recipe => recipe.ToString()).Distinct());
        Assert.All(Recipes.All, recipe => Assert.Same(recipe, typeof(Recipes).GetProperty(recipe.Name)!.GetValue(null)));
    }

    [Fact]
    public void LossesSmoothAsTheSourcesDo()
    {
        using var scope = NewDisposeScope();
        var (logits, y) = (Some.Normal(1, ScalarType.Float64, 6, 5), Some.Classes(2, 5, 6));
        var mix = new Mix([1, 0.9, 0.7, 0.5, 0.2, 0], [5, 4, 3, 2, 1, 0]);
        foreach (
            var (recipe, smoothing) in new[] { (Recipes.DeiT, 0.1), (Recipes.Swin, 0.1), (Recipes.ConvNeXt, 0.1),
                (Recipes.Torchvision, 0.1), (Recipes.FastaiMixup, 0), (Recipes.FastaiCutMix, 0) })
        {
            var rows = nn.functional.one_hot(y, 5).to(ScalarType.Float64).mul(1 - smoothing).add(smoothing / 5);
            var expected = mix.Blend(rows).mul(logits.log_softmax(1)).sum(1).neg().mean();
            Some.AssertClose(expected, recipe.MakeLoss().call(logits, new MixedTarget(mix, y)), 1e-12);
            Some.AssertClose(nn.functional.cross_entropy(logits, y, label_smoothing: smoothing), recipe.MakeLoss().call(logits, y), 1e-12);
        }
    }

    [Fact]
    public void ResNetStrikesBackTakesBinaryCrossEntropyAsTimmDoes()
    {
        using var scope = NewDisposeScope();
        var (logits, y) = (Some.Normal(1, ScalarType.Float64, 6, 5), Some.Classes(2, 5, 6));
        var mix = new Mix([1, 0.9, 0.7, 0.5, 0.2, 0], [5, 4, 3, 2, 1, 0]);
        Tensor Expected(double smoothing, double? threshold)
        {
            var rows = mix.Blend(nn.functional.one_hot(y, 5).to(ScalarType.Float64).mul(1 - smoothing).add(smoothing / 5));
            rows = threshold is { } least ? rows.gt(least).to(ScalarType.Float64) : rows;
            return logits.clamp_min(0).sub(logits.mul(rows)).add(logits.abs().neg().exp().log1p()).mean();
        }

        foreach (var (recipe, smoothing, threshold) in new[]
        {
            (Recipes.ResNetStrikesBackA1, 0.1, (double?)null), (Recipes.ResNetStrikesBackA2, 0, 0.2),
            (Recipes.ResNetStrikesBackA3, 0, null),
        })
        {
            Some.AssertClose(Expected(smoothing, threshold), recipe.MakeLoss().call(logits, new MixedTarget(mix, y)), 1e-12);
        }
    }

    [Fact]
    public void DeiTMixesOneWayABatchAndEachInHalfOfThem()
    {
        using var scope = NewDisposeScope();
        var mixup = new InputMixup(Recipes.DeiT.Options with { Seed = 3 });
        var (x, y) = (zeros([4, 1, 16, 16], device: Some.Device), zeros(4, ScalarType.Int64, Some.Device));
        var (boxes, small) = (0, 0);
        for (var i = 0; i < 400; i++)
        {
            using var step = mixup.Begin(x, y);
            Assert.Single(step.Draw.Mix.Fields.Distinct());
            boxes += step.Draw.Mix.Fields[0] is BoxField ? 1 : 0;
            small += step.Draw.Mix.Coefficients[0] < 0.5 ? 1 : 0;
        }

        Assert.InRange(boxes, 160, 240); // four standard deviations
        Assert.True(small > 100); // not folded
    }
}
