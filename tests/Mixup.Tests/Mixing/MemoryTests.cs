using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Memory is used again, and never under anybody's view.</summary>
public sealed class MemoryTests : IDisposable
{
    // Under limits of their own, so that what other tests left idle does not count.
    private readonly long limit = MixupMemory.Limit;

    public MemoryTests()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        MixupMemory.Release();
    }

    private static bool IsPooled => Some.Device.type == DeviceType.CPU;

    public void Dispose()
    {
        MixupMemory.Limit = limit;
        MixupMemory.Release();
    }

    [Fact]
    public void AKeptViewKeepsItsValuesOverLaterSteps()
    {
        using var scope = NewDisposeScope();
        var y = zeros(6, ScalarType.Int64, Some.Device);
        var strategy = new InputMixup(new MixupOptions { Method = new Interpolation(1), Seed = 1 });
        var views = new List<(Tensor View, Tensor Expected)>();
        for (var i = 0; i < 8; i++)
        {
            using var step = strategy.Begin(Some.Normal(i, 6, 50_000), y);
            views.Add((step.Input.narrow(1, 10, 100), step.Input.narrow(1, 10, 100).clone()));
            views.Add((step.Input.alias(), step.Input.clone()));
        }

        Assert.All(views, pair => Some.AssertEqual(pair.Expected, pair.View));
    }

    [Theory]
    [InlineData("input")]
    [InlineData("manifold")]
    [InlineData("output")]
    public void OneBackwardPassOverTheLossesOfSeveralStepsIsRight(string place)
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("first", Linear(20_000, 6)), ("second", Tanh()), ("third", Linear(6, 3))).to(Some.Device);
        IMixupStrategy Strategy() => place switch
        {
            "input" => new InputMixup(new MixupOptions { Seed = 3 }),
            "manifold" => new ManifoldMixup(model, new MixupOptions { Seed = 3 }, ManifoldPlaces.Named("first").WithInput()),
            _ => new OutputMixup(new MixupOptions { Seed = 3 }),
        };
        var batches = Enumerable.Range(0, 4).Select(i => (X: Some.Normal(i, 5, 20_000), Y: Some.Classes(i, 3, 5))).ToArray();
        using var loss = new MixupLoss(CrossEntropyLoss());
        Tensor Loss(IMixupStrategy strategy, (Tensor X, Tensor Y) batch)
        {
            using var step = strategy.Begin(batch.X, batch.Y);
            return loss.call(model.call(step.Input), step.Target);
        }

        // Each by itself, as it should be.
        var one = Strategy();
        foreach (var batch in batches)
        {
            Loss(one, batch).backward();
        }

        var expected = model.parameters().Select(parameter => parameter.grad!.clone()).ToArray();
        model.zero_grad();
        var all = Strategy();
        stack([.. batches.Select(batch => Loss(all, batch))]).sum().backward();
        foreach (var (want, parameter) in expected.Zip(model.parameters()))
        {
            Some.AssertClose(want, parameter.grad!, 1e-4, 1e-6);
        }
    }

    [Fact]
    public void BlocksAreUsedAgain()
    {
        if (!IsPooled)
        {
            return;
        }

        using var x = Some.Normal(1, 8, 40_000);
        using var recorded = Some.Normal(1, 8, 40_000).requires_grad_();
        using var y = zeros(8, ScalarType.Int64);
        using var upstream = ones_like(x);
        var mix = Some.Unmixed(8);
        var strategy = new InputMixup(new MixupOptions { Outputs = MixupOutputs.Both });
        var before = MixupMemory.UsedBytes;
        void Step()
        {
            using var scope = NewDisposeScope();
            using var step = strategy.Begin(x, y);
            Assert.True(MixupMemory.UsedBytes >= before + (2 * x.numel() * 4));
            autograd.grad([mix.Blend(recorded)], [recorded], [upstream]);
        }

        Step();
        var idle = MixupMemory.IdleBytes;
        Assert.True(idle >= 3 * x.numel() * 4); // both outputs, a hidden activation; its gradient takes one of their blocks
        for (var i = 0; i < 20; i++)
        {
            Step();
            Assert.Equal((before, idle), (MixupMemory.UsedBytes, MixupMemory.IdleBytes));
        }
    }

    [Fact]
    public void ABlockIsInUseAsLongAsAViewOrAGraphIs()
    {
        if (!IsPooled)
        {
            return;
        }

        var mix = Some.Mix();
        using var x = Some.Normal(1, 5, 20_000);
        using var recorded = Some.Normal(2, 5, 20_000).requires_grad_();
        var before = MixupMemory.UsedBytes;
        var blended = mix.Blend(x);
        var view = blended.narrow(1, 3, 5);
        var used = MixupMemory.UsedBytes;
        Assert.True(used > before);
        blended.Dispose();
        Assert.Equal(used, MixupMemory.UsedBytes);
        view.Dispose();
        Assert.Equal(before, MixupMemory.UsedBytes);

        Tensor loss;
        using (NewDisposeScope())
        {
            loss = mix.Blend(recorded).pow(2).sum().MoveToOuterDisposeScope(); // saves what it squares
        }

        Assert.True(MixupMemory.UsedBytes > before);
        loss.Dispose();
        Assert.Equal(before, MixupMemory.UsedBytes);
    }

    [Fact]
    public void TheLimitHolds()
    {
        if (!IsPooled)
        {
            return;
        }

        var mix = Some.Mix();
        using var small = Some.Normal(1, 5, 20_000);
        using var large = Some.Normal(1, 5, 60_000);
        mix.Blend(small).Dispose();
        var one = MixupMemory.IdleBytes;
        mix.Blend(large).Dispose();
        Assert.True(MixupMemory.IdleBytes > one);

        // The size that was not asked for the longest goes first.
        MixupMemory.Limit = MixupMemory.IdleBytes - 1;
        Assert.True(MixupMemory.IdleBytes is > 0 and <= 1_500_000);
        var kept = MixupMemory.IdleBytes;
        mix.Blend(large).Dispose();
        Assert.Equal(kept, MixupMemory.IdleBytes);

        // One that is larger than all that may be kept drives out nothing else.
        MixupMemory.Limit = one;
        mix.Blend(small).Dispose();
        Assert.Equal(one, MixupMemory.IdleBytes);
        mix.Blend(large).Dispose();
        Assert.Equal(one, MixupMemory.IdleBytes);
        MixupMemory.Limit = 0;
        Assert.Equal(0, MixupMemory.IdleBytes);
        mix.Blend(small).Dispose();
        Assert.Equal(0, MixupMemory.IdleBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => MixupMemory.Limit = -1);
    }

    [Fact]
    public void ReleaseFreesWhatIsIdleAndLeavesTheRest()
    {
        if (!IsPooled)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var x = Some.Normal(1, 5, 20_000);
        var kept = mix.Blend(x);
        var copy = kept.clone();
        mix.Blend(x).Dispose();
        Assert.True(MixupMemory.IdleBytes > 0);
        MixupMemory.Release();
        Assert.Equal(0, MixupMemory.IdleBytes);
        Some.AssertEqual(copy, kept);
    }

    [Fact]
    public void ABlockIsAnEighthTooLargeAtMost()
    {
        if (!IsPooled)
        {
            return;
        }

        for (var length = 17_000; length < 300_000; length = (length * 21 / 20) + 1)
        {
            using var scope = NewDisposeScope();
            var mix = new Mix([0.5], [0]);
            var before = MixupMemory.UsedBytes;
            var blended = mix.Blend(rand(1, length));
            Assert.InRange(MixupMemory.UsedBytes - before, 4 * length, 4 * length * 9 / 8);
        }
    }

    [Fact]
    public void AResultIsATensorLikeAnyOther()
    {
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        foreach (var x in new[] { Some.Normal(1, 5, 3, 80, 80), Some.Normal(1, 5, 80, 80, 3).permute(0, 3, 1, 2) })
        {
            // What follows may change it in place, as ReLU(inplace: true) does.
            var recorded = x.detach().requires_grad_();
            mix.Blend(recorded.mul(1)).relu_().sum().backward();
            Some.AssertClose(autograd.grad([mix.Blend(recorded).relu().sum()], [recorded])[0], recorded.grad!, 0);

            var blended = mix.Blend(x);
            Assert.True(blended.is_leaf && !blended.requires_grad);
            blended.requires_grad_().pow(2).sum().backward();
            Assert.NotNull(blended.grad);

            // In inference mode as torch does it: what comes out there is no part of training.
            using (inference_mode())
            {
                blended = mix.Blend(x);
                blended.add_(1);
            }

            Assert.ThrowsAny<Exception>(() => blended.add_(1));
        }
    }

    [Fact]
    public void TensorsAreCountedAndScopedAsAnyOther()
    {
        var mix = Some.Mix();
        using var x = Some.Normal(1, 5, 20_000);
        mix.Blend(x).Dispose();
        var before = Some.LiveTensors;
        var kept = mix.Blend(x);
        Assert.Equal(before + 1, Some.LiveTensors);
        using (NewDisposeScope())
        {
            mix.Blend(x);
            kept.Dispose();
            kept = mix.Blend(x).MoveToOuterDisposeScope();
        }

        Assert.Equal(before + 1, Some.LiveTensors);
        Assert.False(kept.IsInvalid);
        kept.Dispose();
        Assert.Equal(before, Some.LiveTensors);
    }

    [Fact]
    public void ThreadsCollectorsViewsAndLateGradientsAtOnce()
    {
        var (failures, done) = (0, 0);
        using var stop = new ManualResetEventSlim();
        var threads = Enumerable.Range(0, 4).Select(number => new Thread(() =>
        {
            var random = new Random(number);
            var mix = new Mix(Some.Coefficients, Some.Permutation, outputs: Some.Outputs(number % 2 == 1));
            var kept = new Queue<(Tensor View, double Value)>();
            for (var i = 0; i < 150; i++)
            {
                // All values of a batch are the same, so that a foreign one is seen wherever it is. Without a scope: much is left to the
                // finalizer.
                var value = random.Next(1, 1_000);
                var x = full([5, 4_000 + (random.Next(3) * 4_000)], value, ScalarType.Float32, Some.Device).requires_grad_();
                var blended = mix.Blend(x);
                kept.Enqueue((blended.narrow(1, random.Next(1_000), 2_000).detach(), value));
                if (i % 3 == 0)
                {
                    blended.backward([ones_like(blended)]);
                    var sum = x.grad!.sum(ScalarType.Float64).ToDouble(); // the weights of all rows
                    Interlocked.Add(ref failures, Math.Abs((sum / blended.numel()) - 1) > 1e-4 ? 1 : 0);
                }

                if (kept.Count > 5)
                {
                    var (view, expected) = kept.Dequeue();
                    Interlocked.Add(ref failures, view.sub(expected).abs().max().ToSingle() > 1e-3 * expected ? 1 : 0);
                    if (i % 2 == 0)
                    {
                        view.Dispose();
                    }
                }

                Interlocked.Increment(ref done);
            }
        })).ToList();
        var collector = new Thread(() =>
        {
            while (!stop.IsSet)
            {
                // One after the other would leave the threads no time.
                var before = Volatile.Read(ref done);
                GC.Collect();
                MixupMemory.Release();
                while (Volatile.Read(ref done) == before && !stop.IsSet)
                {
                    Thread.Yield();
                }
            }
        });
        threads.ForEach(thread => thread.Start());
        collector.Start();
        threads.ForEach(thread => thread.Join());
        stop.Set();
        collector.Join();
        Assert.Equal(0, failures);
    }

    [Fact]
    public void AProcessEndsWellWhileTensorsLive() => Assert.Equal(0, Child.Run(nameof(EndsWithTensorsAlive)).ExitCode);

    // Not a test of its own: what the test above starts.
    [Fact(Explicit = true)]
    public void EndsWithTensorsAlive()
    {
        var mix = Some.Mix();
        var x = rand(5, 50_000).requires_grad_();
        Left.AddRange([mix.Blend(x), mix.Blend(x).narrow(1, 2, 3), mix.Blend(x).pow(2).sum(), mix.Blend(x.detach())]);

        // Garbage of other threads, some of which the finalizer has not come to. None of them still calls libtorch, which does not bear
        // that while it ends.
        var threads = Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            var own = Some.Mix();
            for (var n = 0; n < 50; n++)
            {
                own.Blend(x).narrow(1, 0, 7).Dispose();
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
    }

    private static readonly List<Tensor> Left = [];
}
