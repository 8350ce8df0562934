using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Benchmarks;

/// <summary>Every case, each with its peers and its limits. Their tensors live as long as the program.</summary>
internal static class Cases
{
    public static IReadOnlyList<Func<Case>> All { get; } =
    [
        () => Overwritten(15, Pairing.Halves, 64, 3, 224, 224),
        () => Overwritten(6, Pairing.Permutation, 64, 3, 224, 224),
        () => Overwritten(4, Pairing.Halves, 128, 3, 32, 32),
        () => Kept(8, 64, 3, 224, 224),
        () => Kept(1.7, 128, 3, 32, 32),
        () => Hidden(64, fastai: new Bound(AtLeast: 5), indexSelect: new Bound(AtLeast: 1.9)),
        () => Hidden(256, fastai: null, indexSelect: new Bound(AtLeast: 12)),
        () => HiddenAgainstHalf(64, new Bound(AtMost: 1)),
        () => HiddenAgainstHalf(256, bound: null),
        () => CrossEntropy(1.3, 512, 10),
        () => CrossEntropy(1.2, 256, 1000),
        () => Half(ScalarType.Float16),
        () => Half(ScalarType.BFloat16),
        () => TrainingStep("input", 1.02),
        () => TrainingStep("manifold", 1.04),
        () => TrainingStep("output", 1.02),
    ];

    private static Case Overwritten(double bound, Pairing pairing, params long[] shape)
    {
        var x = rand(shape);
        var target = empty_like(x);
        var draw = Draw(shape[0], pairing);
        var y = zeros(shape[0], ScalarType.Int64);
        var strategy = new InputMixup { OverwriteInput = true };
        return new Case($"input {Shape(shape)}, batch overwritten, {(pairing == Pairing.Halves ? "halves" : "random permutation")}", new Contender("ours", () => strategy.Begin(x, y, draw).Dispose()),
        [
            (new Contender("timm: x.flip(0).mul_(1-l); x.mul_(l).add_(flipped)", () => Peers.Timm(x, 0.7)), new Bound(AtLeast: bound)),
            (new Contender("limit: one pass in place, x.neg_()", () => x.neg_()), null),
            (Pass(x, target), null),
            (Copy(x, target), null),
        ]);
    }

    private static Case Kept(double bound, params long[] shape)
    {
        var x = rand(shape);
        var draw = Draw(shape[0], Pairing.Permutation);
        var y = zeros(shape[0], ScalarType.Int64);
        var strategy = new InputMixup();
        var (permutation, lambda) = Tensors(draw, shape.Length);
        var target = empty_like(x);
        return new Case($"input {Shape(shape)}, batch kept", new Contender("random permutation", () => strategy.Begin(x, y, draw).Dispose()),
        [
            (new Contender("fastai: lerp(x[p], x, l)", () => Peers.Fastai(x, permutation, lambda)), new Bound(AtLeast: bound)),
            (new Contender("index_select, lerp_", () => Peers.IndexSelect(x, permutation, lambda)), null),
            (Pass(x, target), null),
            (Copy(x, target), null),
        ]);
    }

    private static Case Hidden(long channels, Bound? fastai, Bound? indexSelect)
    {
        long[] shape = [128, channels, 16, 16];
        var (h, upstream, draw) = (rand(shape).requires_grad_(), rand(shape), Draw(shape[0], Pairing.Permutation));
        var (permutation, lambda) = Tensors(draw, shape.Length);
        var target = empty_like(h);
        Contender Of(string name, Func<Tensor> forward) => new(name, () => autograd.grad([forward()], [h], [upstream]));
        return new Case($"hidden {Shape(shape)}, forward and backward", Of("random permutation", () => draw.Mix.Blend(h)),
        [
            (Of("fastai and its extension: lerp(h[p], h, l)", () => Peers.Fastai(h, permutation, lambda)), fastai),
            (Of("index_select, lerp", () => Peers.IndexSelect(h, permutation, lambda)), indexSelect),
            (Pass(upstream, target, times: 2), null),
            (Copy(upstream, target, times: 2), null),
        ]);
    }

    // On their own: what others free beside them, malloc hands to the product, still in the caches.
    private static Case HiddenAgainstHalf(long channels, Bound? bound)
    {
        long[] shape = [128, channels, 16, 16];
        var (h, upstream, draw) = (rand(shape).requires_grad_(), rand(shape), Draw(shape[0], Pairing.Permutation));
        Contender Of(string name, Func<Tensor> forward) => new(name, () => autograd.grad([forward()], [h], [upstream]));
        return new Case($"hidden {Shape(shape)} and nothing else, forward and backward", Of("random permutation", () => draw.Mix.Blend(h)),
            [(Of("h * 0.5, no mixing at all", () => h * 0.5), bound)]);
    }

