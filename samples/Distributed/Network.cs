using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mixup.Samples.Distributed;

/// <summary>
/// Three convolutions and two linear layers, of about 112,000 parameters, for images of 28x28. It has no batch normalisation, which would
/// see the samples of one rank alone.
/// </summary>
public sealed class Network : Module<Tensor, Tensor>
{
    private const int First = 16, Second = 32, Third = 64, Hidden = 152, Classes = 10; // channels and features
    private const int Window = 3 * 3;
    private const int Flat = 3 * 3 * Third;
    private readonly Sequential layers;

    public Network()
        : base(nameof(Network))
    {
        layers = Sequential(
            Conv2d(1, First, 3, padding: 1), ReLU(), MaxPool2d(2),
            Conv2d(First, Second, 3, padding: 1), ReLU(), MaxPool2d(2),
            Conv2d(Second, Third, 3, padding: 1), ReLU(), MaxPool2d(2),
            Flatten(), Linear(Flat, Hidden), ReLU(), Linear(Hidden, Classes));
        RegisterComponents();
    }

    /// <summary>Gets the multiply-adds of a forward pass for one image, those of biases left out.</summary>
    public static long MultiplyAdds { get; } =
        (28 * 28 * Window * First) + (14 * 14 * Window * First * Second) + (7 * 7 * Window * Second * Third) + (Flat * Hidden) +
        (Hidden * Classes);

    public override Tensor forward(Tensor images) => layers.call(images);
}
