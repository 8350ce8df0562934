using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>Images of ten classes, split into training and test.</summary>
/// <param name="Name">The name in titles.</param>
/// <param name="TrainImages">[N, 1, 28, 28], from 0 to 1.</param>
/// <param name="TrainClasses">[N].</param>
/// <param name="TestImages">[M, 1, 28, 28].</param>
/// <param name="TestClasses">[M].</param>
public sealed record ImageData(string Name, Tensor TrainImages, Tensor TrainClasses, Tensor TestImages, Tensor TestClasses)
{
    /// <summary>The height and width of an image.</summary>
    public const int Side = 28;

    /// <summary>The name of the digits.</summary>
    public const string DigitsName = "1,797 digits of 8x8";

    /// <summary>Gets the number of training images.</summary>
    public int TrainSize => (int)TrainImages.size(0);

    /// <summary>Takes the first images alone, for a short run.</summary>
    /// <param name="trainSize">The most training images.</param>
    /// <param name="testSize">The most test images.</param>
    public ImageData First(int trainSize, int testSize)
    {
        static Tensor Part(Tensor tensor, int size) => tensor.narrow(0, 0, Math.Min(size, tensor.size(0)));
        return new ImageData(
            $"{Name}, a short run",
            Part(TrainImages, trainSize),
            Part(TrainClasses, trainSize),
            Part(TestImages, testSize),
            Part(TestClasses, testSize));
    }

    /// <summary>Makes data of the digits that ship with the samples, enlarged and split by seed 0.</summary>
    /// <param name="device">The device of the tensors.</param>
    public static ImageData Digits(Device device)
    {
        using var scope = NewDisposeScope();
        var digits = Samples.Digits.Load(0, Samples.Digits.MostTraining, 0, device);
        Tensor Enlarged(Tensor images) =>
            nn.functional.interpolate(images, [Side, Side], mode: InterpolationMode.Bilinear, align_corners: false)
                .MoveToOuterDisposeScope();
        return new ImageData(
            DigitsName,
            Enlarged(digits.TrainImages),
            digits.TrainClasses.MoveToOuterDisposeScope(),
            Enlarged(digits.TestImages),
            digits.TestClasses.MoveToOuterDisposeScope());
    }
}
