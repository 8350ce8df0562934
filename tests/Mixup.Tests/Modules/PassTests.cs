using System.Runtime.CompilerServices;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Within a step every pass of the model is mixed alike; outside of it none is.</summary>
public sealed class PassTests
{
    private const int B = 5;

    [Fact]
    public void EveryPassOfAStepIsMixedAlike()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var mixup = new ManifoldMixup(model, new MixupOptions { Warn = warning => Assert.Fail(warning) }, ManifoldPlaces.Named("1"));
        using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Module("1")));
        var first = model.call(step.Input);
        for (var i = 0; i < 3; i++)
        {
            Some.AssertEqual(first, model.call(step.Input));
        }

        var loss = new MixupLoss(CrossEntropyLoss());
        Some.AssertEqual(loss.call(first, step.Target), loss.call(model.call(step.Input), step.Target)); // as R-Drop takes both
    }

    [Theory]
    [InlineData("input")]
    [InlineData("1")]
    [InlineData("output")]
    public void AnOptimizerWithAClosureTrainsOnTheMixedLoss(string place)
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var strategy = Strategy(place, model);
        var loss = new MixupLoss(CrossEntropyLoss());
        using var optimizer = optim.LBFGS(model.parameters(), 0.5, max_iter: 4);
        using var step = strategy.Begin(x, y, new MixupDraw(Some.Mix(), Some.Place(place)));
        List<double> losses = [];
        optimizer.step(() =>
        {
            optimizer.zero_grad();
            var value = loss.call(model.call(step.Input), step.Target);
            value.backward();
            losses.Add(value.cpu().ToDouble());
            return value;
        });
        Assert.True(losses.Count >= 3);
        var after = loss.call(model.call(step.Input), step.Target).cpu().ToDouble();
        Assert.True(after < losses[0]); // it went down on what it was given

        // The last closure's loss, by hand, where the mixed module's output is known.
        if (place == "1")
        {
            var (first, second) = (
                (Module<Tensor, Tensor>)model.named_children().First().module,
                (Module<Tensor, Tensor>)model.named_children().ElementAt(1).module);
            var hidden = Some.Mix().Blend(second.forward(first.forward(x)));
            var logits = model.named_children().Skip(2).Aggregate(hidden, (h, child) => ((Module<Tensor, Tensor>)child.module).forward(h));
            Assert.Equal(loss.call(logits, new MixedTarget(Some.Mix(), y)).cpu().ToDouble(), after, 1e-6);
        }
    }

    [Fact]
    public void ARetryAfterAnExceptionIsMixed()
    {
        using var scope = NewDisposeScope();
        using var model = new Fragile();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var mixup = new ManifoldMixup(model, places: ManifoldPlaces.Named("first"));
        using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Module("first")));
        var expected = model.Last.forward(Some.Mix().Blend(model.First.forward(x)));
        model.Fails = true;
        Assert.Throws<TimeoutException>(() => model.call(step.Input));
        model.Fails = false;
        Some.AssertEqual(expected, model.call(step.Input));
        _ = new MixupLoss(CrossEntropyLoss()).call(model.call(step.Input), step.Target);
    }

    [Fact]
    public void ASuspendedStepMixesNothing()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var plain = model.call(x);
        foreach (var place in new[] { "1", "input" })
        {
            var mixup = new ManifoldMixup(model, places: ManifoldPlaces.Named("1").WithInput());
            var loss = new MixupLoss(CrossEntropyLoss());
            using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), Some.Place(place)));
            var mixed = model.call(step.Input);
            Tensor clean;
            using (var outer = step.Suspend())
            {
                using (step.Suspend())
                {
                    clean = model.call(x);
                }

                Some.AssertEqual(plain, clean);
                Some.AssertEqual(plain, model.call(x)); // still suspended by the outer one
                Assert.Contains(
                    "suspended",
                    Assert.Throws<InvalidOperationException>(() => loss.call(mixed, step.Target)).Message,
                    StringComparison.OrdinalIgnoreCase);
                outer.Dispose();
                outer.Dispose();
            }

            Some.AssertEqual(mixed, model.call(step.Input));
            Assert.True(loss.call(mixed, step.Target).isfinite().cpu().ToBoolean());
            Assert.Contains("while the step was suspended",
                Assert.Throws<InvalidOperationException>(() => loss.call(clean, step.Target)).Message,
                StringComparison.OrdinalIgnoreCase);
            Assert.Contains("while the step was suspended", Assert.Throws<InvalidOperationException>(
                    () => loss.Evaluate((p, t) => p.argmax(1).eq(t), clean, step.Target)).Message, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory]
    [InlineData("input")]
    [InlineData("1")]
    [InlineData("output")]
    public void ATargetEndsWithItsStep(string place)
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var strategy = Strategy(place, model);
        var loss = new MixupLoss(CrossEntropyLoss());
        var step = strategy.Begin(x, y);
        var value = loss.call(model.call(step.Input), step.Target);
        step.Dispose();
        value.backward(); // may follow later
        var prediction = model.call(x);
        Assert.Contains(
            "is disposed",
            Assert.Throws<InvalidOperationException>(() => loss.call(prediction, step.Target)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "is disposed",
            Assert.Throws<InvalidOperationException>(() => loss.call(prediction, step.TargetFor(y))).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains("is disposed", Assert.Throws<InvalidOperationException>(step.Suspend).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void APredictionOfAnotherStepIsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var mixup = new ManifoldMixup(model, places: ManifoldPlaces.Named("1"));
        Tensor old;
        using (var first = mixup.Begin(x, y))
        {
            old = model.call(first.Input);
        }

        using var second = mixup.Begin(x, y);
        model.call(second.Input);
        Assert.Contains("in another step", Assert.Throws<InvalidOperationException>(
                () => new MixupLoss(CrossEntropyLoss()).call(old, second.Target)).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void APassInWhichTheModuleDoesNotRunIsAnErrorEvenAfterOneInWhichItDid()
    {
        using var scope = NewDisposeScope();
        using var model = new Fragile();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("first")).Begin(x, y);
        model.call(step.Input);
        model.Skips = true;
        Assert.Contains(
            "the module did not run",
            Assert.Throws<InvalidOperationException>(() => model.call(step.Input)).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void AModuleThatRunsOutsideOfAPassIsAnError()
    {
        using var scope = NewDisposeScope();
        using var model = new Fragile();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("first")).Begin(x, y);
        model.call(step.Input);
        Assert.Contains(
            "outside of a pass",
            Assert.Throws<InvalidOperationException>(() => model.First.call(x)).Message,
            StringComparison.OrdinalIgnoreCase);
        using (step.Suspend())
        {
            Some.AssertEqual(model.First.forward(x), model.First.call(x));
        }
    }

    [Fact]
    public void WhereThePassesOfTheModelDoNotShowOneIsMixedAndTheNextRefused()
    {
        using var scope = NewDisposeScope();
        using var model = new Fragile();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("first")).Begin(
            x, y, new MixupDraw(Some.Mix(), MixupPlace.Module("first")));
        var prediction = model.forward(step.Input); // bypasses the hooks of the model, not of its modules
        Some.AssertEqual(model.Last.forward(Some.Mix().Blend(model.First.forward(x))), prediction);
        Assert.True(new MixupLoss(CrossEntropyLoss()).call(prediction, step.Target).isfinite().cpu().ToBoolean());
        Assert.Contains(
            "passes cannot be told apart",
            Assert.Throws<InvalidOperationException>(() => model.forward(step.Input)).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void TwoOpenStepsCannotShareAModule()
    {
        using var scope = NewDisposeScope();
        using var shared = Linear(6, 8).to(Some.Device);
        using var a = Sequential(("trunk", shared), ("a", Linear(8, 4))).to(Some.Device);
        using var b = Sequential(("trunk", shared), ("b", Linear(8, 4))).to(Some.Device);
        using var outer = Sequential(("inner", a), ("out", Linear(4, 4))).to(Some.Device);
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var (first, second, around) = (
            new ManifoldMixup(a, places: ManifoldPlaces.Named("trunk")),
            new ManifoldMixup(b, places: ManifoldPlaces.Named("b").WithInput()),
            new ManifoldMixup(outer, places: ManifoldPlaces.Named("inner")));
        using (first.Begin(x, y))
        {
            foreach (var other in new[] { second, around })
            {
                var state = other.State;
                Assert.Contains(
                    "shares a module with it",
                    Assert.Throws<InvalidOperationException>(() => other.Begin(x, y)).Message,
                    StringComparison.OrdinalIgnoreCase);
                Assert.Equal(state, other.State);
            }
        }

        foreach (var strategy in new[] { first, second, around })
        {
            strategy.Begin(x, y).Dispose();
        }
    }

    [Fact]
    public void AStepThatWasLostLetsItsModelGo()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var plain = model.call(x);
        List<string> warnings = [];
        var (lost, other) = (
            new ManifoldMixup(model, new MixupOptions { Warn = warnings.Add }, ManifoldPlaces.Named("1")),
            new ManifoldMixup(model, places: ManifoldPlaces.Named("3")));
        Lose(lost, x, y);
        using (var step = other.Begin(x, y, new MixupDraw(Some.Unmixed(B), MixupPlace.Module("3"))))
        {
            Some.AssertEqual(plain, model.call(step.Input)); // the hook of the lost step is gone
        }

        Assert.Contains("was never disposed", Assert.Single(warnings), StringComparison.OrdinalIgnoreCase);
        Some.AssertEqual(plain, model.call(x));

        // Nobody can dispose a target, so one that was kept does not keep the step.
        var target = LoseAllBut(lost, x, y);
        using (other.Begin(x, y))
        {
            Assert.Contains(
                "is disposed",
                Assert.Throws<InvalidOperationException>(() => new MixupLoss(CrossEntropyLoss()).call(plain, target)).Message,
                StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void WhatWasMadeOfASuspendedPredictionIsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        var mixup = new ManifoldMixup(model, places: ManifoldPlaces.Named("1").WithInput());
        var loss = new MixupLoss(CrossEntropyLoss());
        foreach (var place in new[] { "1", "input" })
        {
            using var step = mixup.Begin(x, y, new MixupDraw(Some.Mix(), Some.Place(place)));
            Assert.True(loss.call(model.call(step.Input).mul(2), step.Target).isfinite().cpu().ToBoolean());
            Tensor clean;
            using (step.Suspend())
            {
                clean = model.call(x).mul(2);
            }

            Assert.Contains("while the step was suspended, and this prediction may come from it",
                Assert.Throws<InvalidOperationException>(() => loss.call(clean, step.Target)).Message,
                StringComparison.OrdinalIgnoreCase);
            Assert.True(loss.call(model.call(step.Input).mul(2), step.Target).isfinite().cpu().ToBoolean());
        }

        var old = model.call(x).mul(2);
        using var input = mixup.Begin(x, y, new MixupDraw(Some.Mix(), MixupPlace.Input));
        Assert.Contains("was not run in this step", Assert.Throws<InvalidOperationException>(() => loss.call(old, input.Target)).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void TwoThreadsInOneStepAreRefused()
    {
        using var scope = NewDisposeScope();
        using var inside = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        using var model = Sequential(("a", Linear(6, 4)), ("wait", new Waits(inside, goOn))).to(Some.Device);
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("a")).Begin(x, y);
        Exception? thrown = null;
        var first = new Thread(() =>
        {
            try
            {
                model.call(x).Dispose();
            }
            catch (InvalidOperationException e)
            {
                thrown = e;
            }
        });
        first.Start();
        inside.Wait(TestContext.Current.CancellationToken);
        model.call(x);
        goOn.Set();
        first.Join();
        Assert.Contains(
            "overlap within one step", Assert.IsType<InvalidOperationException>(thrown).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void ARetryOnAnotherThreadIsMixed()
    {
        using var scope = NewDisposeScope();
        using var model = new Fragile { Fails = true };
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("first")).Begin(
            x, y, new MixupDraw(Some.Mix(), MixupPlace.Module("first")));
        var failing = new Thread(() => Assert.Throws<TimeoutException>(() => model.call(x)));
        failing.Start();
        failing.Join();
        model.Fails = false;
        Some.AssertEqual(model.Last.forward(Some.Mix().Blend(model.First.forward(x))), model.call(x));
    }

    [Fact]
    public void AModelThatCallsItselfIsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = new Recursive();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("block")).Begin(x, y);
        Assert.Contains(
            "it calls itself by call()",
            Assert.Throws<InvalidOperationException>(() => model.call(x)).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void APredictionThatWasJudgedOnceCanBeJudgedAgain()
    {
        using var scope = NewDisposeScope();
        using var model = Small.Mlp();
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("1")).Begin(x, y);
        var loss = new MixupLoss(CrossEntropyLoss());
        var prediction = model.call(x).mul(0.5);
        loss.call(prediction, step.Target);
        using (step.Suspend())
        {
            model.call(x);
        }

        Assert.True(loss.Evaluate((p, t) => p.argmax(1).eq(t), prediction, step.Target).isfinite().all().cpu().ToBoolean());
    }

    [Fact]
    public void AStackedStepHasNoSingleInput()
    {
        using var scope = NewDisposeScope();
        using var step = new InputMixup { StackInput = true }.Begin(Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        Assert.Contains(
            "step.Inputs", Assert.Throws<InvalidOperationException>(() => step.Input).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(3, step.Inputs.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TuplesOfAnyLengthAreMixedInTheirFirstItem(bool reference)
    {
        using var scope = NewDisposeScope();
        using var model = new ManyResults(reference);
        var (x, y) = (Some.Normal(1, B, 6), Some.Classes(2, 4, B));
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named(reference ? "tuple" : "value")).Begin(
            x, y, new MixupDraw(Some.Mix(), MixupPlace.Module(reference ? "tuple" : "value")));
        Some.AssertEqual(Some.Mix().Blend(x).add(x.mul(8)), model.call(step.Input));
    }

    private static IMixupStrategy Strategy(string place, Module model) => place switch
    {
        "input" => new InputMixup(),
        "output" => new OutputMixup(),
        _ => new ManifoldMixup(model, places: ManifoldPlaces.Named(place)),
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Lose(ManifoldMixup mixup, Tensor x, Tensor y) => mixup.Begin(x, y);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static MixedTarget LoseAllBut(ManifoldMixup mixup, Tensor x, Tensor y) => mixup.Begin(x, y).Target;

    private sealed class Fragile : Module<Tensor, Tensor>
    {
        public Fragile()
            : base(nameof(Fragile))
        {
            register_module("first", First);
            register_module("last", Last);
            this.to(Some.Device);
        }

        public Linear First { get; } = Linear(6, 6);

        public Linear Last { get; } = Linear(6, 4);

        public bool Fails { get; set; }

        public bool Skips { get; set; }

        public override Tensor forward(Tensor input)
        {
            var hidden = Skips ? input : First.call(input);
            return Fails ? throw new TimeoutException() : Last.call(hidden);
        }
    }

    private sealed class Recursive : Module<Tensor, Tensor>
    {
        private readonly Linear block = Linear(6, 6);
        private int depth;

        public Recursive()
            : base(nameof(Recursive))
        {
            RegisterComponents();
            this.to(Some.Device);
        }

        public override Tensor forward(Tensor input)
        {
            var hidden = block.call(input);
            return depth++ == 0 ? call(hidden) : hidden;
        }
    }

    private sealed class Waits(ManualResetEventSlim inside, ManualResetEventSlim goOn) : Module<Tensor, Tensor>(nameof(Waits))
    {
        public override Tensor forward(Tensor input)
        {
            if (!inside.IsSet)
            {
                inside.Set();
                goOn.Wait();
            }

            return input.alias();
        }
    }

    private sealed class ValueTuple8() : Module<Tensor, (
        Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)>(nameof(ValueTuple8))
    {
        public override (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor) forward(Tensor x) =>
            (x, x * 2, x * 3, x * 4, x * 5, x * 6, x * 7, x * 8);
    }

    private sealed class Tuple8() : Module<Tensor, Tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tuple<Tensor>>>(nameof(Tuple8))
    {
        public override Tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tuple<Tensor>> forward(Tensor x) =>
            Tuple.Create(x, x * 2, x * 3, x * 4, x * 5, x * 6, x * 7, x * 8);
    }

    private sealed class ManyResults : Module<Tensor, Tensor>
    {
        private readonly ValueTuple8 value = new();
        private readonly Tuple8 tuple = new();
        private readonly bool reference;

        public ManyResults(bool reference)
            : base(nameof(ManyResults))
        {
            this.reference = reference;
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            if (reference)
            {
                var result = tuple.call(input);
                return result.Item1 + result.Rest.Item1;
            }

            var items = value.call(input);
            return items.Item1 + items.Item8;
        }
    }
}
