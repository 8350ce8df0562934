using TorchSharp.Mixup;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mixup.Samples.Gallery;

/// <summary>A method in the gallery.</summary>
/// <param name="Title">Its title.</param>
/// <param name="Source">Its source.</param>
/// <param name="Method">The method.</param>
public sealed record Exhibit(string Title, string Source, Method Method)
{
    /// <summary>Gets all methods, a line for each.</summary>
    public static IReadOnlyList<Exhibit> All { get; } =
    [
        new("mixup", "Zhang et al. 2018", Mixup),
        new("CutMix", "Yun et al. 2019", new CutMix()),
        new("ResizeMix", "Qin et al. 2020", new ResizeMix()),
        new("FMix", "Harris et al. 2020", new FMix()),
        new("GridMix", "Baek et al. 2021", new GridMix()),
        new("SmoothMix", "Lee et al. 2020", new SmoothMix()),
        new("SaliencyMix", "Uddin et al. 2021", new SaliencyMix()),
        new("Attentive CutMix", "Walawalkar et al. 2020", new AttentiveMix(Contrast, cells: 20)),
        new("one of several", "as in timm", new OneOf(Mixup, new CutMix())),
    ];

    private static Interpolation Mixup => new(1) { Fold = false };

    /// <summary>Mixes a batch by the clearest of several draws: the one with the most balanced weights of sample and partner.</summary>
    /// <param name="images">The samples, followed by their partners.</param>
    /// <param name="draws">The number of draws.</param>
    public MixupStep Mix(Tensor images, int draws)
    {
        MixupStep Begin(int seed)
        {
            var mixup = new InputMixup(new MixupOptions { Method = Method, Pairing = Pairing.Halves, Seed = (ulong)seed });
            return mixup.Begin(images, arange(images.shape[0]));
        }

        double Clarity(int seed)
        {
            using var step = Begin(seed);
            return step.Draw.Mix.Coefficients.Take(step.Draw.Mix.BatchSize / 2).Sum(lambda => Math.Log(Math.Min(lambda, 1 - lambda)));
        }

        return Begin(Enumerable.Range(0, draws).MaxBy(Clarity));
    }

    // The regions that vary the most, in place of the attention of a trained network.
    private static Tensor Contrast(Tensor images)
    {
        Tensor Cells(Tensor tensor) => functional.avg_pool2d(tensor.mean([1], keepdim: true), 4).squeeze(1);
        return Cells(images.square()).sub(Cells(images).square());
    }
}
