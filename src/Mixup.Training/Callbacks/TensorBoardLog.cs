using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Writes the figures of every epoch and its learning rate for TensorBoard, and images on request, by TorchSharp's own writer. Steps are
/// epochs of the learner's history, so a second or resumed fit goes on where the last one ended.
/// </summary>
public sealed class TensorBoardLog : LearnerCallback
{
    private readonly Lazy<SummaryWriter> writer; // it makes its file at once

    /// <summary>Creates a log.</summary>
    /// <param name="folder">The folder of the run. It is made with the first figure or image.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is empty.</exception>
    public TensorBoardLog(string folder)
        : base(order: 60)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        writer = new(() => utils.tensorboard.SummaryWriter(folder));
    }

    /// <inheritdoc/>
    public override bool TakesPartInSearch => false;

    /// <inheritdoc/>
    public override bool RunsOnFirstRankAlone => true;

    /// <summary>
    /// Logs an image, such as a mixed batch: <c>log.AddImage("batch", step.Draw.Mix.Picture(images).ToTensor(), epoch)</c>.
    /// </summary>
    /// <param name="name">The name in TensorBoard.</param>
    /// <param name="image">[3, H, W] or [1, H, W] of bytes, on any device. It is not disposed.</param>
    /// <param name="step">The epoch or batch of the image, from 0.</param>
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
                $"The image is {image.dtype} {Shapes.Text(image)}; expected bytes [3, H, W] or [1, H, W]. " +
                "Convert values from 0 to 1 by mul(255).to(torch.uint8).",
                nameof(image));
        }

        using var scope = NewDisposeScope();
        try
        {
            writer.Value.add_img(name, image.cpu(), step);
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
    public override void AfterEpoch(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Record is not { } record)
        {
            return;
        }

        foreach (var (name, value) in record.Values.Append(new("learning_rate", record.LearningRate)))
        {
            writer.Value.add_scalar(name, (float)value, state.Learner.History.Count - 1);
        }
    }
}
