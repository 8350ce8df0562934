using System.Text.Json;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>A network of named layers, each run by <c>call</c>, as the reference vectors describe it.</summary>
internal sealed class Layers : Module<Tensor, Tensor>
{
    private readonly List<Module<Tensor, Tensor>> layers = [];

    public Layers(VectorCase vector)
        : base(nameof(Layers))
    {
        foreach (var layer in vector.Param("layers")!.Value.EnumerateArray())
        {
            var module = Build(layer);
            layers.Add(module);
            register_module(layer.GetProperty("name").GetString()!, module);
        }

        var weights = vector.Weights.ToArray();
        this.to(weights[0].Value.dtype);
        var state = state_dict();
        using var noGrad = no_grad();
        foreach (var (name, value) in weights)
        {
            state[name].copy_(value);
        }
    }

    public override Tensor forward(Tensor input) => layers.Aggregate(input, (x, layer) => layer.call(x));

    private static Module<Tensor, Tensor> Build(JsonElement layer)
    {
        var args = layer.TryGetProperty("args", out var a) && a.ValueKind == JsonValueKind.Array
            ? a.EnumerateArray().Select(e => e.GetInt64()).ToArray()
            : [];
        long Number(string name, long otherwise) => layer.TryGetProperty(name, out var e) ? e.GetInt64() : otherwise;
        return layer.GetProperty("type").GetString() switch
        {
            "Linear" => Linear(args[0], args[1]),
            "ReLU" => ReLU(),
            "Tanh" => Tanh(),
            "Conv2d" =>
                Conv2d(
                    args[0],
                    args[1],
                    args[2],
                    stride: Number("stride", 1),
                    padding: Number("padding", 0),
                    bias: !layer.TryGetProperty("bias", out var bias) || bias.GetBoolean()),
            "AdaptiveAvgPool2d" => AdaptiveAvgPool2d(args[0]),
            "Flatten" => Flatten(),
            "BatchNorm2d" => BatchNorm2d(args[0]),
            "ResBlock" => new ResBlock(args[0]),
            var other => throw new NotSupportedException(other),
        };
    }
}

/// <summary>The residual block of the vectors: relu(x + conv2(relu(conv1(x)))), or whatever the formula of the case says.</summary>
internal sealed class ResBlock : Module<Tensor, Tensor>
{
    private readonly Conv2d conv1;
    private readonly Conv2d conv2;

    public ResBlock(long channels)
        : base(nameof(ResBlock))
    {
        conv1 = Conv2d(channels, channels, 3, padding: 1);
        conv2 = Conv2d(channels, channels, 3, padding: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => functional.relu(input + conv2.call(functional.relu(conv1.call(input))));
}

/// <summary>A small multilayer perceptron: Linear, Tanh, Linear, Tanh, Linear.</summary>
internal static class Small
{
    public static Sequential Mlp(Device? device = null, ScalarType dtype = ScalarType.Float32)
    {
        manual_seed(1);
        return Sequential(Linear(6, 8), Tanh(), Linear(8, 7), Tanh(), Linear(7, 4)).to(device ?? Some.Device).to(dtype);
    }
}
