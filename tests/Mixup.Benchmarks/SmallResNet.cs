using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Benchmarks;

/// <summary>Pre-activation, three blocks: what a training step is measured on.</summary>
internal sealed class SmallResNet : Module<Tensor, Tensor>
{
    private readonly Conv2d stem = Conv2d(3, 16, 3, padding: 1);
    private readonly Sequential blocks =
        Sequential(new ResidualBlock(16, 16, 1), new ResidualBlock(16, 32, 2), new ResidualBlock(32, 64, 2));
    private readonly Linear head = Linear(64, 10);

    public SmallResNet()
        : base(nameof(SmallResNet)) => RegisterComponents();

    public override Tensor forward(Tensor input) => head.call(blocks.call(stem.call(input)).mean([2, 3]));
}

/// <summary>Two convolutions beside a projection.</summary>
internal sealed class ResidualBlock : Module<Tensor, Tensor>
{
    private readonly BatchNorm2d norm1;
    private readonly BatchNorm2d norm2;
    private readonly Conv2d conv1;
    private readonly Conv2d conv2;
    private readonly Conv2d shortcut;

    public ResidualBlock(long from, long to, long stride)
        : base(nameof(ResidualBlock))
    {
        (norm1, norm2) = (BatchNorm2d(from), BatchNorm2d(to));
        (conv1, conv2) = (Conv2d(from, to, 3, stride: stride, padding: 1), Conv2d(to, to, 3, padding: 1));
        shortcut = Conv2d(from, to, 1, stride: stride);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        var active = norm1.call(input).relu();
        return shortcut.call(active) + conv2.call(norm2.call(conv1.call(active)).relu());
    }
}
