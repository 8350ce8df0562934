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
        ["checkerboard"] = new Checkerboard(),
        ["fade"] = new Fade(),
    };

    private static readonly string[] Kinds = ["class", "dense class", "soft", "regression", "multi-label"];

    public static TheoryData<string, string, int> Cases => new MatrixTheoryData<string, string, int>(Methods.Keys, ["input", "hidden", "output"], [1, 2, 3]);

    /// <summary>With one pairing for each choice of outputs and kind of target, all of them in turn.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsThePlainFormulaOrIsRefused(string method, string place, int dimensions) =>
        Compare(method, place, dimensions, (pairing, outputs, kind) => (int)pairing == (outputs + kind + dimensions) % 4, least: 8);

    /// <summary>All of it, which takes minutes.</summary>
    [Theory(Explicit = true)]
    [MemberData(nameof(Cases))]
    public void EqualsThePlainFormulaOrIsRefusedWithEveryPairing(string method, string place, int dimensions) =>
        Compare(method, place, dimensions, (_, _, _) => true, least: 30);

    private static void Compare(string method, string place, int dimensions, Func<Pairing, int, int, bool> isChosen, int least)
    {
        var compared = 0;
        MixupOutputs[] outputs = [MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed(0.6)];
        for (var o = 0; o < outputs.Length; o++)
        {
            for (var k = 0; k < Kinds.Length; k++)
            {
                foreach (var pairing in Enum.GetValues<Pairing>().Where(pairing => isChosen(pairing, o, k)))
                {
                    using var scope = NewDisposeScope();
                    compared += Compare(method, place, dimensions, outputs[o], pairing, Kinds[k]);
                }
            }
        }

        Assert.True(compared >= least, $"only {compared} were compared");
    }

    /// <summary>What the error says of a combination that has no meaning; null where it has one.</summary>
    private static string? Refusal(IReadOnlyList<Field> fields, string place, string kind) => (kind, place) switch
    {
        ("regression", "output") => "MSELoss has none",
        ("dense class", "output") when fields.Any(field => field is BoxField || (field is MaskField mask && mask.IsHardAt(mask.Extent))) => "field that only copies",
        _ => null,
    };

    private static int Compare(string name, string place, int dimensions, MixupOutputs outputs, Pairing pairing, string kind)
    {
        var method = Methods[name];
        var options = new MixupOptions { Method = method, Outputs = outputs, Pairing = pairing, Seed = 7, TargetKind = KindOf(kind, dimensions) };
        var isDense = kind == "dense class";
        using var network = new Network(dimensions, isDense);
        IMixupStrategy strategy = place switch
        {
            "input" => new InputMixup(options),
            "hidden" => new ManifoldMixup(network, options, ManifoldPlaces.Named("stem")),
            _ => new OutputMixup(options),
        };
        long[] extent = [.. new long[] { 6, 5, 4 }.Take(dimensions)];
        var x = Some.Normal(1, ScalarType.Float64, [B, 2, .. extent]);
        var target = kind switch
        {
            "class" => Some.Classes(2, K, B),
            "dense class" => Some.Classes(2, K, [B, .. extent]),
            "soft" => Some.Normal(2, ScalarType.Float64, B, K).softmax(1),
            "multi-label" => Some.Normal(2, ScalarType.Float64, B, K).gt(0).to(ScalarType.Float64),
            _ => Some.Normal(2, ScalarType.Float64, B, K),
        };
        using var probe = new InputMixup(options).Begin(x, target);
        if (Refusal(probe.Mix.Fields, place, kind) is { } reason)
        {
            var error = Assert.Throws<ArgumentException>(() =>
            {
                using var refused = strategy.Begin(x, target);
                new MixupLoss(Loss(kind, Reduction.Mean)).call(network.call(refused.Input), refused.Target);
            });
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
            return 0;
        }

        var step = strategy.Begin(x, target);
        var prediction = network.call(step.Input);
        var losses = Enum.GetValues<Reduction>().Select(reduction => new MixupLoss(Loss(kind, reduction)).call(prediction, step.Target)).ToArray();
        var gradients = network.GradientsOf(losses);
        step.Dispose();
        var (fields, partners) = (step.Mix.Fields, step.Mix.Permutation.ToArray());
        Tensor Stacked(Tensor own, Tensor mixed, Tensor other) => outputs.MixedWeight is not null ? cat([own, mixed])
            : outputs.RowsPerSample == 2 ? cat([mixed, other]) : mixed;

        // At the place, one value for each row or each cell decides.
        var plain = network.Run(x, place, (t, isWhole) =>
        {
            var (weights, partner) = (Weights(fields, t, isWhole), t[TensorIndex.Tensor(tensor(partners, device: t.device))]);
            return Stacked(t, (weights * t) + ((1 - weights) * partner), ((1 - weights) * t) + (weights * partner));
        });
        var expected = Enum.GetValues<Reduction>().Select(reduction => Expected(kind, reduction, plain, target, fields, partners, outputs)).ToArray();
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
    private static TargetKind KindOf(string kind, int dimensions) => dimensions == 1 && kind is not ("class" or "dense class") ? TargetKind.Whole : TargetKind.ByShape;

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
        string kind, Reduction reduction, Tensor prediction, Tensor target, IReadOnlyList<Field> fields, long[] partners, MixupOutputs outputs)
    {
        var unreduced = Loss(kind, Reduction.None);
        var partner = target[TensorIndex.Tensor(tensor(partners, device: target.device))];
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

        return Reduce(outputs.RowsPerSample == 1 ? Values(prediction, weights) : cat([Values(prediction[..B], weights), Values(prediction[B..], 1 - weights)]));
    }

    /// <summary>Lambdas, or explicit masks over the last dimensions of a tensor.</summary>
    private static Tensor Weights(IReadOnlyList<Field> fields, Tensor like, bool isWhole)
    {
        var dimensions = fields.Max(field => field.Extent?.Count ?? 0);
        if (isWhole || dimensions == 0)
        {
            return tensor(fields.Select(field => field.Lambda).ToArray(), device: like.device).view([B, .. Enumerable.Repeat(1L, (int)like.dim() - 1)]);
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

        public Network(int dimensions, bool isDense)
            : base(nameof(Network))
        {
            this.isDense = isDense;
            stem = dimensions switch
            {
                1 => Conv1d(2, 3, 3, padding: 1, dtype: ScalarType.Float64),
                2 => Conv2d(2, 3, 3, padding: 1, dtype: ScalarType.Float64),
                _ => Conv3d(2, 3, 3, padding: 1, dtype: ScalarType.Float64),
            };
            RegisterComponents();
            this.to(Some.Device);
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
            var upstreams = losses.Select((loss, i) => arange(1, loss.numel() + 1, ScalarType.Float64, loss.device).view(loss.shape).add(10 * i).sin());
            return [.. autograd.grad(losses, [.. parameters()], [.. upstreams])];
        }

        private Tensor Head(Tensor features) => isDense
            ? head.call(features.movedim([1], [-1])).movedim([-1], [1])
            : head.call(features.flatten(2).mean([2]));
    }
}
