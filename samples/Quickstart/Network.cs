using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mixup.Samples.Quickstart;

/// <summary>Three stages of 3x3 convolutions up to 128 channels. Its 95,000 parameters are enough to memorize wrong labels.</summary>
internal sealed class Network : Module<Tensor, Tensor>
{
    private readonly Sequential stages;
    private readonly Linear classifier;

    public Network()
        : base(nameof(Network))
    {
        stages = Sequential(
            ("block1", new ConvBlock(1, 32, pool: false)),
            ("block2", new ConvBlock(32, 64, pool: true)),
            ("block3", new ConvBlock(64, 128, pool: true)));
        classifier = Linear(128, 10);
        RegisterComponents();
    }

    public override Tensor forward(Tensor images) => classifier.call(stages.call(images).mean([2, 3]));
}

/// <summary>A convolution, a normalisation and an activation; pools to half the size if asked.</summary>
internal sealed class ConvBlock : Module<Tensor, Tensor>
{
    private readonly Conv2d convolution;
    private readonly BatchNorm2d normalisation;
    private readonly bool pool;

    public ConvBlock(long from, long to, bool pool)
        : base(nameof(ConvBlock))
    {
        convolution = Conv2d(from, to, 3, padding: 1, bias: false);
        normalisation = BatchNorm2d(to);
        this.pool = pool;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        var active = normalisation.call(convolution.call(input)).relu();
        return pool ? functional.max_pool2d(active, 2) : active;
    }
}
