using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// Every method at every place, with every choice of outputs, pairing, kind of target and reduction, in 1 to 3 dimensions: forward and
/// backward equal the plain formula in float64 with explicit masks, or the combination is refused by an error that stands in a table.
/// </summary>
public sealed class ProductTests
{
    private const int B = 5;
    private const int K = 3;

    private static readonly Dictionary<string, Method> Methods = new()
    {
        ["interpolation"] = new Interpolation(1) { Fold = false },
        ["cutmix"] = new CutMix(),
        ["cutmix, lambda not corrected"] = new CutMix { CorrectLambda = false },
        ["fmix"] = new FMix(),
        ["soft fmix"] = new FMix { Softness = 0.3 },
        ["gridmix"] = new GridMix(),
        ["smoothmix"] = new SmoothMix(),
        ["saliencymix"] = new SaliencyMix(),
        ["attentivemix"] = new AttentiveMix(samples => samples.mean([1]), 3),
        ["one of several"] = new OneOf(new Interpolation(0.8), new CutMix()),
        ["resizemix"] = new ResizeMix { SideShares = (0.2, 1) },
        ["bilinear resizemix"] = new ResizeMix { SideShares = (0.2, 1), Resizing = Resizing.Bilinear },
        ["resizemix or interpolation"] = new OneOf(new ResizeMix(), new Interpolation(1)),
        ["checkerboard"] = new Checkerboard(),
        ["fade"] = new Fade(),
    };

    private static readonly string[] Kinds = ["class", "dense class", "soft", "regression", "multi-label"];

    public static TheoryData<string, string, int> Cases =>
        new MatrixTheoryData<string, string, int>(Methods.Keys, ["input", "hidden", "output"], [1, 2, 3]);

    public static TheoryData<string, string, int> CasesWithoutReading => new MatrixTheoryData<string, string, int>(
        Methods.Keys.Except(["saliencymix", "attentivemix"]), ["input", "hidden", "output"], [1, 2, 3]);

