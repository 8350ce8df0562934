using System.Globalization;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Pictures;

/// <summary>Draws pictures of mixed batches: <c>step.Draw.Mix.Picture(images).SavePng("batch.png")</c>.</summary>
public static class MixPictures
{
    /// <summary>
    /// Draws a mixed batch, as <c>show_batch</c> of fastai does. Each column has a sample, its partner, and the mixed image with lambda,
    /// the weight of the sample. If both combinations of each pair are trained on, both are shown.
    /// </summary>
    /// <param name="mix">The draw of the batch.</param>
    /// <param name="images">
    /// The batch before it was mixed, [B, 1, H, W] for grey or [B, 3, H, W] for red, green and blue: bytes from 0 to 255, or floating point
    /// from 0 to 1, or normalized if <see cref="PictureOptions.Mean"/> and <see cref="PictureOptions.Std"/> are given. On any device; the
    /// images are copied to the CPU. Not modified.
    /// </param>
    /// <param name="labels">The text below each of the B samples. Default null: none.</param>
    /// <param name="count">The number of samples to show, from the first. Default 8, or all of a smaller batch.</param>
    /// <param name="options">The options of the picture. Default null: the defaults of <see cref="PictureOptions"/>.</param>
    /// <returns>A sheet, to be saved by <see cref="PictureSheet.SavePng"/> or converted by <see cref="PictureSheet.ToTensor"/>.</returns>
    /// <exception cref="ArgumentException">
    /// The shape, type or values are not those of B images, or the number of labels is not B.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The count is below 1.</exception>
    /// <remarks>
    /// Manifold and output mixup do not mix the images themselves. The picture shows the images as if they were mixed at the input.
    /// </remarks>
    public static PictureSheet Picture(
        this Mix mix, Tensor images, IReadOnlyList<string>? labels = null, int count = 8, PictureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (images.dim() != 4 || images.shape[0] != mix.BatchSize)
        {
            throw new ArgumentException(
                $"The images have shape [{string.Join(", ", images.shape)}]; expected the whole batch before mixing, " +
                $"[{mix.BatchSize}, 1 or 3, H, W]. Give the tensor that Begin was given.",
                nameof(images));
        }

        if (labels is not null && labels.Count != mix.BatchSize)
        {
            throw new ArgumentException(
                $"There are {labels.Count} labels for a batch of {mix.BatchSize}; expected one for each sample.", nameof(labels));
        }

        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        count = Math.Min(count, mix.BatchSize);
        var partners = tensor(mix.Partners.Take(count).ToArray()).to(images.device);
        Tensor Shown(Tensor tensor, int first = 0) => tensor.narrow(0, first, count);
        string[]? Names(Func<int, int> sample) => labels is null ? null : [.. Enumerable.Range(0, count).Select(i => labels[sample(i)])];

        var sheet = new PictureSheet(options)
            .Add("sample", Shown(images), Names(i => i))
            .Add("partner", images.index(TensorIndex.Tensor(partners)), Names(i => (int)mix.Partners[i]));
        var mixed = mix.Blend(Pixels.Floating(images));
        var weights = mix.CreateCoefficients(mixed).cpu().to(ScalarType.Float64).flatten().data<double>().ToArray();
        var clean = mix.Outputs.MixedWeight is null ? 0 : mix.BatchSize; // rows that are the samples again
        for (var first = clean; first < mix.Rows; first += mix.BatchSize)
        {
            var lambdas = weights[first..(first + count)];
            sheet.Add("mixed", Shown(mixed, first), Array.ConvertAll(lambdas, Caption));
        }

        return sheet;
    }

    private static string Caption(double lambda) => string.Create(CultureInfo.InvariantCulture, $"λ {lambda:0.00}");
}
