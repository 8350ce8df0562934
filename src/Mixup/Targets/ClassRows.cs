using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Converts class ids to rows of probabilities, for losses that compare value by value.</summary>
internal static class ClassRows
{
    /// <summary>Returns whether a target holds class ids [B, ...] for a prediction [B, K, ...].</summary>
    public static bool FitIds(Tensor target, Tensor prediction) =>
        target.dtype != ScalarType.Bool && Check.IsInteger(target) && prediction.dim() == target.dim() + 1
        && prediction.shape.AsSpan(2).SequenceEqual(target.shape.AsSpan(1));

    /// <summary>
    /// Makes the rows: <c>1 - s + s / K</c> for the class, <c>s / K</c> for all others (Szegedy et al. 2016, section 7; timm).
    /// </summary>
    /// <param name="ids">The class ids, [B, ...], of an integer type.</param>
    /// <param name="classes">K, the number of classes.</param>
    /// <param name="wide">The type of the rows.</param>
    /// <param name="smoothing">The label smoothing s, from 0 to 1.</param>
    /// <returns>The rows, [B, K, ...].</returns>
    /// <exception cref="ArgumentException">
    /// There are fewer than two classes, or an id is not one of them. Ids are only checked on the CPU.
    /// </exception>
    public static Tensor Of(Tensor ids, long classes, ScalarType wide, double smoothing)
    {
        if (classes < 2)
        {
            throw Check.Error(
                "prediction",
                $"The prediction has one class, but the target holds class ids {Check.Shape(ids)}; expected two or more. For a binary " +
                "label give floating-point targets of the prediction's shape.");
        }

        CheckIds(ids, classes);

        // one_hot would read the ids back from the device to check them.
        var off = smoothing / classes;
        var rows = Scalars.Full([ids.size(0), classes, .. ids.shape[1..]], off, wide, ids.device);
        var columns = ids.to(ScalarType.Int64).unsqueeze(1);
        return rows.scatter_(1, columns, Scalars.Full([1], 1 - smoothing + off, wide, ids.device).expand(columns.shape));
    }

    private static void CheckIds(Tensor ids, long classes)
    {
        if (ids.device_type != DeviceType.CPU || ids.numel() == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var (least, most) = (ids.min().to(ScalarType.Int64).item<long>(), ids.max().to(ScalarType.Int64).item<long>());
        if (least < 0 || most >= classes)
        {
            throw Check.Error(
                "target",
                $"Class id {(least < 0 ? least : most)} is not one of the {classes} classes of the prediction, 0 to {classes - 1}. " +
                "Rows of probabilities have no ignore_index. Use CrossEntropyLoss, or leave such samples out.");
        }
    }
}
