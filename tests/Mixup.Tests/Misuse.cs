using System.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>A documented error: how to get it, its type, and what its message says was wrong and is to be done.</summary>
internal sealed record Misuse(string Name, Type Type, string Wrong, string ToDo, Action<Bench> Act)
{
    public static Misuse Of<T>(string name, string wrong, string toDo, Action<Bench> act, bool cpuOnly = false)
        where T : Exception =>
        new(
            name,
            typeof(T),
            wrong,
            toDo,
            cpuOnly && Some.Device.type != DeviceType.CPU ? _ => throw (Exception)Activator.CreateInstance(typeof(T), wrong + toDo)! : act);

    /// <summary>The error is clear, and the next batches train as if nothing had happened.</summary>
    public void Check()
    {
        using var bench = new Bench();
        using (NewDisposeScope())
        {
            var error = Assert.Throws(Type, () => Act(bench));
            Assert.Contains(Wrong, error.Message, StringComparison.OrdinalIgnoreCase);
            Assert.Contains(ToDo, error.Message, StringComparison.OrdinalIgnoreCase);
            AssertBeginsWithCapital(error);
            AssertNamesParameter(error);
        }

        using var untouched = new Bench();
        Assert.Equal(untouched.TrainWithAll(), bench.TrainWithAll());
    }

    /// <summary>An error is a sentence, unless .NET itself wrote it.</summary>
    private static void AssertBeginsWithCapital(Exception error) => Assert.True(
        !char.IsLower(error.Message[0]) || error is ArgumentException { ParamName: { } name }
            && error.Message.StartsWith(name, StringComparison.OrdinalIgnoreCase),
        $"An error begins with a capital: {error.Message}");

    /// <summary>An error of an argument names a parameter of the public method that was called.</summary>
    private static void AssertNamesParameter(Exception error)
    {
        if (error is not ArgumentException argument || new StackTrace(error).GetFrames() is not { Length: > 0 } frames)
        {
            return;
        }

        // An overload may pass on to another one.
        var called = frames.Select(frame => frame.GetMethod())
            .Where(method =>
                method is { IsPublic: true, DeclaringType.IsVisible: true } && method.DeclaringType.Assembly == typeof(Mix).Assembly)
            .ToArray();
        Assert.True(
            called.Length == 0 || called.Any(method => method!.GetParameters().Any(parameter => parameter.Name == argument.ParamName)),
            $"{string.Join(", ", called.Select(method => $"{method!.DeclaringType!.Name}.{method.Name}"))} has no parameter " +
            $"'{argument.ParamName}': {error.Message}");
    }
}

/// <summary>A model with all three strategies, ready to be misused.</summary>
internal sealed class Bench : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public Bench()
    {
        manual_seed(3);
        Model = Sequential(("a", Linear(4, 8)), ("b", Tanh()), ("c", Linear(8, 3))).to(Some.Device);
        Foreign = Linear(4, 3).to(Some.Device);
        Optimizer = optim.SGD(Model.parameters(), 0.1);
        var options = new MixupOptions { Method = new Interpolation(1), Seed = 5 };
        (Input, Output) = (new InputMixup(options), new OutputMixup(options));
        Manifold = new ManifoldMixup(Model, options, ManifoldPlaces.Named("a", "b").WithInput());
        (X, Y, Logits) = (Some.Normal(1, 6, 4), Some.Classes(2, 3, 6), Some.Normal(3, 6, 3));
        Mix = new Mix([0.3, 0.4, 0.5, 0.6, 0.7, 0.8], [1, 2, 3, 4, 5, 0]);
        Loss = new MixupLoss(Plain);
    }

    public Sequential Model { get; }

    public Linear Foreign { get; }

    public optim.Optimizer Optimizer { get; }

    public InputMixup Input { get; }

    public OutputMixup Output { get; }

    public ManifoldMixup Manifold { get; }

    public Tensor X { get; }

    public Tensor Y { get; }

    public Tensor Logits { get; }

    public Mix Mix { get; }

    public CrossEntropyLoss Plain { get; } = CrossEntropyLoss();

    public MixupLoss Loss { get; }

    public void Places(ManifoldPlaces places) => _ = new ManifoldMixup(Model, new MixupOptions(), places);

    public void Judge(Action<MixupLoss, MixedTarget> judge, Tensor? target = null) => judge(Loss, new MixedTarget(Mix, target ?? Y));

    public float[] TrainWithAll()
    {
        foreach (var strategy in new IMixupStrategy[] { Input, Manifold, Output })
        {
            for (var i = 0; i < 2; i++)
            {
                using var inner = NewDisposeScope();
                using var step = strategy.Begin(X, Y);
                Optimizer.zero_grad();
                Loss.call(Model.call(step.Input), step.Target).backward();
                Optimizer.step();
            }
        }

        return [.. Model.parameters().SelectMany(parameter => parameter.detach().cpu().data<float>().ToArray())];
    }

    public void Dispose()
    {
        scope.Dispose();
        Optimizer.Dispose();
        Model.Dispose();
        Foreign.Dispose();
    }
}
