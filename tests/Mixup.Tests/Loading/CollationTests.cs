using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests.Loading;

/// <summary>Batches that are mixed in the loader are those that the training loop would have mixed, and own what they hold.</summary>
public sealed class CollationTests
{
    private const int K = 3;

    public static TheoryData<string, bool, bool> Kinds => new MatrixTheoryData<string, bool, bool>(
        ["interpolation", "fmix", "dense", "both", "clean", "overwritten", "stacked"], [false, true], [false, true]);

    /// <summary>Inputs, targets and draws, by TorchSharp's loader and by a source, with and without prefetching.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void ALoaderMixesWhatALoopMixes(string kind, bool byLoader, bool prefetched)
    {
        using var data = new Images(kind == "dense");
        var (looped, loaded) = (Strategy(kind), Strategy(kind));
        using var loader = new DataLoader<(Tensor X, Tensor Y), MixupStep>(data, 4, loaded.Collate<(Tensor X, Tensor Y)>(Stack));
        IEnumerable<MixupStep> mixed = byLoader ? loader : loaded.Mix(data.Batches());
        mixed = prefetched ? mixed.Prefetch(2) : mixed;
        var loss = new MixupLoss(CrossEntropyLoss());
        for (var epoch = 0; epoch < 2; epoch++)
        {
            using var scope = NewDisposeScope();
            foreach (var ((x, y), step) in data.Batches().Zip(mixed))
            {
                using var own = step;
                using var expected = looped.Begin(x, y);
                Assert.Equal(expected.Draw, step.Draw);
                Assert.Equal(looped.State, loaded.State);
                Assert.True(loaded.Opened(step) && looped.Opened(expected) && !looped.Opened(step));
                foreach (var (want, got) in expected.Inputs.Zip(step.Inputs))
                {
                    Bits.AssertEqual(want, got);
                }

                Bits.AssertEqual(expected.Target.Unmixed, step.Target.Unmixed);
                var logits = Some.Normal(epoch, [step.Draw.Mix.Rows, K, .. y.shape[1..]]);
                Bits.AssertEqual(loss.call(logits, expected.Target), loss.call(logits, step.Target));
            }
        }

        Assert.Equal(6, loaded.State.Batch);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ATargetThatIsWrittenOverDoesNotReachTheStep(bool prefetched)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (Some.Normal(1, 4, 2), Some.Classes(1, K, 4));
        IEnumerable<(Tensor, Tensor)> Reused()
        {
            for (var i = 0; i < 5; i++)
            {
                x.fill_(i);
                y.fill_(i);
                yield return (x, y);
            }
        }

        var mixed = new InputMixup().Mix(Reused());
        List<MixupStep> steps = [.. prefetched ? mixed.Prefetch(3) : mixed];
        Assert.Equal([0, 1, 2, 3, 4], steps.Select(step => step.Target.Unmixed.cpu().data<long>()[3]));
        Some.AssertClose(full(4, 2, 2.0, device: Some.Device), steps[2].Input, 1e-6);
        steps.ForEach(step => step.Dispose());
        Assert.False(x.IsInvalid || y.IsInvalid);
    }

    [Fact]
    public void AStepOwnsItsMemory()
    {
        using var data = new Images(isDense: false);
        var strategy = new InputMixup();
        var collate = strategy.Collate<(Tensor X, Tensor Y)>(Stack);
        (Tensor, Tensor)[] samples = [.. Enumerable.Range(0, 4).Select(i => data.GetTensor(i))];
        collate(samples, Some.Device).Dispose();
        var before = Some.LiveTensors;
        MixupStep step;
        using (NewDisposeScope())
        {
            step = collate(samples, Some.Device);
        }

        Assert.Equal(before + 2, Some.LiveTensors);
        var (input, target) = (step.Input, step.Target.Unmixed);
        Assert.False(input.IsInvalid || target.IsInvalid || step.IsDisposed);
        step.Dispose();
        Assert.True(input.IsInvalid && target.IsInvalid && step.IsDisposed);
        Assert.Equal(before, Some.LiveTensors);
    }

