using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What pairings read of a target.</summary>
internal static class TargetValues
{
    /// <summary>The class of each sample.</summary>
    public static int[] Classes(Tensor target)
    {
        if (target.dim() > 2 || !(Check.IsInteger(target) || IsReal(target)))
        {
            throw NoClasses(target);
        }

        var rows = Read(target);
        var areIds = Check.IsInteger(target) && rows[0].Length == 1;
        if (!areIds && Array.Exists(rows, row => Array.Exists(row, value => value is not (0 or 1))))
        {
            throw NoClasses(target);
        }

        Dictionary<string, int> known = [];
        return Array.ConvertAll(rows, row =>
        {
            var key = string.Concat(MemoryMarshal.Cast<double, char>(row).ToArray());
            return known.TryGetValue(key, out var number) ? number : known[key] = known.Count;
        });
    }

    /// <summary>The values of each sample.</summary>
    public static double[][] Numbers(Tensor target)
    {
        if (!IsReal(target))
        {
            throw Check.Error(
                "target",
                $"A target {target.dtype} {Check.Shape(target)} has no distances, since integers are class ids; " +
                "expected a floating type. " +
                "Convert counts by to(ScalarType.Float32), or choose Pairing.WithinClass.");
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
        if (target.device_type == DeviceType.META)
        {
            throw Check.Error(
                "target",
                "The target is on the META device, which holds no values to look at. " +
                "Give it on another device, or choose a pairing that does not look at targets.");
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var batch = (int)target.size(0);

        // Adding 0 makes one number of 0 and -0.
        var values = target.detach().to(ScalarType.Float64).add(0).cpu().contiguous().data<double>().ToArray();
        var width = values.Length / batch;
        return [.. Enumerable.Range(0, batch).Select(i => values[(i * width)..((i + 1) * width)])];
    }

    private static ArgumentException NoClasses(Tensor target) => Check.Error(
        "target",
        $"A target {target.dtype} {Check.Shape(target)} does not tell the class of each sample; " +
        "expected class ids [B], or rows of zeros and ones [B, K]. Choose Pairing.SimilarTargets for regression, or another pairing.");
}
