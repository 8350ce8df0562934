using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace TorchSharp.Mixup;

/// <summary>The two class ids of every row as two columns, and their weights.</summary>
/// <param name="Columns">[R, 2, ...]: the class ids, as columns to gather. An ignored id is replaced by any valid one.</param>
/// <param name="Weights">[R, 2, ...]: lambda and 1 - lambda, times the class weight; 0 for ignored ids.</param>
/// <param name="Lambdas">[R, 2, ...]: lambda and 1 - lambda, without class weights; 0 for ignored ids.</param>
/// <param name="MayBeInfinite">Whether a column of weight 0 may gather an infinite value.</param>
internal sealed record PairedClasses(Tensor Columns, Tensor Weights, Tensor Lambdas, bool MayBeInfinite)
{
    /// <summary>Computes the pairs on the device of the target, without reading anything back to the host.</summary>
    public static PairedClasses OnDevice(MixedTarget target, Tensor? classWeight, long ignored, ScalarType wide)
    {
        var (own, partner) = target.Pair(target.Unmixed.to(ScalarType.Int64));
        var pairs = stack([own, partner], 1);
        var columns = pairs.masked_fill(pairs.Is(ignored), Scalars.Zero);
        var lambdas = pairs.Is(ignored).bitwise_not().to(wide).mul(target.WeightsOfPairs(columns.to(wide)));
        return new PairedClasses(
            columns,
            classWeight is null ? lambdas : lambdas.mul(classWeight.to(wide).index(TensorIndex.Tensor(columns))),
            lambdas,
            MayBeInfinite: true);
    }

    /// <summary>Computes the pairs on the CPU. One loop is faster than ten small operations, and an error can name the wrong id.</summary>
    /// <exception cref="ArgumentException">A class id is neither ignored nor one of the K classes.</exception>
    public static PairedClasses OnHost(MixedTarget target, Tensor? classWeight, long ignored, long classCount, ScalarType wide)
    {
        long[] shape = [target.Mix.Rows, 2, .. target.Unmixed.shape[1..]];
        var columns = empty(shape, ScalarType.Int64, CPU);
        var weights = empty(shape, wide, CPU);
        var lambdas = empty(shape, wide, CPU);
        var anyIsZero = wide == ScalarType.Float64
            ? Fill<double>(target, classWeight, ignored, classCount, columns, weights, lambdas).AnyIsZero
            : Fill<float>(target, classWeight, ignored, classCount, columns, weights, lambdas).AnyIsZero;
        return new PairedClasses(columns, weights, lambdas, MayBeInfinite: anyIsZero);
    }

    /// <summary>
    /// Computes the mean loss, without label smoothing, from log-probabilities [R, K, ...] and class ids on the CPU. Each gathered
    /// log-probability is multiplied by its weight over the total weight, and all are summed.
    /// </summary>
    /// <exception cref="ArgumentException">A class id is neither ignored nor one of the K classes.</exception>
    public static Tensor MeanOnHost(Tensor logProbabilities, MixedTarget target, Tensor? classWeight, long ignored)
    {
        long[] shape = [2 * target.Mix.Rows * (target.Unmixed.numel() / target.Mix.BatchSize)];
        var positions = empty(shape, ScalarType.Int64, CPU);
        var weights = empty(shape, logProbabilities.dtype, CPU);
        var count = logProbabilities.dtype == ScalarType.Float64
            ? FillAndScale<double>(target, classWeight, ignored, logProbabilities.size(1), positions, weights)
            : FillAndScale<float>(target, classWeight, ignored, logProbabilities.size(1), positions, weights);
        if (count < shape[0])
        {
            (positions, weights) = (positions.narrow(0, 0, count), weights.narrow(0, 0, count));
        }

        var mean = logProbabilities.take(positions).dot(weights);

        // If all ids are ignored the mean is NaN and its gradient is 0, as in torch.
        return count == 0 ? mean.Plus(double.NaN) : mean;
    }

    /// <summary>Computes the total weight by which the mean divides, from class ids on the CPU.</summary>
    /// <returns>A float64 scalar.</returns>
    /// <exception cref="ArgumentException">A class id is neither ignored nor one of the K classes.</exception>
    public static Tensor TotalOnHost(MixedTarget target, Tensor? classWeight, long ignored, long classCount, ScalarType wide)
    {
        long[] shape = [2 * target.Mix.Rows * (target.Unmixed.numel() / target.Mix.BatchSize)];
        var (columns, weights) = (empty(shape, ScalarType.Int64, CPU), empty(shape, wide, CPU));
        var total = wide == ScalarType.Float64
            ? Fill<double>(target, classWeight, ignored, classCount, columns, weights, lambdasOf: null).Total
            : Fill<float>(target, classWeight, ignored, classCount, columns, weights, lambdasOf: null).Total;
        return Scalars.Full([], total, ScalarType.Float64, CPU);
    }

