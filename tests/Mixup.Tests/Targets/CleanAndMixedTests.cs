using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>
/// The clean samples beside the mixed ones: the loss of the ones plus the weighted loss of the others, wherever they are mixed (RegMixup,
/// equation 4).
/// </summary>
public sealed class CleanAndMixedTests
{
    private const int B = 6;
    private const int K = 4;
    private const double Eta = 0.7;

    public static TheoryData<string, string, Reduction> Cases
    {
        get
        {
            var cases = new TheoryData<string, string, Reduction>();
            foreach (var place in new[] { "input", "hidden", "output" })
            {
                foreach (var method in new[] { "interpolation", "cutmix" })
                {
                    foreach (var reduction in Enum.GetValues<Reduction>())
                    {
                        cases.Add(place, method, reduction);
                    }
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheLossIsThatOfTheCleanRowsPlusThatOfTheMixedOnes(string place, string method, Reduction reduction)
    {
        using var scope = NewDisposeScope();
        var classWeight = tensor(new[] { 0.5, 1, 2, 3 }, device: Some.Device);
        CrossEntropyLoss Loss(Reduction r) => new(classWeight, 2, r);
        var model = Sequential(
            ("first", Conv2d(2, 3, 3, padding: 1, dtype: ScalarType.Float64)),
            ("flat", Flatten()),
            ("head", Linear(3 * 4 * 6, K, dtype: ScalarType.Float64)));
        model.to(Some.Device);
        var (x, y) = (Some.Normal(1, B, 2, 4, 6).to(ScalarType.Float64), Some.Classes(2, K, B));
        var options = new MixupOptions
        {
            Method = method == "cutmix" ? new CutMix() : new Interpolation(10) { Fold = false },
            Outputs = MixupOutputs.CleanAndMixed(Eta),
            Seed = 5,
        };
        IMixupStrategy strategy = place switch
        {
            "input" => new InputMixup(options),
            "hidden" => new ManifoldMixup(model, options, ManifoldPlaces.Named("first")),
            _ => new OutputMixup(options),
        };
        var step = strategy.Begin(x, y);
        var loss = new MixupLoss(Loss(reduction)).call(model.call(step.Input), step.Target);
        loss.sum().backward();
        var gradients = model.parameters().Select(parameter => parameter.grad!.clone()).ToList();
        model.zero_grad();

        // By the plain formula.
        step.Dispose();
        var alone = new Mix(step.Draw.Mix.Fields, step.Draw.Mix.Partners, extent: step.Draw.Mix.Extent);
        var (conv, head) = ((Conv2d)model[0], (Linear)model[2]);
        Tensor Mixed(Tensor t, bool isHere) => isHere ? (t.dim() == 2 ? alone.BlendWhole(t) : alone.Blend(t)) : t;
        var prediction = Mixed(head.call(Mixed(conv.call(Mixed(x, place == "input")), place == "hidden").flatten(1)), place == "output");
        var lambda = tensor(alone.Coefficients.ToArray(), device: Some.Device);
        var partner = y[TensorIndex.Tensor(tensor(alone.Partners.ToArray(), device: Some.Device))];
        var values = (Loss(Reduction.None).call(prediction, y) * lambda) + (Loss(Reduction.None).call(prediction, partner) * (1 - lambda));
        Tensor Weight(Tensor ids) => classWeight[TensorIndex.Tensor(ids)] * ids.ne(2).to(ScalarType.Float64);
        var clean = Loss(reduction).call(model.call(x), y);
        var expected = reduction switch
        {
            Reduction.Mean => clean + (Eta * values.sum() / ((Weight(y) * lambda) + (Weight(partner) * (1 - lambda))).sum()),
            Reduction.Sum => clean + (Eta * values.sum()),
            _ => cat([clean, values * Eta]),
        };
        Assert.Equal(expected.shape, loss.shape);
        Assert.True(expected.allclose(loss, 1e-10, 1e-12), $"{expected.sum().item<double>()} and not {loss.sum().item<double>()}");
        expected.sum().backward();
        foreach (var (parameter, gradient) in model.parameters().Zip(gradients))
        {
            Assert.True(parameter.grad!.allclose(gradient, 1e-9, 1e-12));
        }
    }

    [Fact]
    public void TheCleanRowsAreCopiesBitForBitAndIdsStayIds()
    {
        using var scope = NewDisposeScope();
        Extent extent = new([3, 5]);
        var mix = new Mix(
            Enumerable.Repeat<Field>(new BoxField(extent, [0, 1], [2, 4]), B).ToArray(), [1, 2, 3, 4, 5, 0], MixupOutputs.CleanAndMixed());
        var x = Some.Normal(1, B, 2, 3, 5);
        x[0, 0, 0, 0] = float.NaN;
        x[1, 1, 2, 4] = float.NegativeInfinity;
        foreach (var tensor in new[] { x, x.to(ScalarType.Float16), x.to(ScalarType.Int64), x.gt(0) })
        {
            var blended = mix.Blend(tensor);
            Assert.Equal(2 * B, blended.shape[0]);
            Bits.AssertEqual(tensor, blended.narrow(0, 0, B));
        }

        var numbers = new Mix([0.3, 1, 0, 0.5, 0.2, 0.9], [1, 2, 3, 4, 5, 0], MixupOutputs.CleanAndMixed());
        Bits.AssertEqual(x, numbers.Blend(x).narrow(0, 0, B));
        Assert.Equal(
            [1, 1, 1, 1, 1, 1, 0.3, 1, 0, 0.5, 0.2, 0.9],
            numbers.CreateCoefficients(zeros(2 * B, 1, ScalarType.Float64)).flatten().data<double>().ToArray());
    }

    [Fact]
    public void WithLambdaOneTheLossIsOnePlusEtaTimesThePlainOne()
    {
        using var scope = NewDisposeScope();
        var (prediction, y) = (Some.Normal(1, B, K), Some.Classes(2, K, B));
        var mix = new Mix([1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 5, 0], MixupOutputs.CleanAndMixed(Eta));
        var loss = new MixupLoss(CrossEntropyLoss()).call(cat([prediction, prediction]), new MixedTarget(mix, y));
        Assert.True(loss.allclose(CrossEntropyLoss().call(prediction, y) * (1 + Eta)));
    }

    [Fact]
    public void CleanClassIdsBecomeRowsAsTheMixedOnesDo()
    {
        using var scope = NewDisposeScope();
        var strategy = new InputMixup(new MixupOptions
        {
            Method = new Interpolation(0), // nothing is mixed
            TargetMixing = TargetMixing.Targets,
            Outputs = MixupOutputs.CleanAndMixed(),
        });
        var (x, y) = (Some.Normal(1, 4, 4), arange(4, device: Some.Device));
        using var step = strategy.Begin(x, y);
        var own = MixupLoss.FromUnreduced((p, t) => -(t * functional.log_softmax(p, 1)).sum(1)).call(step.Input, step.Target);
        Some.AssertClose(CrossEntropyLoss().call(x, y) * 2, own, 1e-6);
        var rows = functional.one_hot(y, 4).to(ScalarType.Float32);
        Some.AssertClose(MSELoss().call(x, rows) * 2, new MixupLoss(MSELoss()).call(step.Input, step.Target), 1e-6);
        Some.AssertClose(L1Loss().call(x, rows) * 2, new MixupLoss(L1Loss()).call(step.Input, step.Target), 1e-6);
    }

    [Fact]
    public void MixedRowsOfWeightZeroDoNotCountEvenIfTheirLossIsInfinite()
    {
        using var scope = NewDisposeScope();
        var y = tensor(new long[] { 0, 1 });
        var mix = new Mix([0.5, 0.5], [1, 0], MixupOutputs.CleanAndMixed(0));
        var prediction = tensor(new[] { 1, 2, 3, 4, 1, float.NegativeInfinity, 2, 1 }).view(4, 2);
        var loss = new MixupLoss(CrossEntropyLoss()).call(prediction, new MixedTarget(mix, y));
        Some.AssertClose(CrossEntropyLoss().call(prediction[..2], y), loss, 1e-6);
    }

    [Fact]
    public void TheAccuracyCountsCleanAndMixedRows()
    {
        using var scope = NewDisposeScope();
        var y = tensor(new long[] { 0, 1 });
        var mix = new Mix([0.25, 0.75], [1, 0], MixupOutputs.CleanAndMixed(3));
        var prediction = tensor(new float[] { 1, 0, 1, 0, 1, 0, 1, 0 }).view(4, 2); // class 0 everywhere
        var hits = new MixupLoss(CrossEntropyLoss()).Evaluate(
            (p, t) => p.argmax(1).eq(t).to(ScalarType.Float32), prediction, new MixedTarget(mix, y));
        Assert.Equal([1, 0, 0.25f, 0.25f], hits.data<float>().ToArray());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void AWeightThatIsNoneIsRefused(double weight) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => MixupOutputs.CleanAndMixed(weight));

    [Fact]
    public void ChoicesCompareAndPrintByValue()
    {
        Assert.Equal(MixupOutputs.CleanAndMixed(2), MixupOutputs.CleanAndMixed(2));
        Assert.NotEqual(MixupOutputs.CleanAndMixed(2), MixupOutputs.CleanAndMixed());
        Assert.Equal(default, MixupOutputs.Mixed);
        Assert.Equal("Mixed Both CleanAndMixed(0.5)", $"{MixupOutputs.Mixed} {MixupOutputs.Both} {MixupOutputs.CleanAndMixed(0.5)}");
        Assert.NotEqual(new Mix([0.5], [0], MixupOutputs.CleanAndMixed()), new Mix([0.5], [0], MixupOutputs.Both));
    }
}
