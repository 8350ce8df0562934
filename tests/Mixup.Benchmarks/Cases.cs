using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Benchmarks;

/// <summary>Every case, each with its peers and its limits. Their tensors live as long as the program.</summary>
internal static class Cases
{
    /// <summary>The methods that are timed with their draws, a line for each.</summary>
    private static readonly (string Name, Method Method)[] Methods =
    [
        ("cutmix", new CutMix()),
        ("fmix", new FMix()),
        ("gridmix", new GridMix()),
        ("smoothmix", new SmoothMix()),
        ("saliencymix", new SaliencyMix()),
    ];

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
        CutMixOverwritten,
        CutMixKept,
        () => CutMixPerSample(timm: 5, copies: 1.6, 64, 3, 224, 224),
        () => CutMixPerSample(timm: 10, copies: null, 128, 3, 32, 32),
        Masked,
        () => CutMixHidden(drawn: 16, bound: 5),
        () => CutMixHidden(drawn: 32, bound: 5),
        Resized,
        .. Methods.Select(pair => (Func<Case>)(() => Drawn(pair.Name, pair.Method, 128, 3, 32, 32))),
        () => BytesToFloats(mixed: true, new Bound(AtLeast: 2)),
        () => BytesToFloats(mixed: false, bound: null),
        () => Bytes(overwritten: false),
        () => Bytes(overwritten: true),
        () => Half(ScalarType.Float16),
        () => Half(ScalarType.BFloat16),
        () => TrainingStep("input", 1.02),
        () => TrainingStep("manifold", 1.04),
        () => TrainingStep("output", 1.02),
        Epoch,
    ];

    private static Case Overwritten(double bound, PairingRule pairing, params long[] shape)
    {
        var x = rand(shape);
        var target = empty_like(x);
        var draw = Draw(shape[0], pairing);
        var y = zeros(shape[0], ScalarType.Int64);
        var strategy = new InputMixup { OverwriteInput = true };
        return new Case(
            $"input {Shape(shape)}, batch overwritten, {(pairing == Pairing.Halves ? "halves" : "random permutation")}",
            new Contender("ours", () => strategy.Begin(x, y, draw).Dispose()),
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
        return new Case(
            $"input {Shape(shape)}, batch kept",
            new Contender("random permutation", () => strategy.Begin(x, y, draw).Dispose()),
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

    private static Case CutMixOverwritten()
    {
        long[] shape = [64, 3, 224, 224];
        var (x, target, y) = (rand(shape), empty(shape), zeros(shape[0], ScalarType.Int64));
        var (draw, boxes) = CutMixDraw(shape, Pairing.Halves, CoefficientPer.Batch);
        var strategy = new InputMixup { OverwriteInput = true };
        var (flipped, pasted) = (CutMixDraw(shape, Pairing.Flip, CoefficientPer.Batch), x.clone());
        Peers.TimmCutMix(pasted, flipped.Boxes[0]);
        Same(flipped.Draw.Mix.Blend(x), pasted);
        return new Case(
            $"cutmix {Shape(shape)}, one box, batch overwritten, pairs",
            new Contender("ours", () => strategy.Begin(x, y, draw).Dispose()),
            [
                (new Contender("timm: x[box] = x.flip(0)[box]", () => Peers.TimmCutMix(x, boxes[0])), new Bound(AtLeast: 9)),
                (Copy(x, target), null),
            ]);
    }

    private static Case CutMixKept()
    {
        long[] shape = [64, 3, 224, 224];
        var (x, target, y) = (rand(shape), empty(shape), zeros(shape[0], ScalarType.Int64));
        var (draw, boxes) = CutMixDraw(shape, Pairing.Permutation, CoefficientPer.Batch);
        var permutation = tensor(draw.Mix.Partners.ToArray());
        var strategy = new InputMixup();
        Contender Torchvision(string name) => new(name, () => Peers.TorchvisionCutMix(x, boxes[0]));
        var (rolled, pasted) = (CutMixDraw(shape, Pairing.Roll, CoefficientPer.Batch), x.clone());
        Same(rolled.Draw.Mix.Blend(x), Peers.TorchvisionCutMix(x, rolled.Boxes[0]));
        Peers.FastaiCutMix(pasted, permutation, boxes[0]);
        Same(draw.Mix.Blend(x), pasted);
        return new Case(
            $"cutmix {Shape(shape)}, one box, batch kept",
            new Contender("random permutation", () => strategy.Begin(x, y, draw).Dispose()),
            [
                (Torchvision("torchvision: x.roll(1, 0), x.clone(), paste"), new Bound(AtLeast: 8)),
                (new Contender("fastai: x[p], paste", () => Peers.FastaiCutMix(x, permutation, boxes[0])), new Bound(AtLeast: 5)),
                (Copy(x, target), null),
            ]);
    }

    private static Case CutMixPerSample(double timm, double? copies, params long[] shape)
    {
        var (x, target, y) = (rand(shape), empty(shape), zeros(shape[0], ScalarType.Int64));
        var (draw, boxes) = CutMixDraw(shape, Pairing.Flip, CoefficientPer.Sample);
        var strategy = new InputMixup();
        var pasted = x.clone();
        Peers.TimmCutMixElem(pasted, boxes);
        Same(draw.Mix.Blend(x), pasted);
        var peer = new Contender("timm elem: x.clone(), a paste for each sample", () => Peers.TimmCutMixElem(x, boxes));
        return new Case(
            $"cutmix {Shape(shape)}, a box per sample, batch kept",
            new Contender("ours", () => strategy.Begin(x, y, draw).Dispose()),
            [
                (peer, new Bound(AtLeast: timm)),
                (Copy(x, target), copies is { } most ? new Bound(AtMost: most) : null),
            ]);
    }

    private static Case Masked()
    {
        long[] shape = [64, 3, 224, 224];
        var (x, target, y) = (rand(shape), empty(shape), zeros(shape[0], ScalarType.Int64));
        var masks = rand(shape[0], 1, shape[2], shape[3]).mul_(1.5).sub_(0.25).clamp_(0, 1);
        var partners = CutMixDraw(shape, Pairing.Permutation, CoefficientPer.Sample).Draw.Mix.Partners.ToArray();
        MaskField[] fields = [.. Enumerable.Range(0, (int)shape[0]).Select(i => new MaskField(masks[i, 0]))];
        var draw = new MixupDraw(new Mix(fields, partners), MixupPlace.Input);
        var permutation = tensor(partners);
        var strategy = new InputMixup();
        Same(draw.Mix.Blend(x), Peers.Fastai(x, permutation, masks), 1e-6);
        return new Case(
            $"cutmix's kin {Shape(shape)}, a soft mask per sample, batch kept",
            new Contender("random permutation", () => strategy.Begin(x, y, draw).Dispose()),
            [
                (new Contender("lerp(x[p], x, masks)", () => Peers.Fastai(x, permutation, masks)), new Bound(AtLeast: 6)),
                (Copy(x, target), null),
            ]);
    }

    private static Case Resized()
    {
        long[] shape = [64, 3, 224, 224];
        var (x, target, y) = (rand(shape), empty(shape), zeros(shape[0], ScalarType.Int64));
        var drawn = CutMixDraw(shape, Pairing.Permutation, CoefficientPer.Batch);
        ResizedBoxField[] fields = [.. drawn.Draw.Mix.Fields.Select(box => new ResizedBoxField((BoxField)box, Resizing.Nearest))];
        var draw = new MixupDraw(new Mix(fields, drawn.Draw.Mix.Partners), MixupPlace.Input);
        var permutation = tensor(draw.Mix.Partners.ToArray());
        var strategy = new InputMixup();
        Tensor Peer() => Peers.OpenMixupResize(x, permutation, drawn.Boxes[0]);
        Same(draw.Mix.Blend(x), Peer());
        return new Case($"resizemix {Shape(shape)}, one box, batch kept", new Contender("ours", () => strategy.Begin(x, y, draw).Dispose()),
        [
            (new Contender("OpenMixup: interpolate(x[p]), paste into a clone", () => Peer()), new Bound(AtLeast: 2)),
            (Copy(x, target), null),
        ]);
    }

    /// <summary>A method with its draw, beside the plain formula for masks that are there already.</summary>
    private static Case Drawn(string name, Method method, params long[] shape)
    {
        var (x, target, y) = (rand(shape), empty(shape), zeros(shape[0], ScalarType.Int64));
        var strategy = new InputMixup(new MixupOptions { Method = method, Seed = 1 });
        using var step = strategy.Begin(x, y);
        var mix = step.Draw.Mix;
        var extent = new Extent(shape.AsSpan(2));
        var permutation = tensor(mix.Partners.ToArray());
        var masks = stack([.. mix.Fields.Select(field => field.WeightsAt(extent))]).unsqueeze(1).to(ScalarType.Float32);
        Same(step.Input, Peers.Fastai(x, permutation, masks), 1e-6);
        return new Case(
            $"{name} {Shape(shape)}, a field per sample, drawn and mixed",
            new Contender("ours", () => strategy.Begin(x, y).Dispose()),
            [
                (new Contender("lerp(x[p], x, masks), masks not drawn", () => Peers.Fastai(x, permutation, masks)), null),
                (Copy(x, target), null),
            ]);
    }

    /// <summary>Boxes of an input of some size: of the hidden one's own they copy, of a larger one their edges blend.</summary>
    private static Case CutMixHidden(long drawn, double bound)
    {
        long[] shape = [128, 64, 16, 16];
        var (h, upstream) = (rand(shape).requires_grad_(), rand(shape));
        var (draw, _) = CutMixDraw([128, 3, drawn, drawn], Pairing.Permutation, CoefficientPer.Sample);
        var permutation = tensor(draw.Mix.Partners.ToArray());
        var weights = stack([.. draw.Mix.Fields.Select(field => field.WeightsAt([16, 16]))]).unsqueeze(1).to(ScalarType.Float32);
        var (masks, target) = (weights.ne(0), empty_like(h));
        var copies = drawn == shape[^1];
        Tensor Peer() => copies ? where(masks, h, h.index(TensorIndex.Tensor(permutation))) : Peers.Fastai(h, permutation, weights);
        Contender Of(string name, Func<Tensor> forward) => new(name, () => autograd.grad([forward()], [h], [upstream]));
        Same(draw.Mix.Blend(h), Peer(), 1e-6);
        return new Case(
            $"cutmix hidden {Shape(shape)}, a box of {drawn}x{drawn} per sample, forward and backward",
            Of("random permutation", () => draw.Mix.Blend(h)),
            [
                (Of(copies ? "where(mask, h, h[p])" : "lerp(h[p], h, weights)", Peer), new Bound(AtLeast: bound)),
                (Copy(upstream, target, times: 2), null),
            ]);
    }

    /// <summary>A peer that computes something else would be no peer.</summary>
    private static void Same(Tensor ours, Tensor theirs, double tolerance = 0)
    {
        if (!ours.allclose(theirs, tolerance, tolerance))
        {
            throw new InvalidOperationException("A peer gives another result than ours for the same draw.");
        }
    }

    /// <summary>A draw of boxes that is made once, and the boxes as the peers take them.</summary>
    private static (MixupDraw Draw, (long Top, long Bottom, long Left, long Right)[] Boxes) CutMixDraw(
        long[] shape, PairingRule pairing, CoefficientPer per)
    {
        using var x = zeros(shape);
        using var y = zeros(shape[0], ScalarType.Int64);
        var options = new MixupOptions { Method = new CutMix(), CoefficientPer = per, Seed = 1, Pairing = pairing };
        using var step = new InputMixup(options).Begin(x, y);
        return (step.Draw, [.. step.Draw.Mix.Fields.Cast<BoxField>().Select(box => (box.From[0], box.To[0], box.From[1], box.To[1]))]);
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
        return new Case(
            $"mixed cross-entropy {Shape(batch, classes)}, forward and backward",
            Of("MixupLoss", () => mixed.call(logits, target)),
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
        var peer = new Contender("libtorch: index_select, lerp_, with lambda rounded", () => Peers.IndexSelect(x, permutation, narrow));
        return new Case(
            $"input {Shape(shape)}, {dtype}",
            new Contender("random permutation", () => strategy.Begin(x, y, draw).Dispose()),
            [(peer, new Bound(AtLeast: 1))]);
    }

    /// <summary>What a loader does next anyway, against what it does without mixing.</summary>
    private static Case BytesToFloats(bool mixed, Bound? bound)
    {
        long[] shape = [64, 3, 224, 224];
        var (x, y, target) = (randint(256, shape, ScalarType.Byte), zeros(shape[0], ScalarType.Int64), empty(shape));
        var toFloat = new ToFloat { Mean = [0.485, 0.456, 0.406], Deviation = [0.229, 0.224, 0.225] };
        Tensor Channels(IReadOnlyList<double> numbers) =>
            tensor([.. numbers.Select(number => 255 * number)], [1, 3, 1, 1], ScalarType.Float32);
        var (mean, deviation) = (Channels(toFloat.Mean), Channels(toFloat.Deviation));
        var draw = Draw(shape[0], Pairing.Permutation);
        var (permutation, lambda) = Tensors(draw, shape.Length);
        var strategy = new InputMixup(new MixupOptions { ToFloat = toFloat });
        Tensor Plain() => x.to(ScalarType.Float32).sub_(mean).div_(deviation);
        Same(toFloat.Apply(x), Plain());
        Same(draw.Mix.Blend(x, toFloat), Peers.Fastai(Plain(), permutation, lambda), 1e-5);
        return new Case(
            $"bytes {Shape(shape)} to floats, normalised{(mixed ? " and mixed" : string.Empty)}",
            new Contender(
                mixed ? "random permutation" : "ours",
                mixed ? () => strategy.Begin(x, y, draw).Dispose() : () => toFloat.Apply(x).Dispose()),
            [
                (new Contender("normalised alone: x.to(Float32).sub_(mean).div_(deviation)", () => Plain()), bound),
                .. mixed
                    ? [(new Contender("normalised, then lerp(x[p], x, l)", () => Peers.Fastai(Plain(), permutation, lambda)), (Bound?)null)]
                    : Array.Empty<(Contender, Bound?)>(),
                (new Contender("limit: floats filled in memory that is there, y.fill_(0.5)", () => target.fill_(0.5)), null),
            ]);
    }

    private static Case Bytes(bool overwritten)
    {
        long[] shape = [64, 3, 224, 224];
        var (x, y, target) = (randint(256, shape, ScalarType.Byte), zeros(shape[0], ScalarType.Int64), empty(shape, ScalarType.Byte));
        var draw = Draw(shape[0], Pairing.Permutation);
        var (permutation, lambda) = Tensors(draw, shape.Length);
        var strategy = new InputMixup { OverwriteInput = overwritten };
        Tensor Peer()
        {
            var wide = x.to(ScalarType.Float32);
            return Peers.Fastai(wide, permutation, lambda).round_().to(ScalarType.Byte);
        }

        Same(draw.Mix.Blend(x).to(ScalarType.Float32), Peer().to(ScalarType.Float32), 1); // near ties
        return new Case(
            $"bytes {Shape(shape)} to bytes, batch {(overwritten ? "overwritten" : "kept")}",
            new Contender("random permutation", () => strategy.Begin(x, y, draw).Dispose()),
            [
                (new Contender("to(Float32), lerp(x[p], x, l), round_, to(Byte)", () => Peer()), null),
                (Copy(x, target), null),
            ]);
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

    // On one thread of torch, so that the second core is there for the loader.
    private static Case Epoch()
    {
        var model = new SmallResNet();
        var optimizer = optim.SGD(model.parameters(), 0.01, momentum: 0.9);
        var (plain, mixed, strategy) = (CrossEntropyLoss(), new MixupLoss(CrossEntropyLoss()), new InputMixup());
        var loader = new DecodingLoader(batches: 6, batchSize: 16);
        Contender Of<T>(string name, IEnumerable<T> batches, Func<T, Tensor> loss) => new(name, () =>
        {
            var threads = get_num_threads();
            set_num_threads(1);
            foreach (var batch in batches)
            {
                using var scope = NewDisposeScope();
                using var step = batch as IDisposable;
                optimizer.zero_grad();
                loss(batch).backward();
                optimizer.step();
            }

            set_num_threads(threads);
        });
        Contender Plain(string name, IEnumerable<(Tensor Input, Tensor Target)> batches) =>
            Of(name, batches, batch => plain.call(model.call(batch.Input), batch.Target));
        Contender Mixed(string name, IEnumerable<MixupStep> batches) =>
            Of(name, batches, step => mixed.call(model.call(step.Input), step.Target));
        return new Case(
            "epoch of a loader that decodes JPEG, small ResNet [16,3,32,32]",
            Mixed("mixed in the loader, two ahead", strategy.Mix(loader).Prefetch(2)),
            [
                (Plain("not mixed, nothing ahead", loader), new Bound(AtLeast: 1.3)),
                (Mixed("mixed in the loader, nothing ahead", strategy.Mix(loader)), new Bound(AtLeast: 1.3)),
                (Plain("not mixed, two ahead", loader.Prefetch(2)), new Bound(AtMost: 1.05)),
            ]);
    }

    /// <summary>A draw that is made once, so that drawing is not part of what is timed.</summary>
    internal static MixupDraw Draw(long batch, PairingRule pairing)
    {
        using var one = zeros(batch, 1);
        using var y = zeros(batch, ScalarType.Int64);
        using var step = new InputMixup(new MixupOptions { Method = new Interpolation(1), Seed = 1, Pairing = pairing }).Begin(one, y);
        return step.Draw;
    }

    private static (Tensor Permutation, Tensor Lambda) Tensors(MixupDraw draw, int rank) =>
        (tensor(draw.Mix.Partners.ToArray()),
            tensor(draw.Mix.Coefficients.ToArray(), [draw.Mix.BatchSize, .. Enumerable.Repeat(1L, rank - 1)], ScalarType.Float32));

    private static Contender Pass(Tensor from, Tensor to, int times = 1) =>
        Limit("SIMD pass over tensors that are there, y.lerp_(x, 0.5)", times, () => to.lerp_(from, 0.5));

    private static Contender Copy(Tensor from, Tensor to, int times = 1) =>
        Limit("plain copy into memory that is there", times, () => to.copy_(from));

    private static Contender Limit(string name, int times, Action once) =>
        new($"limit: a {name}{(times == 1 ? string.Empty : ", twice")}", () =>
    {
        for (var i = 0; i < times; i++)
        {
            once();
        }
    });

    private static string Shape(params long[] shape) => $"[{string.Join(",", shape)}]";
}
