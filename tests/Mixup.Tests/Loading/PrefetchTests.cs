using TorchSharp.Modules;

namespace TorchSharp.Mixup.Tests.Loading;

/// <summary>A source that is enumerated ahead gives what it would have given, and leaves nothing behind however it ends.</summary>
public sealed class PrefetchTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20); // only a broken test waits for it

    public static TheoryData<int, int> Counts => new MatrixTheoryData<int, int>([0, 1, 2, 3, 9], [1, 2, 20]);

    /// <summary>Where it fails or ends, at which item, and how far ahead.</summary>
    public static TheoryData<string, int, int> Ends =>
        new MatrixTheoryData<string, int, int>(["MoveNext", "Current", "break", "Dispose", "Dispose after break"], [0, 1, 4], [1, 3]);

    [Theory]
    [MemberData(nameof(Counts))]
    public void TheItemsAreThoseOfTheSourceInOrder(int count, int ahead)
    {
        var source = new Watched<int>(count, i => i);
        var batches = source.Prefetch(ahead);
        Assert.Empty(source.Threads);
        for (var i = 1; i <= 3; i++)
        {
            Assert.Equal(Enumerable.Range(0, count), batches);
            Assert.Equal((i, i), (source.Threads.Count, source.Disposed));
        }

        Assert.Equal(4, source.Threads.Append(Thread.CurrentThread).Distinct().Count());
        Assert.All(source.Threads, thread => Assert.False(thread.IsAlive));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ItStaysSoManyItemsAheadAndNoMore(int ahead)
    {
        var taken = 0;
        var most = 0;
        using var isAhead = new ManualResetEventSlim();
        var source = new Watched<int>(12, i => i)
        {
            AtCurrent = i =>
            {
                most = Math.Max(most, i + 1 - Volatile.Read(ref taken));
                if (i == ahead)
                {
                    isAhead.Set(); // beside the one that is taken
                }
            },
        };
        foreach (var _ in source.Prefetch(ahead))
        {
            // The source makes the next ones while this one is at work.
            Assert.True(taken++ > 0 || isAhead.Wait(Long));
        }

        Assert.Equal(12, taken);
        Assert.InRange(most, 1, ahead + 1); // a taken one may not be counted yet
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public void HoweverItEndsNothingIsLeft(string how, int at, int ahead)
    {
        var error = new InvalidDataException("from the source");
        void Fail(int i)
        {
            if (i == at)
            {
                throw error;
            }
        }

        void FailInDispose() => throw error;
        var dispose = how.StartsWith("Dispose", StringComparison.Ordinal);
        (List<int> Items, Exception? Error) Run(Func<Watched<(Tensor X, Tensor Y)>, IEnumerable<(Tensor X, Tensor Y)>> around)
        {
            var source = new Watched<(Tensor X, Tensor Y)>(5, i => (tensor(i).add(0), tensor(i)))
            {
                Before = how == "MoveNext" ? Fail : null,
                AtCurrent = how == "Current" ? Fail : null,
                AtDispose = dispose ? FailInDispose : null,
            };
            var before = Some.LiveTensors;
            List<int> items = [];
            var thrown = Record.Exception(() =>
            {
                using var scope = NewDisposeScope();
                foreach (var (x, y) in around(source))
                {
                    if (how.EndsWith("break", StringComparison.Ordinal) && items.Count == at)
                    {
                        break;
                    }

                    items.Add(x.ToInt32());
                }
            });
            Assert.Equal(1, source.Disposed);
            Assert.Equal(before, source.LiveTensors);
            Assert.All(source.Threads, thread => Assert.True(thread == Thread.CurrentThread || !thread.IsAlive));
            return (items, thrown);
        }

        var plain = Run(source => source);
        var ahead1 = Run(source => source.Prefetch(ahead));
        Assert.Equal(plain.Items, ahead1.Items);
        Assert.Same(plain.Error, ahead1.Error);
    }

    [Fact]
    public void AnErrorOfTheFirstCallComesWhereTheFirstItemWouldHaveCome()
    {
        static IEnumerable<int> Broken() => throw new InvalidDataException();
        using var items = new Lazily(Broken).Prefetch(1).GetEnumerator();
        Assert.Throws<InvalidDataException>(() => items.MoveNext());
        Assert.False(items.MoveNext());
    }

    [Fact]
    public void ACancellationBeforeStartsNothing()
    {
        var source = new Watched<int>(3, i => i);
        var batches = source.Prefetch(1, new CancellationToken(canceled: true));
        Assert.Throws<OperationCanceledException>(() => batches.First());
        Assert.Empty(source.Threads);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void ACancellationEndsTheWait(int at)
    {
        using var cancellation = new CancellationTokenSource();
        using var goOn = new ManualResetEventSlim();
        using var scope = NewDisposeScope();
        var source = new Watched<Tensor>(5, i => tensor(i))
        {
            Before = i =>
            {
                if (i == at + 1)
                {
                    cancellation.Cancel(); // while the consumer waits for item at, or has not come to it
                    Assert.True(goOn.Wait(Long));
                }
            },
        };
        var before = source.LiveTensors;
        var items = source.Prefetch(4, cancellation.Token).GetEnumerator();
        List<int> seen = [];
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            while (items.MoveNext())
            {
                seen.Add(items.Current.ToInt32());
            }
        });
        Assert.False(items.MoveNext());
        goOn.Set();
        items.Dispose();
        Assert.Equal(Enumerable.Range(0, seen.Count), seen);
        Assert.InRange(seen.Count, 0, at);
        scope.DisposeEverything();
        Assert.Equal(before, source.LiveTensors);
        Assert.False(source.Threads.Single().IsAlive);
        Assert.Equal(1, source.Disposed);
    }

    [Fact]
    public void ACancellationEndsASourceThatWaitsForRoom()
    {
        using var cancellation = new CancellationTokenSource();
        using var isFull = new CountdownEvent(3);
        using var scope = NewDisposeScope();
        var source = new Watched<Tensor>(9, i => tensor(i)) { AtCurrent = i => isFull.Signal(i < 3 ? 1 : 4) };
        var before = source.LiveTensors;
        using (var items = source.Prefetch(2, cancellation.Token).GetEnumerator())
        {
            Assert.True(items.MoveNext());
            Assert.True(isFull.Wait(Long));
            cancellation.Cancel();
            Assert.ThrowsAny<OperationCanceledException>(() => items.MoveNext());
        }

        scope.DisposeEverything();
        Assert.Equal((before, 3), (source.LiveTensors, source.Made));
        Assert.False(source.Threads.Single().IsAlive);
    }

    [Fact]
    public void AnEnumerationThatWasLostEnds()
    {
        using var ended = new ManualResetEventSlim();
        var source = new Watched<int>(9, i => i) { AtDispose = ended.Set };
        Lose(source);
        for (var i = 0; i < 100 && !ended.IsSet; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.True(ended.Wait(Long));
    }

    [Fact]
    public void TensorsBelongToTheScopeOfWhoeverTakesThem()
    {
        var source = new Watched<(Tensor X, Tensor Y)>(4, i => (tensor(i), tensor(i)));
        var before = source.LiveTensors;
        using (var items = source.Prefetch(2).GetEnumerator())
        {
            for (var i = 0; i < 2; i++)
            {
                using var scope = NewDisposeScope();
                Assert.True(items.MoveNext());
                Assert.True(scope.Contains(items.Current.X) && scope.Contains(items.Current.Y));
                Assert.Equal(2, scope.DisposablesCount);
            }

            Assert.True(items.MoveNext()); // there is no scope
            var (x, y) = items.Current;
            Assert.Equal((2, 2), (x.ToInt32(), y.ToInt32()));
            Assert.False(x.IsInvalid || y.IsInvalid);
            x.Dispose();
            y.Dispose();
        }

        Assert.Equal(before, source.LiveTensors);
    }

    /// <summary>An item may come out of a buffer, or of what was made once; and arrays of numbers are not looked through.</summary>
    [Fact]
    public void SourcesThatKeepTensorsServeThemAll()
    {
        static IEnumerable<(Tensor Sum, Tensor Kept, byte[] Bytes)> Source()
        {
            var mean = full(2, 2f);
            var buffer = Enumerable.Range(0, 6).Select(i => full(2, (float)i)).ToArray();
            foreach (var one in buffer)
            {
                yield return (one - mean, one, new byte[1 << 20]);
            }
        }

        using var scope = NewDisposeScope();
        var i = 0;
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var (sum, kept, bytes) in Source().Prefetch(2))
        {
            Assert.Equal((i - 2f, (float)i, 1 << 20), (sum[0].ToSingle(), kept[0].ToSingle(), bytes.Length));
            i++;
        }

        Assert.Equal(6, i);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>What an item inherits, or holds in a set, is its own.</summary>
    [Fact]
    public void TensorsAreFoundInBaseClassesAndSets()
    {
        List<Tensor> made = [];
        IEnumerable<Derived> Source()
        {
            for (var i = 0; i < 4; i++)
            {
                made.AddRange([full(2, (float)i), full(3, (float)i), full(4, (float)i)]);
                yield return new Derived(made[^3], [made[^2], made[^1]], i);
            }
        }

        using (NewDisposeScope())
        {
            foreach (var item in Source().Prefetch(1))
            {
                Assert.Equal((item.Number, item.Number), (item.X[0].ToSingle(), item.Others.First()[0].ToSingle()));
            }
        }

        Assert.Equal(12, made.Count(one => one.IsInvalid));
        made.Clear();
        using (NewDisposeScope())
        {
            _ = Source().Prefetch(2).First();
        }

        Assert.All(made, one => Assert.True(one.IsInvalid));
    }

    [Fact]
    public void DisposingTwiceThrowsOnce()
    {
        var source = new Watched<int>(2, i => i) { AtDispose = () => throw new IOException("on dispose") };
        var items = source.Prefetch(1).GetEnumerator();
        Assert.True(items.MoveNext());
        Assert.Throws<IOException>(items.Dispose);
        items.Dispose();
        Assert.False(items.MoveNext());
    }

    /// <summary>Ending early waits for no thread of the pool: all of them may be waiting here.</summary>
    [Fact]
    public async Task ManyEndEarlyAtOnce()
    {
        var threads = Environment.ProcessorCount * 4;
        static int First() => Enumerable.Range(5, 100).Select(i => i).Prefetch(2).First();
        Assert.All(await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Run(First))), first => Assert.Equal(5, first));
    }

    /// <summary>What the source makes beside an item serves it to its end, and is gone then; where nobody has a scope it stays.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatIsMadeBesideAnItemIsTheSources(bool scoped)
    {
        List<Tensor> beside = [];
        IEnumerable<(Tensor, Tensor)> Source()
        {
            for (var i = 0; i < 6; i++)
            {
                using var index = tensor(i);
                beside.Add(index.add(1));
                yield return (beside[^1].add(1), index.add(2));
                Assert.False(index.IsInvalid);
                Assert.All(beside, one => Assert.False(one.IsInvalid));
            }
        }

        using (var scope = scoped ? NewDisposeScope() : null)
        {
            var i = 0;
            foreach (var (x, y) in Source().Prefetch(2))
            {
                Assert.Equal((i + 2, i++ + 2), (x.ToInt32(), y.ToInt32()));
                x.Dispose();
                y.Dispose();
            }

            Assert.All(beside, one => Assert.Equal(scoped, one.IsInvalid));
        }

        beside.ForEach(one => one.Dispose());
    }

    /// <summary>What cannot be looked into may hold anything.</summary>
    [Fact]
    public void ItemsOfAnyShapeKeepTheirTensors()
    {
        using var scope = NewDisposeScope();
        List<Tensor> all = [];
        Tensor Make(int i)
        {
            all.Add(tensor(i).DetachFromDisposeScope());
            return all[^1].add(0);
        }

        Assert.Equal([0, 1, 2, 3], new Watched<Hidden>(4, i => new Hidden(() => Make(i))).Prefetch(2).ToList().Select(one => one.Value));
        Assert.Equal(
            [0, 1, 2, 3], new Watched<Dictionary<string, Tensor[]>>(4, i => new() { ["x"] = [Make(i)] }).Prefetch(2).ToList()
                .Select(one => one["x"][0].ToInt32()));
        Assert.Equal(
            [0, 1, 2, 3], new Watched<Tensor>(4, Make).Select(x => new { X = x }).Prefetch(2).ToList().Select(one => one.X.ToInt32()));
        all.ForEach(one => one.Dispose());
    }

    [Fact]
    public void ASourceThatWasThereKeepsItsItems()
    {
        using var scope = NewDisposeScope();
        List<(Tensor X, Tensor Y)> pairs = [.. Enumerable.Range(0, 6).Select(i => (tensor(i), tensor(i)))];
        _ = pairs.Prefetch(3).First();
        _ = pairs.Select(pair => pair).Prefetch(3).First();
        List<Own> owns = [.. Enumerable.Range(0, 6).Select(_ => new Own())];
        _ = owns.Prefetch(3).First();
        Assert.All(pairs, pair => Assert.False(pair.X.IsInvalid || pair.Y.IsInvalid));
        Assert.All(owns, own => Assert.False(own.IsDisposed));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatNobodyTookIsDisposed(bool inTuples)
    {
        List<Own> owns = [];
        Own Make(int i)
        {
            var own = new Own();
            owns.Add(own);
            return own;
        }

        if (inTuples)
        {
            _ = new Watched<(int, Own)>(9, i => (i, Make(i))).Prefetch(3).First();
        }
        else
        {
            _ = new Watched<Own>(9, Make).Prefetch(3).First();
        }

        Assert.False(owns[0].IsDisposed);
        Assert.All(owns[1..], own => Assert.True(own.IsDisposed));
        Assert.InRange(owns.Count, 2, 5);
    }

    [Fact]
    public void TheModesOfTheConsumerAreTheSources()
    {
        List<(bool, bool)> seen = [];
        var source = new Watched<int>(2, i => i) { Before = _ => seen.Add((is_grad_enabled(), is_inference_mode_enabled())) };
        Assert.Equal([0, 1], source.Prefetch(1));
        using (no_grad())
        {
            Assert.Equal([0, 1], source.Prefetch(1));
        }

        using (inference_mode())
        {
            Assert.Equal([0, 1], source.Prefetch(1));
        }

        Assert.Equal([(true, false), (false, false), (false, true)], seen.Where((_, i) => i % 3 == 0));
    }

    [Fact]
    public void OneMayPrefetchWhatIsPrefetched()
    {
        using var scope = NewDisposeScope();
        var inner = new Watched<Tensor>(7, i => tensor(i));
        var outer = inner.Prefetch(2).Select(x => x.add(1)).Prefetch(1);
        Assert.Equal(Enumerable.Range(1, 7), outer.Select(x => x.ToInt32()));
        Assert.Equal(Enumerable.Range(1, 3), outer.Take(3).Select(x => x.ToInt32()).ToList());
        Assert.All(inner.Threads, thread => Assert.False(thread.IsAlive));
    }

    [Fact]
    public void WhatTheSourceDisposesTooEarlyIsRefused()
    {
        static IEnumerable<(Tensor, Tensor)> Using()
        {
            for (var i = 0; i < 3; i++)
            {
                using var x = tensor(i);
                yield return (x, tensor(i));
            }
        }

        static IEnumerable<Dictionary<string, Tensor>> Scoped()
        {
            for (var i = 0; i < 3; i++)
            {
                using var inner = NewDisposeScope();
                yield return new() { ["x"] = tensor(i) };
            }
        }

        using var scope = NewDisposeScope();
        foreach (var pull in new Action[]
        {
            () => _ = Using().Prefetch(1).First(),
            () => _ = Using().Select(pair => new { Inputs = new[] { pair.Item1 } }).Prefetch(3).First(),
            () => _ = Scoped().Prefetch(2).First(),
            () => _ = Loader(disposeBatch: true).Select(batch => batch).Prefetch(2).First(),
        })
        {
            var error = Assert.Throws<InvalidOperationException>(pull);
            Assert.Contains("disposed its first item when it made the second", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    public void ALoaderThatLeavesItsBatchesToTheConsumerIsRead(int taken)
    {
        List<Tensor> made = [];
        (Tensor, Tensor) Collate(IEnumerable<Dictionary<string, Tensor>> rows, Device device)
        {
            made.Add(stack(rows.Select(row => row["x"])));
            return (made[^1], made[^1].add(1));
        }

        using var loader = new DataLoader<Dictionary<string, Tensor>, (Tensor X, Tensor Y)>(
            new Numbers(), 3, Collate, device: CPU, disposeBatch: false);
        List<long> seen = [.. loader.Prefetch(2).Take(taken).Select(pair => pair.X.sum().ToInt64())];
        Assert.Equal(new long[] { 0 + 1 + 2, 3 + 4 + 5, 6 + 7 + 8, 9 }.Take(taken), seen);
        Assert.All(made[..seen.Count], x => Assert.False(x.IsInvalid));
        Assert.All(made[seen.Count..], x => Assert.True(x.IsInvalid));
    }

    private static void Lose(IEnumerable<int> source) => source.Prefetch(2).GetEnumerator().MoveNext();

    private static DataLoader Loader(bool disposeBatch) => utils.data.DataLoader(new Numbers(), 3, disposeBatch: disposeBatch);

    private sealed class Numbers : utils.data.Dataset
    {
        public override long Count => 10;

        public override Dictionary<string, Tensor> GetTensor(long index) => new() { ["x"] = tensor(index) };
    }

    private sealed class Own : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    private sealed class Hidden(Func<Tensor> make)
    {
        private readonly Func<Tensor> held = Hold(make());

        public int Value => held().ToInt32();

        private static Func<Tensor> Hold(Tensor tensor) => () => tensor;
    }

    private sealed class Lazily(Func<IEnumerable<int>> source) : IEnumerable<int>
    {
        public IEnumerator<int> GetEnumerator() => source().GetEnumerator();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private record Base(Tensor X, HashSet<Tensor> Others);

    private sealed record Derived(Tensor X, HashSet<Tensor> Others, int Number) : Base(X, Others);
}
