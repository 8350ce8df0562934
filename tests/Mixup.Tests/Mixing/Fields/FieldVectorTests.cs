namespace TorchSharp.Mixup.Tests;

/// <summary>
/// What timm, torchvision, fastai, Composer and OpenMixup compute where they cut or mask, with their boxes and masks injected.
/// </summary>
public sealed class FieldVectorTests
{
    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var family in new[] { "cutmix", "extra_mixes" })
            {
                foreach (var name in VectorCase.Names(family).Select(row => row.Data))
                {
                    // A table of boxes is the method's; a resized or an aligned partner is no field.
                    if (VectorCase.Find(family, name).Op is not ("cutmix_bbox_table" or "resizemix" or "alignmix"))
                    {
                        cases.Add(family, name);
                    }
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsTheReference(string family, string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find(family, name);
        var x = vector.Input("x");
        var mix = new Mix(vector.Fields(x), vector.Permutation);
        vector.AssertClose(vector.Expected("mixed_x"), mix.Blend(x), "mixed_x");
        if (vector.Op != "fmix") // OpenMixup's lambda may be far from the mean of its mask
        {
            double[] lambda = [.. mix.Coefficients.ToArray().Select((_, i) => vector.Lambda[i % vector.Lambda.Length])];
            vector.AssertClose(tensor(lambda), tensor(mix.Coefficients.ToArray()), "lambda");
        }

        if (!vector.HasInput("y"))
        {
            return;
        }

        using var step = new InputMixup().Begin(x, vector.Input("y"), new MixupDraw(mix, MixupPlace.Input));
        vector.AssertClose(vector.Expected("mixed_x"), step.Input, "the input of a step");
        var y = vector.Input("y");
        if (vector.HasExpected("y_b"))
        {
            vector.AssertClose(vector.Expected("y_b"), mix.SelectPartners(y), "y_b");
        }

        if (vector.HasExpected("mixed_y"))
        {
            vector.AssertClose(vector.Expected("mixed_y"), mix.Blend(y), "mixed_y");
        }

        if (vector.HasExpected("soft_y"))
        {
            var (smoothing, classes) = (vector.Number("label_smoothing") ?? 0, vector.Number("num_classes")!.Value);
            var rows = y.dim() == 2
                ? y
                : nn.functional.one_hot(y, (long)classes).to(ScalarType.Float64).mul(1 - smoothing).add(smoothing / classes);
            vector.AssertClose(vector.Expected("soft_y"), mix.Blend(rows), "soft_y");
        }
    }
}
