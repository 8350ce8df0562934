using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>What fastai and timm compute as the loss of a mixed batch, and its gradient.</summary>
public sealed class MixupLossVectorTests
{
    public static TheoryData<string> Cases => VectorCase.Names("mixup_loss");

    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsTheReference(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("mixup_loss", name);
        var logits = vector.Input("logits").requires_grad_();
        var y = vector.Input("y");
        var mix = vector.Mix(y.shape[0]);

        var loss = BaseLosses.Build(vector);
        var value = loss.call(logits, new MixedTarget(mix, y));
        BaseLosses.AssertLossAndGradient(vector, value, logits, mix, y);
        if (vector.HasExpected("mixed_y"))
        {
            vector.AssertClose(vector.Expected("mixed_y"), mix.Blend(y), "mixed_y");
        }
    }

    [Theory]
    [InlineData("ce_mean")]
    [InlineData("ce_ignore_index_sum")]
    [InlineData("seg_ce_none")]
    public void MixingTargetsOfClassIdsGivesTheSameNumber(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("mixup_loss", name);
        var y = vector.Input("y");
        var mix = vector.Mix(y.shape[0]);
        var loss = BaseLosses.Build(vector);
        var (losses, targets) = (new MixedTarget(mix, y, TargetMixing.Losses), new MixedTarget(mix, y, TargetMixing.Targets));
        Assert.True(loss.call(vector.Input("logits"), losses).allclose(loss.call(vector.Input("logits"), targets)));
    }
}

/// <summary>Base losses as the reference vectors name them.</summary>
internal static class BaseLosses
{
    public static MixupLoss Build(VectorCase vector)
    {
        var reduction = Enum.Parse<Reduction>(vector.Text("reduction")!, ignoreCase: true);
        var weight = vector.HasInput("class_weight") ? vector.Input("class_weight") : null;
        var ignore = (long?)vector.Number("ignore_index");
        var smoothing = vector.Number("label_smoothing") ?? 0;
        var kind = vector.Text("loss")!;
        var fastaiSmoothing = kind == "cross_entropy" && smoothing > 0 && vector.Text("label_smoothing_kind") != "torch";
        return kind switch
        {
            "cross_entropy" when fastaiSmoothing => MixupLoss.FromUnreduced((p, t) => FastaiSmoothing(p, t, weight, smoothing), reduction),
            "cross_entropy" or "torch_label_smoothing" or "soft_cross_entropy" =>
                new MixupLoss(new CrossEntropyLoss(weight, ignore, reduction, smoothing)),
            "focal" => MixupLoss.FromUnreduced((p, t) => Focal(p, t, weight, vector.Number("gamma")!.Value), reduction),
            "custom_no_reduction_attr" =>
                MixupLoss.FromUnreduced((p, t) => functional.cross_entropy(p, t, reduction: Reduction.None), reduction),
            "bce_with_logits" =>
                new MixupLoss(BCEWithLogitsLoss(weight, reduction, vector.HasInput("pos_weight") ? vector.Input("pos_weight") : null)),
            "mse" => new MixupLoss(MSELoss(reduction)),
            "l1" => new MixupLoss(L1Loss(reduction)),
            _ => throw new NotSupportedException(kind),
        };
    }

    /// <summary>Checks a loss, or its unreduced values, and the gradient of the logits.</summary>
    public static void AssertLossAndGradient(VectorCase vector, Tensor value, Tensor logits, Mix mix, Tensor y)
    {
        // fastai averages over everything; torch, and this library, over what counts.
        var scale = MeanOverAll(vector, mix, y);
        var elements = vector.HasExpected("loss_elements");
        var expected = vector.Expected(elements ? "loss_elements" : "loss");
        vector.AssertClose(expected, value.div(scale).reshape(expected.shape), "loss");
        if (elements)
        {
            value.backward([vector.Expected("grad_output_used").reshape(value.shape)]);
        }
        else
        {
            value.backward();
        }

        vector.AssertClose(vector.Expected("grad_logits"), logits.grad!.div(scale), "gradient");
    }

    /// <summary>
    /// The number of values over the mixed weight of those that count; 1 except for means that are weighted or partly ignored.
    /// </summary>
    public static double MeanOverAll(VectorCase vector, Mix mix, Tensor y)
    {
        if (vector.Text("reduction") != "mean" || vector.Text("loss") is not "cross_entropy" || vector.Number("label_smoothing") > 0
            || !(vector.HasInput("class_weight") || vector.Number("ignore_index") is not null))
        {
            return 1;
        }

        var ignored = (long)(vector.Number("ignore_index") ?? -100);
        var weights = vector.HasInput("class_weight") ? vector.InputNumbers("class_weight") : null;
        var classes = y.data<long>().ToArray();
        var each = classes.Length / mix.BatchSize;
        double Weight(long c) => c == ignored ? 0 : weights?[c] ?? 1;
        var counted = 0.0;
        for (var i = 0; i < classes.Length; i++)
        {
            var row = i / each;
            var partner = classes[(mix.Partners[row] * each) + (i % each)];
            counted += (mix.Coefficients[row] * Weight(classes[i])) + ((1 - mix.Coefficients[row]) * Weight(partner));
        }

        return classes.Length / counted;
    }

    private static Tensor FastaiSmoothing(Tensor prediction, Tensor target, Tensor? weight, double smoothing)
    {
        var uniform = prediction.log_softmax(1).sum(1).neg();
        return uniform.mul(smoothing / prediction.shape[1]).add(
            functional.cross_entropy(prediction, target, weight, reduction: Reduction.None).mul(1 - smoothing));
    }

    private static Tensor Focal(Tensor prediction, Tensor target, Tensor? weight, double gamma)
    {
        var ce = functional.cross_entropy(prediction, target, weight, reduction: Reduction.None);
        return ce.neg().exp().neg().add(1).pow(gamma).mul(ce);
    }
}
