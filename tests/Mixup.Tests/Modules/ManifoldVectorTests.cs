using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// What the known implementations of manifold and output mixup compute: activations, logits, losses, and the gradient of every parameter.
/// </summary>
public sealed class ManifoldVectorTests
{
    public static TheoryData<string> ManifoldCases => VectorCase.Names("manifold_mixup");

    public static TheoryData<string> OutputCases => VectorCase.Names("output_mixup");

    [Theory]
    [MemberData(nameof(ManifoldCases))]
    public void ManifoldMixupEqualsTheReference(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("manifold_mixup", name);
        using var model = new Layers(vector);
        model.train();
        var place = vector.Text("mix_module")!;
        var x = vector.Input("x").requires_grad_();
        var y = vector.Input("y");
        var mix = vector.Mix(y.shape[0]);
        var strategy = new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named(place == "input" ? "0" : place).WithInput());

        using var step = strategy.Begin(x, y, new MixupDraw(mix, Some.Place(place)));
        Tensor? activation = place == "input" ? step.Input : null;
        using var spy = activation is null ? Spy.On(model, place, output => activation = output) : null;
        var logits = model.call(step.Input);
        vector.AssertClose(vector.Expected("logits"), logits, "logits");
        if (vector.HasExpected("mixed_activation"))
        {
            vector.AssertClose(vector.Expected("mixed_activation"), activation!, "mixed activation");
        }

        var losses = vector.Text("loss") == "bce_of_softmax"
            ? [
                (
                    "loss_bce_of_softmax",
                    "grads",
                    MixupLoss.FromUnreduced((p, t) => functional.binary_cross_entropy(p.softmax(1), t, reduction: Reduction.None)),
                    TargetMixing.Targets),
                ("loss_soft_ce", "grads_soft_ce", new MixupLoss(CrossEntropyLoss()), TargetMixing.ByLoss)
            ]
            : new[] { ("loss", "grads", BaseLosses.Build(vector), TargetMixing.ByLoss) };
        foreach (var (value, grads, loss, mixing) in losses)
        {
            model.zero_grad();
            var scale = BaseLosses.MeanOverAll(vector, mix, y);
            var got = loss.call(logits, new MixedTarget(mix, y, mixing));
            if (mixing == TargetMixing.ByLoss)
            {
                Assert.Equal(loss.call(logits, step.Target).ToDouble(), got.ToDouble());
            }

            vector.AssertClose(vector.Expected(value), got.div(scale), value);
            got.backward(retain_graph: true);
            foreach (var (parameter, expected) in vector.ExpectedAll(grads))
            {
                vector.AssertClose(expected, model.get_parameter(parameter)!.grad!.div(scale), $"{grads} {parameter}");
            }
        }

        if (vector.HasExpected("grad_x"))
        {
            vector.AssertClose(vector.Expected("grad_x"), x.grad!, "grad_x");
        }

        foreach (var statistic in new[] { "running_mean", "running_var" }.Where(vector.HasExpected))
        {
            vector.AssertClose(
                vector.Expected(statistic),
                model.state_dict().Single(pair => pair.Key.EndsWith(statistic, StringComparison.Ordinal)).Value,
                statistic);
        }

        if (vector.HasExpected("unmixed_logits"))
        {
            step.Dispose();
            using var plain = new Layers(vector);
            plain.train();
            vector.AssertClose(vector.Expected("unmixed_logits"), plain.call(x), "unmixed logits");
        }
    }

    [Theory]
    [MemberData(nameof(OutputCases))]
    public void OutputMixupEqualsTheReference(string name)
    {
        using var scope = NewDisposeScope();
        var vector = VectorCase.Find("output_mixup", name);
        var logits = vector.Input("logits").requires_grad_();
        var y = vector.Input("y");
        var mix = vector.Mix(y.shape[0]);
        using var step = new OutputMixup().Begin(logits, y, new MixupDraw(mix, MixupPlace.Output));
        Assert.Same(logits, step.Input);
        vector.AssertClose(vector.Expected("mixed_logits"), mix.Blend(logits), "mixed logits");

        BaseLosses.AssertLossAndGradient(vector, BaseLosses.Build(vector).call(logits, step.Target), logits, mix, y);
    }
}

/// <summary>Another library's hook: sees what a module gives, and changes nothing.</summary>
internal sealed class Spy : IDisposable
{
    private readonly Action remove;

    private Spy(Action remove) => this.remove = remove;

    public static Spy On(Module model, string name, Action<Tensor> see)
    {
        var module = (Module<Tensor, Tensor>)model.named_modules().Single(pair => pair.name == name).module;
        var hook = module.register_forward_hook((_, _, output) =>
        {
            see(output);
            return output;
        });
        return new Spy(hook.remove);
    }

    public void Dispose() => remove();
}