    /// <summary>Tensors on META have no values, so nothing is read back, and a GPU is never waited for.</summary>
    [Theory]
    [MemberData(nameof(CasesWithoutReading))]
    public void ReadsNothingBack(string method, string place, int dimensions)
    {
        var passed = 0;
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed(0.6) })
        {
            foreach (var kind in Kinds)
            {
                using var scope = NewDisposeScope();
                var pairing = Rules.Blind.Values.ElementAt((dimensions + kind.Length) % Rules.Blind.Count);
                passed += RunOnMeta(Methods[method], place, dimensions, outputs, pairing, kind);
            }
        }

        Assert.InRange(passed, 3, 15);
    }

    /// <summary>With one pairing for each choice of outputs and kind of target, all of them in turn.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsThePlainFormulaOrIsRefused(string method, string place, int dimensions) =>
        Compare(
            method,
            place,
            dimensions,
            (pairing, outputs, kind) => pairing == ((5 * outputs) + kind + (2 * dimensions) + place.Length) % Rules.All.Count,
            least: 3);

    /// <summary>All of it, which takes minutes.</summary>
    [Theory(Explicit = true)]
    [MemberData(nameof(Cases))]
    public void EqualsThePlainFormulaOrIsRefusedWithEveryPairing(string method, string place, int dimensions) =>
        Compare(method, place, dimensions, (_, _, _) => true, least: 30);

    private static void Compare(string method, string place, int dimensions, Func<int, int, int, bool> isChosen, int least)
    {
        var compared = 0;
        MixupOutputs[] outputs = [MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed(0.6)];
        for (var o = 0; o < outputs.Length; o++)
        {
            for (var k = 0; k < Kinds.Length; k++)
            {
                foreach (var pairing in Enumerable.Range(0, Rules.All.Count).Where(pairing => isChosen(pairing, o, k)))
                {
                    using var scope = NewDisposeScope();
                    compared += Compare(method, place, dimensions, outputs[o], Rules.All.Values.ElementAt(pairing), Kinds[k]);
                }
            }
        }

        Assert.True(compared >= least, $"only {compared} were compared");
    }

    /// <summary>What the error says of a combination that has no meaning; null where it has one.</summary>
    private static string? Refusal(Method method, string place, MixupOutputs outputs, PairingRule pairing, string kind) =>
        (kind, place) switch
        {
            _ when pairing == Pairing.WithinClass && kind is not ("class" or "multi-label") => "does not give the class",
            _ when pairing == Pairing.AcrossClasses && kind is not ("class" or "multi-label") => "does not give the class",
            ("class" or "dense class", _) when pairing == Rules.All["similar targets"] => "integers are class ids",
            _ when outputs == MixupOutputs.Both && Resizes(method) is not null => "no second output",
            ("dense class", _) when Resizes(method) is { Resizing: Resizing.Bilinear } => "cannot be interpolated",
            ("regression", "output") => "MSELoss has none",
            ("dense class", "output") when MayCopy(method) => "field that only copies",
            _ => null,
        };

    private static ResizeMix? Resizes(Method method) =>
        method as ResizeMix ?? (method as OneOf)?.Methods.OfType<ResizeMix>().FirstOrDefault();

    private static bool MayCopy(Method method) => method.Copies || method is OneOf { Methods: var several } && several.Any(MayCopy);

    private static int RunOnMeta(Method method, string place, int dimensions, MixupOutputs outputs, PairingRule pairing, string kind)
    {
        var options = Options(method, outputs, pairing, kind, dimensions);
        using var network = new Network(dimensions, kind == "dense class", META);
        var strategy = Strategy(place, network, options);
        long[] extent = ExtentOf(dimensions);
        var x = empty([B, 2, .. extent], ScalarType.Float64, META);
        var target = kind switch
        {
            "class" => empty(B, ScalarType.Int64, META),
            "dense class" => empty([B, .. extent], ScalarType.Int64, META),
            _ => empty(B, K, ScalarType.Float64, META),
        };

        // META has no kernels for the other losses of torch.
        var loss = kind switch
        {
            "class" or "soft" => new MixupLoss(CrossEntropyLoss()),
            "dense class" => MixupLoss.FromUnreduced((logits, ids) => logits.log_softmax(1).gather(1, ids.unsqueeze(1)).squeeze(1).neg()),
            _ => MixupLoss.FromUnreduced((prediction, labels) => prediction.sub(labels).pow(2)),
        };
        if (Refusal(method, place, outputs, pairing, kind) is { } reason && reason != "MSELoss has none")
        {
            Assert.Contains(
                reason, Assert.Throws<ArgumentException>(() => strategy.Begin(x, target)).Message, StringComparison.OrdinalIgnoreCase);
            return 0;
        }

        using var step = strategy.Begin(x, target);
        loss.call(network.call(step.Input), step.Target).backward();
        Assert.All(network.parameters(), parameter => Assert.Equal(DeviceType.META, parameter.grad!.device_type));
        return 1;
    }

    private static MixupOptions Options(Method method, MixupOutputs outputs, PairingRule pairing, string kind, int dimensions) =>
        new() { Method = method, Outputs = outputs, Pairing = pairing, Seed = 7, TargetKind = KindOf(kind, dimensions) };

    private static IMixupStrategy Strategy(string place, Network network, MixupOptions options) => place switch
    {
        "input" => new InputMixup(options),
        "hidden" => new ManifoldMixup(network, options, ManifoldPlaces.Named("stem")),
        _ => new OutputMixup(options),
    };

    private static long[] ExtentOf(int dimensions) => [.. new long[] { 6, 5, 4 }.Take(dimensions)];

    private static int Compare(string name, string place, int dimensions, MixupOutputs outputs, PairingRule pairing, string kind)
    {
        var method = Methods[name];
        var options = Options(method, outputs, pairing, kind, dimensions);
        using var network = new Network(dimensions, kind == "dense class", Some.Device);
        var strategy = Strategy(place, network, options);
        long[] extent = ExtentOf(dimensions);
        var x = Some.Normal(1, ScalarType.Float64, [B, 2, .. extent]);
        var target = kind switch
        {
            "class" => Some.Classes(2, K, B),
            "dense class" => Some.Classes(2, K, [B, .. extent]),
            "soft" => Some.Normal(2, ScalarType.Float64, B, K).softmax(1),
            "multi-label" => Some.Normal(2, ScalarType.Float64, B, K).gt(0).to(ScalarType.Float64),
            _ => Some.Normal(2, ScalarType.Float64, B, K),
        };
        if (Refusal(method, place, outputs, pairing, kind) is { } reason)
        {
            var error = Assert.Throws<ArgumentException>(() =>
            {
                using var refused = strategy.Begin(x, target);
                new MixupLoss(Loss(kind, Reduction.Mean)).call(network.call(refused.Input), refused.Target);
            });
            Assert.Contains(reason, error.Message, StringComparison.OrdinalIgnoreCase);
            return 0;
        }

        var step = strategy.Begin(x, target);
        var prediction = network.call(step.Input);
        var losses = Enum.GetValues<Reduction>().Select(
            reduction => new MixupLoss(Loss(kind, reduction)).call(prediction, step.Target)).ToArray();
        var gradients = network.GradientsOf(losses);
        step.Dispose();
        var (fields, partners) = (step.Draw.Mix.Fields, step.Draw.Mix.Partners.ToArray());
        Tensor Stacked(Tensor own, Tensor mixed, Tensor other) => outputs.MixedWeight is not null ? cat([own, mixed])
            : outputs.RowsPerSample == 2 ? cat([mixed, other]) : mixed;

        // At the place, one value for each row or each cell decides.
        var plain = network.Run(x, place, (t, isWhole) =>
        {
            var (weights, partner) = (Weights(fields, t, isWhole), Partner(fields, t, partners, isWhole));
            return Stacked(t, (weights * t) + ((1 - weights) * partner), ((1 - weights) * t) + (weights * partner));
        });
        var expected = Enum.GetValues<Reduction>().Select(
            reduction => Expected(kind, reduction, plain, target, fields, partners, outputs)).ToArray();
        foreach (var (wanted, loss) in expected.Zip(losses))
        {
            Some.AssertClose(wanted, loss, 1e-10, 1e-12);
        }

        foreach (var (wanted, gradient) in network.GradientsOf(expected).Zip(gradients))
        {
            Some.AssertClose(wanted, gradient, 1e-9, 1e-12);
        }

        return 1;
    }

    // [B, K] beside a sequence might be one label for each step.
    private static TargetKind KindOf(string kind, int dimensions) =>
        dimensions == 1 && kind is not ("class" or "dense class") ? TargetKind.Whole : TargetKind.ByShape;

    private static Loss<Tensor, Tensor, Tensor> Loss(string kind, Reduction reduction) => kind switch
    {
        "regression" => MSELoss(reduction),
        "multi-label" => BCEWithLogitsLoss(reduction: reduction),
        _ => CrossEntropyLoss(reduction: reduction),
    };

    /// <summary>
    /// The formula: the losses of class ids weighted by lambda or cell by cell, and the loss of the blend of all other targets.
    /// </summary>
    private static Tensor Expected(
        string kind,
        Reduction reduction,
        Tensor prediction,
        Tensor target,
        IReadOnlyList<Field> fields,
        long[] partners,
        MixupOutputs outputs)
    {
        var unreduced = Loss(kind, Reduction.None);
        var partner = Partner(fields, target, partners, isWhole: kind != "dense class");
        Tensor Values(Tensor rows, Tensor weights) => kind is "class" or "dense class"
            ? (unreduced.call(rows, target) * weights) + (unreduced.call(rows, partner) * (1 - weights))
            : unreduced.call(rows, (target * weights) + (partner * (1 - weights)));
        Tensor Reduce(Tensor values) => reduction switch { Reduction.Mean => values.mean(), Reduction.Sum => values.sum(), _ => values };

        var weights = Weights(fields, target, isWhole: kind != "dense class");
        if (outputs.MixedWeight is { } eta)
        {
            var clean = Reduce(unreduced.call(prediction[..B], target));
            var mixed = Reduce(Values(prediction[B..], weights)) * eta;
            return reduction == Reduction.None ? cat([clean, mixed]) : clean + mixed;
        }

        return Reduce(
            outputs.RowsPerSample == 1
                ? Values(prediction, weights)
                : cat([Values(prediction[..B], weights), Values(prediction[B..], 1 - weights)]));
    }

    /// <summary>The partners as the samples see them: resized into a box where a field says so.</summary>
    private static Tensor Partner(IReadOnlyList<Field> fields, Tensor tensor, long[] partners, bool isWhole)
    {
        var partner = tensor[TensorIndex.Tensor(torch.tensor(partners, device: tensor.device))];
        return isWhole
            ? partner
            : stack([.. fields.Select((field, i) => field is ResizedBoxField resized ? Resized(resized, partner[i]) : partner[i])]);
    }

    private static Tensor Resized(ResizedBoxField field, Tensor partner)
    {
        var box = field.Box;
        long[] sides = [.. box.From.Zip(box.To, (from, to) => to - from)];
        if (sides.Contains(0))
        {
            return partner;
        }

        InterpolationMode[] linear = [InterpolationMode.Linear, InterpolationMode.Bilinear, InterpolationMode.Trilinear];
        var mode = field.Resizing == Resizing.Nearest ? InterpolationMode.Nearest : linear[sides.Length - 1];
        var channels = partner.dim() == sides.Length ? partner.unsqueeze(0) : partner;
        var small = functional.interpolate(channels.unsqueeze(0).to(ScalarType.Float64), sides, mode: mode).squeeze(0).to(partner.dtype);
        var placed = channels.clone();
        TensorIndex[] region = [TensorIndex.Colon, .. box.From.Zip(box.To, (from, to) => TensorIndex.Slice(from, to))];
        placed[region] = small;
        return placed.view_as(partner);
    }

    /// <summary>Lambdas, or explicit masks over the last dimensions of a tensor.</summary>
    private static Tensor Weights(IReadOnlyList<Field> fields, Tensor like, bool isWhole)
    {
        var dimensions = fields.Max(field => field.Extent?.Count ?? 0);
        if (isWhole || dimensions == 0)
        {
            return tensor(fields.Select(field => field.Lambda).ToArray(), device: like.device).view(
                [B, .. Enumerable.Repeat(1L, (int)like.dim() - 1)]);
        }

        var extent = new Extent(like.shape.AsSpan((int)like.dim() - dimensions));
        var masks = stack(fields.Select(field => field.WeightsAt(extent)).ToArray()).to(like.device);
        return like.dim() == dimensions + 2 ? masks.unsqueeze(1) : masks;
    }

    /// <summary>A method of one's own that copies: every other cell.</summary>
    private sealed record Checkerboard : Method
    {
        public override bool Copies => true;

        public override Field Draw(Drawing drawing)
        {
            using var scope = NewDisposeScope();
            var parity = drawing.Random.Next(2);
            var cells = arange(drawing.Extent.Cells, ScalarType.Int64).add(parity).remainder(2).eq(0);
            return new MaskField(cells.view([.. drawing.Extent]));
        }
    }

    /// <summary>A method of one's own that blends: from the sample to the partner along the first dimension.</summary>
    private sealed record Fade : Method
    {
        public override Field Draw(Drawing drawing)
        {
            using var scope = NewDisposeScope();
            var ramp = linspace(0, drawing.Random.NextDouble(), drawing.Extent[0], ScalarType.Float64);
            return new MaskField(ramp.view([-1, .. Enumerable.Repeat(1L, drawing.Extent.Count - 1)]).expand([.. drawing.Extent]));
        }
    }

    /// <summary>A convolution, which keeps the extent, and a head for each sample or each cell.</summary>
    private sealed class Network : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> stem;
        private readonly Linear head = Linear(3, K, dtype: ScalarType.Float64);
        private readonly bool isDense;

        public Network(int dimensions, bool isDense, Device device)
            : base(nameof(Network))
        {
            this.isDense = isDense;
            stem = dimensions switch
            {
                _ when device.type == DeviceType.META => new ChannelLinear(), // META has no convolution
                1 => Conv1d(2, 3, 3, padding: 1, dtype: ScalarType.Float64),
                2 => Conv2d(2, 3, 3, padding: 1, dtype: ScalarType.Float64),
                _ => Conv3d(2, 3, 3, padding: 1, dtype: ScalarType.Float64),
            };
            RegisterComponents();
            this.to(device);
            if (device.type == DeviceType.META)
            {
                return;
            }

            var seed = 10;
            using var noGrad = no_grad();
            foreach (var parameter in parameters())
            {
                parameter.copy_(Some.Normal(seed++, ScalarType.Float64, parameter.shape));
            }
        }

        public override Tensor forward(Tensor input) => Head(stem.call(input));

        /// <summary>The same without any hook, mixed at one place.</summary>
        public Tensor Run(Tensor x, string place, Func<Tensor, bool, Tensor> mix)
        {
            Tensor At(string here, Tensor t) => here == place ? mix(t, t.dim() == 2) : t;
            return At("output", Head(At("hidden", stem.call(At("input", x)))));
        }

        /// <summary>The gradients of some losses together, with another weight for each value, so that none hides behind a sum.</summary>
        public Tensor[] GradientsOf(Tensor[] losses)
        {
            var upstreams = losses.Select(
                (loss, i) => arange(1, loss.numel() + 1, ScalarType.Float64, loss.device).view(loss.shape).add(10 * i).sin());
            return [.. autograd.grad(losses, [.. parameters()], [.. upstreams])];
        }

        private Tensor Head(Tensor features) => isDense
            ? head.call(features.movedim([1], [-1])).movedim([-1], [1])
            : head.call(features.flatten(2).mean([2]));
    }

    /// <summary>A convolution of one cell.</summary>
    private sealed class ChannelLinear : Module<Tensor, Tensor>
    {
        private readonly Linear inner = Linear(2, 3, dtype: ScalarType.Float64);

        public ChannelLinear()
            : base(nameof(ChannelLinear)) => RegisterComponents();

        public override Tensor forward(Tensor input) => inner.call(input.movedim([1], [-1])).movedim([-1], [1]);
    }
}
