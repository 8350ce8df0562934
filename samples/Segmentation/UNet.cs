using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mixup.Samples.Segmentation;

/// <summary>A small U-Net: two stages down and two up, with skip connections.</summary>
internal sealed class UNet : Module<Tensor, Tensor>
{
    private readonly Stage down1 = new(1, 16);
    private readonly Stage down2 = new(16, 32);
    private readonly Stage bottom = new(32, 64);
    private readonly UpStage up2 = new(64, 32);
    private readonly UpStage up1 = new(32, 16);
    private readonly Conv2d head = Conv2d(16, Scenes.Classes, 1);

    public UNet()
        : base(nameof(UNet)) => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        var fine = down1.call(images);
        var coarse = down2.call(functional.max_pool2d(fine, 2));
        return head.call(up1.call(up2.call(bottom.call(functional.max_pool2d(coarse, 2)), coarse), fine));
    }
}

/// <summary>Two convolutions, each with a normalisation and an activation.</summary>
internal sealed class Stage : Module<Tensor, Tensor>
{
    private readonly Sequential body;

    public Stage(long from, long to)
        : base(nameof(Stage))
    {
        body = Sequential(
            Conv2d(from, to, 3, padding: 1, bias: false),
            BatchNorm2d(to),
            ReLU(),
            Conv2d(to, to, 3, padding: 1, bias: false),
            BatchNorm2d(to),
            ReLU());
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => body.call(input);
}

/// <summary>
/// A decoder block, at whose output manifold mixup mixes. It doubles the size, joins the skip connection, and convolves twice.
/// </summary>
internal sealed class UpStage : Module<Tensor, Tensor, Tensor>
{
    private readonly ConvTranspose2d grow;
    private readonly Stage stage;

    public UpStage(long from, long to)
        : base(nameof(UpStage))
    {
        grow = ConvTranspose2d(from, to, 2, stride: 2);
        stage = new Stage(2 * to, to);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input, Tensor beside) => stage.call(cat([grow.call(input), beside], 1));
}