    /// <summary>Fills the columns and their weights.</summary>
    /// <returns>The sum of the weights, and whether any of them is 0.</returns>
    private static (double Total, bool AnyIsZero) Fill<T>(
        MixedTarget target, Tensor? classWeight, long ignored, long classCount, Tensor columnsOf, Tensor weightsOf, Tensor? lambdasOf)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var mix = target.Mix;
        var classes = target.Unmixed.to(ScalarType.Int64).contiguous();
        var ids = MemoryMarshal.Cast<byte, long>(classes.bytes);
        var table = classWeight is null
            ? []
            : MemoryMarshal.Cast<byte, double>(classWeight.to(ScalarType.Float64).cpu().contiguous().bytes);
        var columns = MemoryMarshal.Cast<byte, long>(columnsOf.bytes);
        var lambdas = lambdasOf is null ? [] : MemoryMarshal.Cast<byte, T>(lambdasOf.bytes);
        var weights = MemoryMarshal.Cast<byte, T>(weightsOf.bytes);

        // Each row holds the ids of all cells of the sample, then those of the partner.
        var (total, anyIsZero, cells) = (0.0, false, ids.Length / mix.BatchSize);
        for (int row = 0, at = 0; row < columns.Length / (2 * cells); row++, at += cells)
        {
            var (sample, partnerOfSample, lambda) = mix.Row(row);

            // A lambda too small for the type is 0 in the choice of columns as well.
            var (lambdaOfRow, rest) = typeof(T) == typeof(float) ? ((float)lambda, (float)(1 - lambda)) : (lambda, 1 - lambda);
            var (own, partner) = (sample * cells, partnerOfSample * cells);
            for (var i = 0; i < cells; i++, own++, partner++, at++)
            {
                var (idOfOwn, idOfPartner) = (ids[own], ids[partner]);
                var (lambdaOfOwn, lambdaOfPartner) = (
                    ZeroIfIgnored(idOfOwn, ignored, classCount, lambdaOfRow), ZeroIfIgnored(idOfPartner, ignored, classCount, rest));
                var weightOfOwn = table.Length == 0 || lambdaOfOwn == 0 ? lambdaOfOwn : lambdaOfOwn * table[(int)idOfOwn];
                var weightOfPartner = table.Length == 0 || lambdaOfPartner == 0
                    ? lambdaOfPartner
                    : lambdaOfPartner * table[(int)idOfPartner];

                // A column of weight 0 repeats the other one, so that it gathers a value that is used anyway.
                columns[at] = weightOfOwn != 0 ? idOfOwn : weightOfPartner != 0 ? idOfPartner : 0;
                columns[at + cells] = weightOfPartner != 0 ? idOfPartner : columns[at];
                anyIsZero |= weightOfOwn == 0 || weightOfPartner == 0;
                if (lambdasOf is not null)
                {
                    (lambdas[at], lambdas[at + cells]) = (Cast<T>(lambdaOfOwn), Cast<T>(lambdaOfPartner));
                }

                (weights[at], weights[at + cells]) = (Cast<T>(weightOfOwn), Cast<T>(weightOfPartner));
                total += weightOfOwn + weightOfPartner;
            }
        }

        return (total, anyIsZero);
    }

    private static int FillAndScale<T>(
        MixedTarget target, Tensor? classWeight, long ignored, long classCount, Tensor positions, Tensor weights)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var total = Fill<T>(target, classWeight, ignored, classCount, positions, weights, lambdasOf: null).Total;
        return Scale<T>(positions, weights, total, target, classCount);
    }

    /// <summary>Converts the columns to positions in a contiguous [R, K, ...], and divides the weights by the negative total.</summary>
    /// <returns>The number of positions. Those of weight 0 are left out, since 0 times an infinite value is NaN.</returns>
    private static int Scale<T>(Tensor positionsOf, Tensor weightsOf, double total, MixedTarget target, long classCount)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var positions = MemoryMarshal.Cast<byte, long>(positionsOf.bytes);
        var weights = MemoryMarshal.Cast<byte, T>(weightsOf.bytes);
        var divisor = Cast<T>(-1 / total);
        var cells = positions.Length / (2 * target.Mix.Rows);
        var count = 0;
        for (var (at, first) = (0, 0L); at < positions.Length; first += classCount * cells)
        {
            for (var i = 0; i < 2 * cells; i++, at++)
            {
                if (weights[at] != T.Zero)
                {
                    (positions[count], weights[count]) = (
                        first + (positions[at] * cells) + (i < cells ? i : i - cells), weights[at] * divisor);
                    count++;
                }
            }
        }

        return count;
    }

    // The same as T.CreateTruncating, but the compiler can inline it.
    private static T Cast<T>(double value)
        where T : unmanaged => typeof(T) == typeof(float) ? (T)(object)(float)value : (T)(object)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double ZeroIfIgnored(long id, long ignored, long classCount, double lambda) =>
        id == ignored ? 0 : (ulong)id < (ulong)classCount ? lambda : throw UnknownClass(id, classCount);

    private static ArgumentException UnknownClass(long id, long classCount) => Check.Error(
        "target",
        $"Class id {id} is not one of the {classCount} classes of the prediction, 0 to {classCount - 1}; to ignore it, set ignore_index.");
}
