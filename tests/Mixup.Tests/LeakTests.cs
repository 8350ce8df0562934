using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

public sealed class LeakTests
{
    [Fact]
    public void AThousandStepsLeaveNoTensorBehind()
    {
        using var model = Sequential(Linear(6, 8), Tanh(), Linear(8, 4)).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.1, momentum: 0.9);
        using var loss = new MixupLoss(CrossEntropyLoss());
        using var x = Some.Normal(1, 9, 6).requires_grad_(); // the blend then has a backward pass, too
        using var y = Some.Classes(1, 4, 9);
        var mixup = new InputMixup();
        void Step()
        {
            using var scope = NewDisposeScope();
            using var step = mixup.Begin(x, y);
            optimizer.zero_grad();
            loss.call(model.call(step.Input), step.Target).backward();
            optimizer.step();
        }

        Step();
        var before = Some.LiveTensors;
        for (var i = 0; i < 1_000; i++)
        {
            Step();
        }

        Assert.Equal(before, Some.LiveTensors);
    }

    [Fact]
    public void WithoutADisposeScopeAStepFreesItsOwn()
    {
        using var x = Some.Normal(1, 9, 6);
        using var y = Some.Classes(1, 4, 9);
        var mixup = new InputMixup();
        mixup.Begin(x, y).Dispose();
        var before = Some.LiveTensors;
        for (var i = 0; i < 50; i++)
        {
            using var step = mixup.Begin(x, y);
        }

        Assert.Equal(before, Some.LiveTensors);
    }

    [Fact]
    public void ABatchThatIsRefusedLeavesNothing()
    {
        using var x = Some.Normal(1, 9, 6);
        using var ids = Some.Classes(1, 4, 9);
        var mixup = new InputMixup();
        var before = Some.LiveTensors;
        Assert.Throws<ArgumentException>(() => mixup.Begin([x, ids], ids));
        Assert.Equal(before, Some.LiveTensors);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AMixFreesItsCopies(bool twoOutputs)
    {
        // The batch is not outermost in memory, so that forward and backward go by torch, with tensors of coefficients and partners.
        using var x = Some.Normal(1, 3, 5).transpose(0, 1).requires_grad_();
        var before = 0L;
        for (var i = 0; i < 3; i++)
        {
            using var scope = NewDisposeScope();
            var mix = new Mix(Some.Coefficients, Some.Permutation, Some.Outputs(twoOutputs));
            autograd.grad([mix.Blend(x).sum()], [x])[0].Dispose();
            var first = mix.CreateCoefficients(mix.SelectSamples(x));
            Assert.Equal(ScalarType.Float32, first.dtype);
            Assert.Equal(ScalarType.Float64, mix.CreateCoefficients(mix.SelectSamples(x).to(ScalarType.Float64)).dtype);
            mix.Release();
            scope.DisposeEverything();
            before = i == 0 ? Some.LiveTensors : before;
            Assert.Equal(before, Some.LiveTensors);
        }
    }

    [Fact]
    public void AStackedInputIsFreedWithItsStep()
    {
        using var x = Some.Normal(1, 9, 6);
        using var y = Some.Classes(1, 4, 9);
        var mixup = new InputMixup { StackInput = true };
        mixup.Begin(x, y).Dispose();
        var before = Some.LiveTensors;
        mixup.Begin(x, y).Dispose();
        Assert.Equal(before, Some.LiveTensors);
        Assert.False(x.IsInvalid);
    }

    [Fact]
    public void AStepFreesTheCopiesOfItsDraw()
    {
        using var x = Some.Normal(1, 9, 6);
        using var y = Some.Classes(1, 4, 9);
        var mixup = new InputMixup();
        mixup.Begin(x, y).Dispose();
        var before = Some.LiveTensors;
        using (var step = mixup.Begin(x, y))
        {
            step.Draw.Mix.SelectPartners(y).Dispose();
            step.Draw.Mix.CreateCoefficients(x).Dispose();
            Assert.True(Some.LiveTensors > before);
        }

        Assert.Equal(before, Some.LiveTensors);
    }

    [Fact]
    public void AStepOutlivesTheScopeThatItBeganIn()
    {
        using var x = Some.Normal(1, 5, 6);
        using var y = Some.Classes(1, 4, 5);
        MixupStep step;
        using (NewDisposeScope())
        {
            step = new InputMixup().Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Input));
        }

        using var scope = NewDisposeScope();
        Some.AssertClose(Some.Reference(x, Some.Coefficients, Some.Permutation), step.Input, 1e-6, 1e-6);
        var input = step.Input;
        step.Dispose();
        Assert.True(input.IsInvalid);
        Assert.Throws<InvalidOperationException>(() => step.Input);
    }

    [Fact]
    public void DisposingAStepTwiceIsDisposingItOnce()
    {
        using var scope = NewDisposeScope();
        var y = Some.Classes(1, 4, 5);
        var mixup = new InputMixup(1);
        var first = mixup.Begin(Some.Normal(1, 5, 6), y);
        first.Dispose();
        using var second = mixup.Begin(Some.Normal(2, 5, 6), y);
        var kept = second.Input.clone();
        first.Dispose();
        using var third = mixup.Begin(Some.Normal(3, 5, 6), y);
        Some.AssertEqual(kept, second.Input);
    }
}
