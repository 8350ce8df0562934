using static TorchSharp.torch;

namespace Mixup.Samples.Study;

/// <summary>What the study trains and tests on.</summary>
/// <param name="Name">For titles.</param>
/// <param name="TrainImages">[N, 1, 28, 28], from 0 to 1.</param>
/// <param name="TrainClasses">[N].</param>
/// <param name="TestImages">[M, 1, 28, 28].</param>
/// <param name="TestClasses">[M].</param>
public sealed record StudyData(string Name, Tensor TrainImages, Tensor TrainClasses, Tensor TestImages, Tensor TestClasses)
{
    public const int Side = 28;

    /// <summary>How many there are to train on.</summary>
    public int TrainSize => (int)TrainImages.size(0);

    /// <summary>The digits that ship with the samples, enlarged; the split is that of seed 0.</summary>
    public static StudyData Digits(Device device)
    {
        using var scope = NewDisposeScope();
        var digits = Samples.Digits.Load(0, Samples.Digits.MostTraining, 0, device);
        Tensor Enlarged(Tensor images) =>
            nn.functional.interpolate(images, [Side, Side], mode: InterpolationMode.Bilinear, align_corners: false)
                .MoveToOuterDisposeScope();
        return new StudyData(
            "1,797 digits of 8x8",
            Enlarged(digits.TrainImages),
            digits.TrainClasses.MoveToOuterDisposeScope(),
            Enlarged(digits.TestImages),
            digits.TestClasses.MoveToOuterDisposeScope());
    }
}
