using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Writes the figures of every epoch for TensorBoard, and images on request, by TorchSharp's own writer.</summary>
public sealed class TensorBoardLog : ITrainerCallback
{
    private readonly SummaryWriter writer;

    /// <summary>Logs to a folder.</summary>
    /// <param name="folder">The run's folder; made if need be.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is empty.</exception>
    public TensorBoardLog(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        writer = utils.tensorboard.SummaryWriter(folder);
    }

    /// <summary>After those that measure: 60.</summary>
    public int Order => 60;

    /// <summary>
    /// Logs an image, such as a mixed batch: <c>log.AddImage("batch", step.Draw.Mix.Picture(images).ToTensor(), epoch)</c>.
    /// </summary>
    /// <param name="name">The name that TensorBoard shows it under.</param>
    /// <param name="image">[3, H, W] or [1, H, W] of bytes, on any device. Not disposed.</param>
    /// <param name="step">The epoch or batch that it belongs to, from 0.</param>
    /// <exception cref="ArgumentException">The name is empty, or the image has another shape or type.</exception>
    /// <exception cref="InvalidOperationException">
    /// The native library of SkiaSharp is missing, by which TorchSharp writes PNG. On Linux the package TorchSharp.Mixup.Pictures brings
    /// it.
    /// </exception>
    public void AddImage(string name, Tensor image, int step)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(image);
        if (image.dim() != 3 || image.shape[0] is not (1 or 3) || image.numel() == 0 || image.dtype != ScalarType.Byte)
        {
            throw new ArgumentException(
                $"The image is {image.dtype} [{string.Join(", ", image.shape)}]; expected bytes [3, H, W] or [1, H, W]. " +
                "Convert values from 0 to 1 by mul(255).to(torch.uint8).",
                nameof(image));
        }

        using var scope = NewDisposeScope();
        try
        {
            writer.add_img(name, image.cpu(), step);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException)
        {
            throw new InvalidOperationException(
                "TorchSharp writes images by SkiaSharp, whose native library is missing. Reference the package " +
                "TorchSharp.Mixup.Pictures, or SkiaSharp.NativeAssets.Linux.NoDependencies.",
                e);
        }
    }

    /// <inheritdoc/>
    public void AfterEpoch(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        foreach (var (name, value) in state.Record?.Figures ?? new Dictionary<string, double>())
        {
            writer.add_scalar(name, (float)value, state.Epoch);
        }
    }
}