    private static Case CrossEntropy(double bound, long batch, long classes)
    {
        var logits = randn(batch, classes).requires_grad_();
        var y = randint(classes, [batch], ScalarType.Int64);
        var draw = Draw(batch, Pairing.Permutation);
        var (permutation, lambda) = Tensors(draw, 1);
        var partner = y[permutation];
        var target = new MixedTarget(draw.Mix, y);
        var (mixed, plain) = (new MixupLoss(CrossEntropyLoss()), CrossEntropyLoss());
        Contender Of(string name, Func<Tensor> loss) => new(name, () => autograd.grad([loss()], [logits]));
        return new Case($"mixed cross-entropy {Shape(batch, classes)}, forward and backward", Of("MixupLoss", () => mixed.call(logits, target)),
        [
            (Of("plain cross-entropy, not mixed", () => plain.call(logits, y)), new Bound(AtMost: bound)),
            (Of("two cross-entropies", () => Peers.TwoCrossEntropies(logits, y, partner, lambda)), null),
        ]);
    }

    private static Case Half(ScalarType dtype)
    {
        long[] shape = [64, 3, 224, 224];
        var x = rand(shape).to(dtype);
        var draw = Draw(shape[0], Pairing.Permutation);
        var (permutation, lambda) = Tensors(draw, shape.Length);
        var narrow = lambda.to(dtype);
        var strategy = new InputMixup();
        var y = zeros(shape[0], ScalarType.Int64);
        return new Case($"input {Shape(shape)}, {dtype}", new Contender("random permutation", () => strategy.Begin(x, y, draw).Dispose()),
            [(new Contender("libtorch: index_select, lerp_, with lambda rounded", () => Peers.IndexSelect(x, permutation, narrow)), new Bound(AtLeast: 1))]);
    }

    private static Case TrainingStep(string place, double bound)
    {
        var model = new SmallResNet();
        var optimizer = optim.SGD(model.parameters(), 0.01, momentum: 0.9);
        var x = rand(128, 3, 32, 32);
        var y = randint(10, [128], ScalarType.Int64);
        var (plain, mixed) = (CrossEntropyLoss(), new MixupLoss(CrossEntropyLoss()));
        IMixupStrategy strategy = place switch
        {
            "input" => new InputMixup(),
            "output" => new OutputMixup(),
            _ => new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Found),
        };
        return new Case($"training step of a small ResNet {Shape(128, 3, 32, 32)}, {place} mixup", new Contender(place, () =>
        {
            using var step = strategy.Begin(x, y);
            optimizer.zero_grad();
            mixed.call(model.call(step.Input), step.Target).backward();
            optimizer.step();
        }),
        [
            (new Contender("the same step without mixup", () =>
            {
                optimizer.zero_grad();
                plain.call(model.call(x), y).backward();
                optimizer.step();
            }), new Bound(AtMost: bound)),
        ]);
    }

    /// <summary>A draw that is made once, so that drawing is not part of what is timed.</summary>
    internal static MixupDraw Draw(long batch, Pairing pairing)
    {
        using var one = zeros(batch, 1);
        using var y = zeros(batch, ScalarType.Int64);
        using var step = new InputMixup(new MixupOptions { Method = new Interpolation(1), Seed = 1, Pairing = pairing }).Begin(one, y);
        return step.Draw;
    }

    private static (Tensor Permutation, Tensor Lambda) Tensors(MixupDraw draw, int rank) =>
        (tensor(draw.Mix.Partners.ToArray()), tensor(draw.Mix.Coefficients.ToArray()).to(ScalarType.Float32).view([draw.Mix.BatchSize, .. Enumerable.Repeat(1L, rank - 1)]));

    private static Contender Pass(Tensor from, Tensor to, int times = 1) => Limit("SIMD pass over tensors that are there, y.lerp_(x, 0.5)", times, () => to.lerp_(from, 0.5));

    private static Contender Copy(Tensor from, Tensor to, int times = 1) => Limit("plain copy into memory that is there", times, () => to.copy_(from));

    private static Contender Limit(string name, int times, Action once) => new($"limit: a {name}{(times == 1 ? string.Empty : ", twice")}", () =>
    {
        for (var i = 0; i < times; i++)
        {
            once();
        }
    });

    private static string Shape(params long[] shape) => $"[{string.Join(",", shape)}]";
}
