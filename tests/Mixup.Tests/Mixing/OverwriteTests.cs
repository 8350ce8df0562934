namespace TorchSharp.Mixup.Tests;

/// <summary>What must not be overwritten is refused before anything is written.</summary>
public sealed class OverwriteTests
{
    private const int B = 6;

    private static readonly Dictionary<string, (Func<(Tensor[] Inputs, Tensor Target)> Batch, string Error)> Shared = new()
    {
        ["an autoencoder's input as its target"] = (() =>
        {
            var x = Some.Normal(1, B, 4);
            return ([x], x);
        }, "shares memory with the target"),
        ["a view of the input as target"] = (() =>
        {
            var x = Some.Normal(1, B, 4);
            return ([x], x.narrow(1, 0, 2));
        }, "shares memory with the target"),
        ["a sequence and its next items"] = (() =>
        {
            var sequence = Some.Normal(1, B, 9);
            return ([sequence.narrow(1, 0, 8)], sequence.narrow(1, 1, 8));
        }, "shares memory with the target"),
        ["a sequence and its next items as inputs"] = (() =>
        {
            var sequence = Some.Normal(1, B, 9);
            return ([sequence.narrow(1, 0, 8), sequence.narrow(1, 1, 8)], Some.Classes(1, 3, B));
        }, "shares memory with another input"),
        ["one tensor twice"] = (() =>
        {
            var x = Some.Normal(1, B, 4);
            return ([x, x], Some.Classes(1, 3, B));
        }, "shares memory with another input"),
        ["rows that overlap"] = (() => ([Some.Normal(1, B + 3).unfold(0, 4, 1)], Some.Classes(1, 3, B)), "its elements share memory"),
        ["expanded rows"] = (() => ([Some.Normal(1, 1, 4).expand(B, 4)], Some.Classes(1, 3, B)), "its elements share memory"),
        ["two storages over one array"] = (() =>
        {
            var array = Enumerable.Range(0, 40).Select(i => (float)i).ToArray();
            return (
                [frombuffer(array, ScalarType.Float32, B * 4, 0).reshape(B, 4)],
                frombuffer(array, ScalarType.Float32, B * 4, 3).reshape(B, 4));
        }, "shares memory with the target"),
        ["an input reversed in time by a transposed view"] = (() =>
        {
            var x = Some.Normal(1, B, B);
            return ([x, x.t()], Some.Classes(1, 3, B));
        }, "shares memory with another input"),
    };

    public static TheoryData<string> Names => [.. Shared.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void MemoryThatIsSharedIsRefusedBeforeItIsWritten(string name)
    {
        using var scope = NewDisposeScope();
        var (inputs, target) = Shared[name].Batch();
        var before = inputs.Select(input => input.clone()).ToArray();
        using var model = Small.Mlp();
        foreach (var strategy in new IMixupStrategy[]
        {
            new InputMixup { OverwriteInput = true },
            new ManifoldMixup(model, places: ManifoldPlaces.Named("1").WithInput()) { OverwriteInput = true },
        })
        {
            var state = strategy.State;
            var draw = new MixupDraw(new Mix([0.3, 0.4, 0.5, 0.6, 0.7, 0.8], [1, 2, 3, 4, 5, 0]), MixupPlace.Input);
            var error = Assert.Throws<ArgumentException>(() => strategy.Begin(inputs, target, draw)).Message;
            Assert.Contains(Shared[name].Error, error, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("Leave OverwriteInput off", error, StringComparison.OrdinalIgnoreCase);
            Assert.Equal(state, strategy.State);
            Assert.All(before.Zip(inputs), pair => Some.AssertEqual(pair.First, pair.Second));
            strategy.Begin(Some.Normal(1, B, 6), Some.Classes(1, 3, B)).Dispose(); // nothing is left open
        }

        // Kept, each of them is mixed as it is.
        using var step = new InputMixup().Begin(
            inputs, target, new MixupDraw(new Mix([0.3, 0.4, 0.5, 0.6, 0.7, 0.8], [1, 2, 3, 4, 5, 0]), MixupPlace.Input));
        Assert.All(before.Zip(inputs), pair => Some.AssertEqual(pair.First, pair.Second));
    }

    [Fact]
    public void ColumnsOfOneTableAreOverwritten()
    {
        using var scope = NewDisposeScope();
        var table = Some.Normal(1, B, 9);
        var original = table.clone();
        var mix = new Mix([0.3, 0.4, 0.5, 0.6, 0.7, 0.8], [1, 2, 3, 4, 5, 0]);
        var (a, b, target) = (table.narrow(1, 0, 4), table.narrow(1, 4, 3), table.narrow(1, 7, 2));
        using var step = new InputMixup { OverwriteInput = true }.Begin([a, b], target, new MixupDraw(mix, MixupPlace.Input));
        Some.AssertClose(mix.Blend(original.narrow(1, 0, 7)), table.narrow(1, 0, 7), 1e-6, 1e-6);
        Some.AssertEqual(original.narrow(1, 7, 2), table.narrow(1, 7, 2));
    }

    [Fact]
    public void ADrawOfTwoOutputsIsRefusedBeforeAnythingIsWritten()
    {
        using var scope = NewDisposeScope();
        var x = Some.Normal(1, 5, 4);
        var before = x.clone();
        var mix = new Mix(Some.Coefficients, Some.Permutation, outputs: MixupOutputs.Both);
        Assert.Contains("two rows for each sample", Assert.Throws<ArgumentException>(() =>
            new InputMixup { OverwriteInput = true }.Begin(
                x, Some.Classes(1, 3, 5), new MixupDraw(mix, MixupPlace.Input))).Message, StringComparison.OrdinalIgnoreCase);
        Some.AssertEqual(before, x);
    }

    [Fact]
    public void AnInferenceTensorIsRefusedBeforeItIsWritten()
    {
        using var scope = NewDisposeScope();
        Tensor x, before;
        using (inference_mode())
        {
            x = Some.Normal(1, 5, 4);
            before = x.clone();
        }

        var other = Some.Normal(2, 5, 4);
        var otherBefore = other.clone();
        var mixup = new InputMixup { OverwriteInput = true };
        Assert.Contains("made in inference mode", Assert.Throws<ArgumentException>(() =>
                mixup.Begin([other, x], Some.Classes(1, 3, 5),
                    new MixupDraw(Some.Mix(), MixupPlace.Input))).Message, StringComparison.OrdinalIgnoreCase);
        Some.AssertEqual(before, x);
        Some.AssertEqual(otherBefore, other);
        using (inference_mode())
        {
            mixup.Begin(x, Some.Classes(1, 3, 5), new MixupDraw(Some.Mix(), MixupPlace.Input)).Dispose();
            Some.AssertClose(Some.Mix().Blend(before), x, 1e-6, 1e-6);
        }
    }
}
