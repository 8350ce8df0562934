using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mixup.Samples.Gallery;

/// <summary>
/// A network of two stages, each of which halves an image and darkens its edges. Its hidden features can be looked at without training.
/// </summary>
public sealed class Stages : Module<Tensor, Tensor>
{
    private readonly Stage stage1 = new(), stage2 = new();

    public Stages()
        : base(nameof(Stages)) => RegisterComponents();

    /// <summary>Gets the input and the output of each stage in the last forward pass, mixed or not.</summary>
    public IReadOnlyList<Tensor> Seen { get; private set; } = [];

    public override Tensor forward(Tensor input)
    {
        var first = stage1.call(input);
        var second = stage2.call(first);
        Seen = [input, first, second];
        return second;
    }

    private sealed class Stage() : Module<Tensor, Tensor>(nameof(Stage))
    {
        public override Tensor forward(Tensor input)
        {
            var padded = functional.pad(input, [1, 1, 1, 1], PaddingModes.Replicate);
            var edges = functional.avg_pool2d(padded, 3, stride: 1).sub(input).abs();
            return functional.avg_pool2d(input.sub(edges), 2).clamp(0, 1);
        }
    }
}