    [Fact]
    public void SeveralInputsAreMixedAlike()
    {
        using var data = new Images(isDense: false);
        using var scope = NewDisposeScope();
        var pairs = data.Batches().Select(pair => ((IReadOnlyList<Tensor>)[pair.X, pair.X.add(1)], pair.Y));
        foreach (var step in new InputMixup(1).Mix(pairs).Prefetch(1))
        {
            Some.AssertClose(step.Inputs[0].add(1), step.Inputs[1], 1e-5, 1e-5);
            step.Dispose();
        }

        var collate = new InputMixup(1).Collate<(Tensor X, Tensor Y)>((samples, device) =>
        {
            var (x, y) = Stack(samples, device);
            return ((IReadOnlyList<Tensor>)[x, x.add(1)], y);
        });
        using var collated = collate([data.GetTensor(0), data.GetTensor(1)], Some.Device);
        Some.AssertClose(collated.Inputs[0].add(1), collated.Inputs[1], 1e-5, 1e-5);
    }

    /// <summary>The state counts what was taken, however far ahead the source is.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void AResumedRunGoesOnWhereTheConsumerStopped(int stop)
    {
        using var scope = NewDisposeScope();
        var pairs = Enumerable.Range(0, 9).Select(i => (Some.Normal(i, 4, 2), Some.Classes(i, K, 4))).ToArray();
        var options = new MixupOptions { Seed = 4 };
        var whole = new InputMixup(options).Mix(pairs).Select(step => step.Draw).ToArray();
        var first = new InputMixup(options);
        List<MixupDraw> draws = [];
        foreach (var step in first.Mix(pairs).Prefetch(4))
        {
            if (draws.Count == stop)
            {
                // This one was taken, but it did not train.
                Assert.Equal(stop + 1, first.State.Batch);
                first.State = first.State with { Batch = stop };
                step.Dispose();
                break;
            }

            draws.Add(step.Draw);
            Assert.Equal(draws.Count, first.State.Batch);
            step.Dispose();
        }

        Assert.Equal(stop, first.State.Batch);
        var second = new InputMixup(options with { Seed = null }) { State = first.State };
        draws.AddRange(second.Mix(pairs.Skip(stop)).Prefetch(3).Select(step => step.Draw));
        Assert.Equal(whole, draws);
    }

    [Fact]
    public void DrawsOfNestedThreadsCountWhenTheOuterConsumerTakesThem()
    {
        using var scope = NewDisposeScope();
        var pairs = Enumerable.Range(0, 8).Select(i => (Some.Normal(i, 4, 2), Some.Classes(i, K, 4))).ToArray();
        var (plain, nested) = (new InputMixup(new MixupOptions { Seed = 4 }), new InputMixup(new MixupOptions { Seed = 4 }));
        var outer = nested.Mix(pairs).Prefetch(3).Select(step => step).Prefetch(2);
        foreach (var (want, got) in plain.Mix(pairs).Zip(outer).Take(5))
        {
            Assert.Equal(want.Draw, got.Draw);
            Assert.Equal(plain.State, nested.State);
        }

        Assert.Equal(5, nested.State.Batch);
    }

    [Fact]
    public void TheStateOfAStrategyOfOnesOwnIsPutBackWhenTheEnumerationEnds()
    {
        using var scope = NewDisposeScope();
        var pairs = Enumerable.Range(0, 8).Select(i => (Some.Normal(i, 4, 2), Some.Classes(i, K, 4))).ToArray();
        foreach (var nested in new[] { false, true })
        {
            var (plain, own) = (new InputMixup(new MixupOptions { Seed = 4 }), new OwnMixup());
            var mixed = own.Mix(pairs).Prefetch(3);
            mixed = nested ? mixed.Prefetch(2) : mixed;
            var draws = mixed.Take(3).Select(step => step.Draw).ToArray();
            Assert.Equal(3, own.State.Batch);
            draws = [.. draws, .. own.Mix(pairs.Skip(3)).Prefetch(3).Select(step => step.Draw)];
            Assert.Equal(plain.Mix(pairs).Select(step => step.Draw), draws);
            Assert.Equal(8, own.State.Batch);
        }
    }

