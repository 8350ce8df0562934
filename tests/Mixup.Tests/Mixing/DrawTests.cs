namespace TorchSharp.Mixup.Tests;

/// <summary>A draw belongs to whoever made it, and nothing that is handed out can change it.</summary>
public sealed class DrawTests
{
    [Fact]
    public void CoefficientsAreHandedOutAsACopy()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var x = Some.Normal(1, 5, 4).transpose(0, 1).contiguous()
            .transpose(0, 1); // not the layout of the kernel: its weights are the same tensors
        var expected = mix.Blend(x);
        mix.CreateCoefficients(x).fill_(0);
        Some.AssertEqual(expected, mix.Blend(x));
        Some.AssertClose(tensor(Some.Coefficients), mix.CreateCoefficients(x).flatten(), 1e-6);
    }

    [Fact]
    public void AReplayedDrawIsLeftToItsOwner()
    {
        using var scope = NewDisposeScope();
        using var x = Some.Normal(1, 3, 5).transpose(0, 1); // goes by torch, with copies of the draw as tensors
        using var y = Some.Classes(1, 3, 5);
        var mix = Some.Mix();
        mix.SelectPartners(y).Dispose();
        var before = Some.LiveTensors;
        for (var i = 0; i < 3; i++)
        {
            new InputMixup().Begin(x, y, new MixupDraw(mix, MixupPlace.Input)).Dispose();
            mix.SelectPartners(y).Dispose();
        }

        Assert.Throws<ArgumentException>(() => new InputMixup().Begin(y, y, new MixupDraw(mix, MixupPlace.Input)));
        Assert.InRange(Some.LiveTensors, before, before + 1); // the weights, beside the partners
        mix.Release();
        Assert.InRange(Some.LiveTensors, before - 1, before - 1);
    }

    [Fact]
    public void TheStateHasAnEnd()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, 5, 6), Some.Classes(1, 3, 5));
        var mixup = new InputMixup { State = new MixupState(1, long.MaxValue - 2) };
        mixup.Begin(x, y).Dispose();
        var state = mixup.State;
        Assert.Equal(long.MaxValue - 1, state.Batch);
        Assert.Contains(
            "another seed and batch 0",
            Assert.Throws<InvalidOperationException>(() => mixup.Begin(x, y)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Equal(state, mixup.State);
        mixup.State = state; // what was read can be set
        Assert.Throws<ArgumentOutOfRangeException>(() => mixup.State = state with { Batch = long.MaxValue });
        mixup.Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Input)).Dispose();
    }

    [Fact]
    public void WhatCannotBeBlendedIsToldItsCure()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, 5, 6), Some.Classes(1, 3, 5));
        string Error(Tensor second) => Assert.Throws<ArgumentException>(() => new InputMixup().Begin([x, second], y)).Message;
        Assert.Contains("step.Draw.Mix.UniteMask(mask)", Error(x.gt(0)), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("to_dense()", Error(x.to_sparse()), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("manifold mixup on the embedding", Error(y.unsqueeze(1)), StringComparison.OrdinalIgnoreCase);
    }
}
