using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mixup.Samples.Study;

/// <summary>
/// A pre-activation ResNet (He et al. 2016, "Identity Mappings in Deep Residual Networks") of three blocks and about 175,000 parameters:
/// large enough to memorize 10,000 labels, small enough to be trained on two cores in minutes.
/// </summary>
public sealed class Network : Module<Tensor, Tensor>
{
    private readonly Conv2d stem;
    private readonly Sequential blocks;
    private readonly BatchNorm2d normalisation;
    private readonly Linear classifier;

    public Network()
        : base(nameof(Network))
    {
        stem = Conv2d(1, 24, 3, stride: 2, padding: 1, bias: false);
        blocks = Sequential(
            ("block1", new PreActivationBlock(24, 24)),
            ("block2", new PreActivationBlock(24, 48)),
            ("block3", new PreActivationBlock(48, 96)));
        normalisation = BatchNorm2d(96);
        classifier = Linear(96, 10);
        RegisterComponents();
    }

    public override Tensor forward(Tensor images) =>
        classifier.call(normalisation.call(blocks.call(stem.call(images))).relu().mean([2, 3]));
}

/// <summary>Two convolutions, each after a normalisation, beside a projection. Halves the image.</summary>
internal sealed class PreActivationBlock : Module<Tensor, Tensor>
{
    private readonly BatchNorm2d norm1;
    private readonly BatchNorm2d norm2;
    private readonly Conv2d conv1;
    private readonly Conv2d conv2;
    private readonly Conv2d shortcut;

    public PreActivationBlock(long from, long to)
        : base(nameof(PreActivationBlock))
    {
        (norm1, norm2) = (BatchNorm2d(from), BatchNorm2d(to));
        conv1 = Conv2d(from, to, 3, stride: 2, padding: 1, bias: false);
        conv2 = Conv2d(to, to, 3, padding: 1, bias: false);
        shortcut = Conv2d(from, to, 1, stride: 2, bias: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        var active = norm1.call(input).relu();
        return shortcut.call(active) + conv2.call(norm2.call(conv1.call(active)).relu());
    }
}
