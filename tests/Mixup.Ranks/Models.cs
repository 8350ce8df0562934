using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Ranks;

/// <summary>Small models and data in float64, the same in every process.</summary>
internal static class Models
{
    public const int Classes = 5;

    /// <summary>A convolutional network over [B, 2, 6, 6], without batch normalisation.</summary>
    public static Sequential Convolutional(long seed = 1, ScalarType type = ScalarType.Float64)
    {
        manual_seed(seed);
        var model = Sequential(
            ("conv", Conv2d(2, 4, 3, padding: 1)), ("act", Tanh()), ("pool", AvgPool2d(2)), ("flatten", Flatten()),
            ("hidden", Linear(36, 12)), ("act2", Tanh()), ("head", Linear(12, Classes)));
        return model.to(type);
    }

    /// <summary>A network that classifies every pixel of [B, 2, 6, 6].</summary>
    public static Sequential Dense()
    {
        manual_seed(1);
        return Sequential(("conv", Conv2d(2, 6, 3, padding: 1)), ("act", Tanh()), ("head", Conv2d(6, Classes, 1))).to(ScalarType.Float64);
    }

    public static (Tensor X, Tensor Y) Data(int samples, ScalarType type = ScalarType.Float64)
    {
        using var generator = new Generator(7);
        var x = randn([samples, 2, 6, 6], ScalarType.Float64, generator: generator);
        var y = randint(0, Classes, [samples], ScalarType.Int64, generator: generator);
        return (x.to(type), y);
    }

    /// <summary>The largest difference of two models' weights, relative to the largest weight.</summary>
    public static double Difference(Module one, Module other)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (difference, largest) = (0.0, 0.0);
        foreach (var ((_, a), (_, b)) in one.named_parameters().Zip(other.named_parameters()))
        {
            var apart = (a - b).abs().max().to(ScalarType.Float64).item<double>();
            difference = double.IsNaN(apart) ? double.PositiveInfinity : Math.Max(difference, apart);
            largest = Math.Max(largest, a.abs().max().to(ScalarType.Float64).item<double>());
        }

        return difference / largest;
    }

    /// <summary>A hash of all weights and buffers, bit for bit.</summary>
    public static string Bits(Module model)
    {
        using var scope = NewDisposeScope();
        var bytes = model.state_dict().Values.SelectMany(tensor => tensor.cpu().contiguous().bytes.ToArray());
        return Convert.ToHexString(System.Security.Cryptography.SHA256.HashData([.. bytes]));
    }
}
