using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Checks of shapes.</summary>
internal static class Shapes
{
    /// <summary>Refuses values that come of [B, 1] against [B], which torch broadcasts to [B, B].</summary>
    /// <returns>The values.</returns>
    public static Tensor Unbroadcast(string what, Tensor values, Tensor prediction, Tensor target) =>
        prediction.numel() != target.numel() || values.numel() <= target.numel() || prediction.shape.SequenceEqual(target.shape)
            ? values
            : throw new ArgumentException(
                $"{what} returned shape {Text(values)} for a prediction of shape {Text(prediction)} and a target of shape " +
                $"{Text(target)}, which broadcast against each other. Reshape one, for instance by squeeze(1) or unsqueeze(1).");

    /// <summary>
    /// Refuses a floating-point target that torch's own losses would broadcast against a prediction with as many values, such as [B]
    /// against [B, 1].
    /// </summary>
    public static void ThrowIfBroadcast(string loss, Tensor prediction, Tensor target)
    {
        if (!target.is_floating_point() || prediction.numel() != target.numel() || prediction.shape.SequenceEqual(target.shape))
        {
            return;
        }

        var rank = (int)Math.Max(prediction.dim(), target.dim());
        long SizeAt(Tensor tensor, int i) => i < rank - tensor.dim() ? 1 : tensor.shape[i - (rank - (int)tensor.dim())];
        var values = Enumerable.Range(0, rank).Aggregate(1L, (product, i) => product * Math.Max(SizeAt(prediction, i), SizeAt(target, i)));
        if (values > target.numel())
        {
            throw new ArgumentException(
                $"{loss} would broadcast a prediction of shape {Text(prediction)} against a target of shape {Text(target)}. " +
                "Reshape one, for instance by squeeze(1) or unsqueeze(1).");
        }
    }

    /// <summary>A shape as text.</summary>
    public static string Text(Tensor tensor) => Text(tensor.shape);

    /// <inheritdoc cref="Text(Tensor)"/>
    public static string Text(long[] shape) => $"[{string.Join(", ", shape)}]";
}