    [Fact]
    public void AStrategyThatIsUsedMeanwhileIsAnError()
    {
        using var scope = NewDisposeScope();
        var pairs = Enumerable.Range(0, 8).Select(i => (Some.Normal(i, 4, 2), Some.Classes(i, K, 4))).ToArray();
        var uses = new Action<InputMixup>[]
        {
            strategy => strategy.Begin(pairs[0].Item1, pairs[0].Item2).Dispose(),
            strategy => strategy.State = strategy.State with { Seed = 8 },
            strategy => strategy.Epoch = 3, // a schedule would have drawn otherwise
        };
        foreach (var use in uses)
        {
            var source = new Watched<(Tensor, Tensor)>(8, i => pairs[i]);
            var strategy = new InputMixup(new MixupOptions { Schedule = Schedules.OffFrom(3) }) { Epoch = 0 };
            using (var steps = strategy.Mix(source).Prefetch(2).GetEnumerator())
            {
                Assert.True(steps.MoveNext());
                steps.Current.Dispose();
                use(strategy);
                var error = Assert.Throws<InvalidOperationException>(() => steps.MoveNext());
                Assert.Contains("a strategy of their own", error.Message, StringComparison.Ordinal);
                Assert.False(steps.MoveNext());
            }

            Assert.False(source.Threads.Single().IsAlive);
        }
    }

    [Fact]
    public void AMixedBatchMovesToADevice()
    {
        using var scope = NewDisposeScope();
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both })
        {
            var strategy = new InputMixup(new MixupOptions { Outputs = outputs });
            var step = strategy.Mix([(Some.Normal(1, 4, 2), Some.Classes(1, K, 4))]).Single();
            var (input, target, same) = (step.Input, step.Target.Unmixed, step.Target);
            step.MoveTo(Some.Device);
            Assert.Same(input, step.Input);
            Assert.Same(same, step.Target);
            var before = Some.LiveTensors;
            step.MoveTo(META);
            Assert.True(input.IsInvalid && target.IsInvalid);
            Assert.Equal((DeviceType.META, DeviceType.META), (step.Input.device_type, step.Target.Unmixed.device_type));
            Assert.Equal(before, Some.LiveTensors);
            Assert.True(strategy.Opened(step));
            using var model = Linear(2, K, device: META);
            using var loss = new MixupLoss(CrossEntropyLoss());
            Assert.Equal(0, loss.call(model.call(step.Input), step.Target).dim());
            step.Dispose();
            Assert.True(step.IsDisposed);
        }
    }

    private static InputMixup Strategy(string kind)
    {
        var options = new MixupOptions { Seed = 2, Method = kind is "fmix" or "dense" ? new FMix() : new Interpolation(1) };
        return kind switch
        {
            "both" => new InputMixup(options with { Outputs = MixupOutputs.Both }),
            "clean" => new InputMixup(options with { Outputs = MixupOutputs.CleanAndMixed() }),
            "overwritten" => new InputMixup(options) { OverwriteInput = true },
            "stacked" => new InputMixup(options) { StackInput = true },
            _ => new InputMixup(options),
        };
    }

    private static (Tensor X, Tensor Y) Stack(IEnumerable<(Tensor X, Tensor Y)> samples, Device device) =>
        (stack(samples.Select(sample => sample.X)).to(Some.Device), stack(samples.Select(sample => sample.Y)).to(Some.Device));

    /// <summary>Ten images, whose tensors are made when they are asked for.</summary>
    private sealed class Images(bool isDense) : torch.utils.data.Dataset<(Tensor X, Tensor Y)>
    {
        public override long Count => 10;

        public override (Tensor X, Tensor Y) GetTensor(long index)
        {
            using var scope = NewDisposeScope();
            var y = isDense ? Some.Classes(index, K, 6, 6) : Some.Classes(index, K, 1)[0];
            return (Some.Normal(index, 2, 6, 6).cpu().MoveToOuterDisposeScope(), y.cpu().MoveToOuterDisposeScope());
        }

        public IEnumerable<(Tensor X, Tensor Y)> Batches() => Enumerable.Range(0, 10).Chunk(4)
            .Select(rows => Stack(rows.Select(row => GetTensor(row)).ToArray(), Some.Device));
    }

    /// <summary>A strategy of one's own, of the parts that there are for it.</summary>
    private sealed class OwnMixup : IMixupStrategy
    {
        public MixupState State { get; set; } = new(4, 0);

        public int? Epoch { get; set; }

        public int? Epochs { get; set; }

        public int Rank { get => State.Rank; set => State = State with { Rank = value }; }

        public MixupStep Begin(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw = null)
        {
            var mix = MixSampler.Sample(new MixupOptions(), inputs, State);
            State = State with { Batch = State.Batch + 1 };
            return new MixupStep([.. inputs.Select(mix.Blend)], target, mix);
        }
    }
}
