namespace TorchSharp.Mixup.Tests;

/// <summary>What fastai, timm, torchvision, composer, openmixup and the papers' code compute for input mixup.</summary>
public sealed class InputMixupVectorTests
{
    public static TheoryData<string> Cases => VectorCase.Names("input_mixup");

    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsTheReference(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("input_mixup", name);
        var (x, y) = (vector.Input("x"), vector.Input("y"));
        var batch = y.shape[0];
        var mix = vector.Mix(batch);

        if (vector.Op == "input_mixup_two_views")
        {
            var permutation = Enumerable.Range(0, (int)(2 * batch)).Select(i => (i + batch) % (2 * batch)).ToArray();
            var views = new Mix([.. mix.Coefficients, .. mix.Coefficients], permutation);
            vector.AssertClose(
                vector.Expected("mixed_x"), views.Blend(cat([x.select(1, 0), x.select(1, 1)])).narrow(0, 0, batch), "mixed views");
        }
        else
        {
            var draw = new MixupDraw(mix, MixupPlace.Input);
            var checks = 0;
            using var step = new InputMixup().Begin(x, y, draw);
            vector.AssertClose(vector.Expected("mixed_x"), step.Input, "mixed_x");
            if (vector.HasExpected("y_a"))
            {
                vector.AssertClose(vector.Expected("y_a"), step.Target.Unmixed, "y_a");
                vector.AssertClose(vector.Expected("y_b"), mix.SelectPartners(y), "y_b");
                checks++;
            }

            if (vector.HasExpected("mixed_y"))
            {
                vector.AssertClose(vector.Expected("mixed_y"), mix.Blend(y), "mixed_y");
                checks++;
            }

            if (vector.HasExpected("soft_y"))
            {
                var smoothing = vector.Number("label_smoothing") ?? 0;
                var rows = y.dim() == 2
                    ? y
                    : nn.functional.one_hot(y, (long)vector.Number("num_classes")!).to(ScalarType.Float64).mul(1 - smoothing)
                        .add(smoothing / vector.Number("num_classes")!.Value);
                vector.AssertClose(vector.Expected("soft_y"), mix.Blend(rows), "soft_y");
                checks++;
            }

            Assert.NotEqual(0, checks);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EveryPathOfTheKernelEqualsTheReference(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("input_mixup", name);
        if (vector.Op == "input_mixup_two_views")
        {
            return;
        }

        var (x, expected) = (vector.Input("x"), vector.Expected("mixed_x"));
        var mix = vector.Mix(x.shape[0]);
        Tensor Overwritten(Tensor input)
        {
            using var step = new InputMixup { OverwriteInput = true }.Begin(
                input, zeros(x.shape[0], ScalarType.Int64, x.device), new MixupDraw(mix, MixupPlace.Input));
            return step.Input;
        }

        // As often beside itself as makes the rows so long that they are shared out by stretches, by columns, and written past the caches.
        foreach (var bytes in new[] { 0L, 200 << 10, 1 << 20, 26 << 20 })
        {
            var times = 1 + (bytes / (x.numel() * x.element_size()));
            long[] tiles = [.. Enumerable.Repeat(1L, (int)x.dim()), times];
            var (wide, want) = (x.unsqueeze(-1).repeat(tiles), expected.unsqueeze(-1).expand([.. expected.shape, times]));
            vector.AssertClose(want, mix.Blend(wide), $"a kept batch of {bytes} bytes");
            vector.AssertClose(want, Overwritten(wide), $"an overwritten batch of {bytes} bytes");
        }

        vector.AssertClose(expected, mix.Blend(x.detach().requires_grad_()), "with a gradient");
        var spread = x.unsqueeze(-1).expand([.. x.shape, 2]);
        vector.AssertClose(expected, mix.Blend(spread).select(-1, 0), "elements that share memory, by torch");
    }
}
