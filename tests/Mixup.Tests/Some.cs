namespace TorchSharp.Mixup.Tests;

/// <summary>Where tests run, and what they are made of.</summary>
internal static class Some
{
    /// <summary>One place for the device of the whole suite: MIXUP_TEST_DEVICE, by default the CPU.</summary>
    public static Device Device { get; } = device(Environment.GetEnvironmentVariable("MIXUP_TEST_DEVICE") ?? "cpu");

    public static readonly double[] Coefficients = [0.9, 0.6, 1.0, 0.25, 0.5];

    public static readonly long[] Permutation = [1, 2, 3, 4, 0];

    /// <summary>The place of a short name: the input, the output, or else a module.</summary>
    public static MixupPlace Place(string name) => name switch
    {
        "input" => MixupPlace.Input,
        "output" => MixupPlace.Output,
        _ => MixupPlace.Module(name),
    };

    /// <summary>The short names of places.</summary>
    public static IEnumerable<string> Names(IEnumerable<MixupPlace> places) => places.Select(place => place.ModuleName ?? place.ToString());

    public static Mix Mix() => new(Coefficients, Permutation);

    /// <summary>The draw that changes nothing.</summary>
    public static Mix Unmixed(int batchSize) =>
        new([.. Enumerable.Repeat(1.0, batchSize)], [.. Enumerable.Range(0, batchSize).Select(i => (long)((i + 1) % batchSize))]);

    public static Tensor Normal(long seed, params long[] shape) => Normal(seed, ScalarType.Float32, shape);

    public static Tensor Normal(long seed, ScalarType dtype, params long[] shape)
    {
        using var generator = new Generator((ulong)seed, CPU);
        return randn(shape, ScalarType.Float64, CPU, generator: generator).to(dtype).to(Device);
    }

    public static Tensor Classes(long seed, long classes, params long[] shape)
    {
        using var generator = new Generator((ulong)seed, CPU);
        return randint(classes, shape, ScalarType.Int64, CPU, generator: generator).to(Device);
    }

    /// <summary>The formula of the paper in float64, one row after the other.</summary>
    public static Tensor Reference(Tensor x, IReadOnlyList<double> coefficients, IReadOnlyList<long> permutation)
    {
        var wide = x.detach().cpu().to(ScalarType.Float64);
        var rows = new List<Tensor>();
        for (var i = 0; i < coefficients.Count; i++)
        {
            rows.Add(wide[i].mul(coefficients[i]).add(wide[permutation[i]].mul(1 - coefficients[i])));
        }

        return stack(rows);
    }

    /// <summary>Half a unit in the last place, relative, with room for one more rounding.</summary>
    public static double Epsilon(ScalarType dtype) => dtype switch
    {
        ScalarType.BFloat16 => Math.Pow(2, -8),
        ScalarType.Float16 => Math.Pow(2, -11),
        ScalarType.Float32 => Math.Pow(2, -22),
        _ => Math.Pow(2, -51),
    };

    public static void AssertEqual(Tensor expected, Tensor actual) =>
        Assert.True(
            expected.equal(actual).all().cpu().ToBoolean() && expected.dtype == actual.dtype,
            $"expected {expected.str()}\nbut got {actual.str()}");

    public static void AssertClose(Tensor expected, Tensor actual, double relative, double absolute = 0)
    {
        Assert.Equal(expected.shape, actual.shape);
        using var scope = NewDisposeScope();
        var (want, got) = (expected.detach().cpu().to(ScalarType.Float64), actual.detach().cpu().to(ScalarType.Float64));
        if (!got.allclose(want, relative, absolute, equal_nan: true))
        {
            Assert.Fail($"expected {want.str()}\nbut got {got.str()}"); // written only then: it takes minutes for a large tensor
        }
    }

    /// <summary>Live tensors of this thread, by TorchSharp's own count.</summary>
    public static long LiveTensors => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

    public static MixupOutputs Outputs(bool both) => both ? MixupOutputs.Both : MixupOutputs.Mixed;
}
