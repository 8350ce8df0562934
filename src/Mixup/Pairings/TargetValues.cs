using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Reads the values of a target for pairings.</summary>
internal static class TargetValues
{
    /// <summary>Returns the class of each sample.</summary>
    public static int[] Classes(Tensor target)
    {
        if (target.dim() > 2 || target.numel() == 0 || !(Check.IsInteger(target) || IsReal(target)))
        {
            throw NoClasses(target);
        }

        if (Check.IsInteger(target) && target.numel() == target.size(0))
        {
            return Numbered(Values<long>(target, ScalarType.Int64)); // float64 cannot represent every id
        }

        var rows = Read(target);
        if (Array.Exists(rows, row => Array.Exists(row, value => value is not (0 or 1))))
        {
            throw NoClasses(target);
        }

        return Numbered(Array.ConvertAll(rows, row => string.Concat(row.Select(value => value == 1 ? '1' : '0'))));
    }

    private static int[] Numbered<T>(T[] classes)
        where T : notnull
    {
        Dictionary<T, int> known = [];
        return Array.ConvertAll(classes, one => known.TryGetValue(one, out var number) ? number : known[one] = known.Count);
    }

    /// <summary>Returns the values of each sample.</summary>
    public static double[][] Numbers(Tensor target)
    {
        if (target.numel() == 0)
        {
            throw Check.Error(
                "target", $"A target {Check.Shape(target)} has no values, so it has no distances. Give one value or more for each sample.");
        }

        if (!IsReal(target))
        {
            throw Check.Error(
                "target",
                $"A target {target.dtype} {Check.Shape(target)} has no distances, since integers are class ids; " +
                "expected a floating-point type. Convert counts by to(ScalarType.Float32), or choose Pairing.WithinClass.");
        }

        var rows = Read(target);
        return !Array.Exists(rows, row => !Array.TrueForAll(row, double.IsFinite))
            ? rows
            : throw Check.Error(
                "target",
                $"A target {Check.Shape(target)} has values that are not finite numbers, so they have no distance. " +
                "Leave these samples out of the batch, or choose another pairing.");
    }

    private static bool IsReal(Tensor target) =>
        target.dtype is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64;

    private static double[][] Read(Tensor target)
    {
        var (batch, values) = ((int)target.size(0), Values<double>(target, ScalarType.Float64));
        var width = values.Length / batch;
        return [.. Enumerable.Range(0, batch).Select(i => values[(i * width)..((i + 1) * width)])];
    }

    private static T[] Values<T>(Tensor target, ScalarType type)
        where T : unmanaged
    {
        if (target.device_type == DeviceType.META)
        {
            throw Check.Error(
                "target",
                "The target is on the META device, which holds no values to look at. " +
                "Give it on another device, or choose a pairing that does not look at targets.");
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return target.detach().to(type).cpu().contiguous().data<T>().ToArray();
    }

    private static ArgumentException NoClasses(Tensor target) => Check.Error(
        "target",
        $"A target {target.dtype} {Check.Shape(target)} does not give the class of each sample; expected class ids [B], or rows of " +
        "zeros and ones [B, K]. Choose Pairing.SimilarTargets for regression, or another pairing.");
}
