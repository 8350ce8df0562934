namespace TorchSharp.Mixup.Tests;

/// <summary>
/// TorchSharp forgets what an autograd function returns before libtorch has copied it: a garbage collection could end the process.
/// </summary>
public sealed class AutogradLifetimeTests
{
    private const int Passes = 30;

    [Fact]
    public void ASparseGradientIsTaken()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var (x, upstream) = (Some.Normal(1, 5, 3).requires_grad_(), Some.Normal(2, 5, 3));
        mix.Blend(x).backward([upstream]);
        var dense = x.grad!.clone();
        x.grad!.zero_();
        mix.Blend(x).backward([upstream.to_sparse()]);
        Some.AssertEqual(dense, x.grad!);
    }

    [Fact]
    public void WithoutADisposeScopeACollectionAtAnyMomentHarmsNothing()
    {
        // Methods that hold nothing longer than they need it, and a collection every 128 KiB: so it used to die in one of five runs or so.
        var (exitCode, output) = Child.Run(nameof(BlendsOnSixThreads), ("DOTNET_TieredCompilation", "0"), ("DOTNET_GCgen0size", "0x20000"));
        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public void WhatHasNoGradientBehindItGetsNone()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var x = Some.Normal(1, 5, 3).requires_grad_();
        WithoutGradient.apply(mix.Blend(x)).sum().add(x.sum()).backward();
        Some.AssertEqual(ones_like(x), x.grad!);
    }

    // Not a test of its own: what the test above starts, since a failure ends the process.
    [Fact(Explicit = true)]
    public void BlendsOnSixThreads()
    {
        var (wrong, done) = (0, 0);
        var threads = Enumerable.Range(0, 6).Select(_ => new Thread(() =>
        {
            var mix = Some.Mix();
            var (x, upstream) = (rand(5, 20).requires_grad_(), ones(5, 20));
            for (var i = 0; i < Passes; i++)
            {
                mix.Blend(x).backward([upstream]);
                Interlocked.Increment(ref done);
            }

            // Every pass adds the same gradient.
            var once = autograd.grad([mix.Blend(x)], [x], [upstream])[0];
            Interlocked.Add(ref wrong, x.grad!.sub(once.mul(Passes)).abs().max().ToSingle() > 0.1f ? 1 : 0);
        })).ToList();
        threads.ForEach(thread => thread.Start());
        while (threads.Exists(thread => thread.IsAlive))
        {
            // One after the other would leave the threads no time.
            var before = Volatile.Read(ref done);
            GC.Collect();
            while (Volatile.Read(ref done) == before && threads.Exists(thread => thread.IsAlive))
            {
                Thread.Yield();
            }
        }

        Assert.Equal(0, wrong);
    }

    private sealed class WithoutGradient : autograd.SingleTensorFunction<WithoutGradient>
    {
        public override string Name => nameof(WithoutGradient);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars) => ((Tensor)vars[0]).clone();

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => [null!];
    }
}
