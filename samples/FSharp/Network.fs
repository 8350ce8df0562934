namespace Mixup.Samples.FSharp

open TorchSharp
open type TorchSharp.torch.nn

/// A small convolutional network for digits of 8x8: about 24,000 parameters.
type Network() as this =
    inherit torch.nn.Module<torch.Tensor, torch.Tensor>(nameof Network)

    let features =
        Sequential(
            Conv2d(1L, 24L, 3L, padding = 1L),
            BatchNorm2d(24L),
            ReLU(),
            MaxPool2d(2L),
            Conv2d(24L, 48L, 3L, padding = 1L),
            BatchNorm2d(48L),
            ReLU()
        )

    let hidden = Linear(48L * 16L, 64L)
    let classifier = Linear(64L, 10L)

    do this.RegisterComponents()

    override _.forward(images) =
        use flat = features.call(images).flatten 1L
        use active = hidden.call(flat).relu ()
        classifier.call active
