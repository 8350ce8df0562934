using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace TorchSharp.Mixup;

/// <summary>The two class ids of every row as two columns, and what each of them weighs.</summary>
/// <param name="Columns">[R, 2, ...]: whose log-probabilities to gather; ignored ones are replaced by any that is there.</param>
/// <param name="Weights">[R, 2, ...]: lambda and 1 - lambda, times the class weight; 0 for what is ignored.</param>
/// <param name="Shares">[R, 2, ...]: lambda and 1 - lambda; 0 for what is ignored.</param>
/// <param name="MayBeInfinite">Whether a column of weight 0 may point at a value that is infinite.</param>
internal sealed record PairedClasses(Tensor Columns, Tensor Weights, Tensor Shares, bool MayBeInfinite)
{
    /// <summary>By torch alone: nothing is read back.</summary>
    public static PairedClasses OnDevice(MixedTarget target, Tensor? classWeight, long ignored, ScalarType wide)
    {
        var (own, partner) = target.Pair(target.Unmixed.to(ScalarType.Int64));
        var pairs = stack([own, partner], 1);
        var columns = pairs.masked_fill(pairs.Is(ignored), Scalars.Zero);
        var like = columns.to(wide);
        var shares = pairs.Is(ignored).bitwise_not().to(wide).mul(target.WeightsOfPairs(like));
        return new PairedClasses(
            columns,
            classWeight is null ? shares : shares.mul(classWeight.to(wide).index(TensorIndex.Tensor(columns))),
            shares,
            MayBeInfinite: true);
    }

    /// <summary>
    /// Where the class ids are in ordinary memory anyway, one loop is faster than ten small operations, and can say which id is wrong.
    /// </summary>
    /// <exception cref="ArgumentException">A class id is neither ignored nor one of the K classes.</exception>
    public static PairedClasses OnHost(MixedTarget target, Tensor? classWeight, long ignored, long classCount, ScalarType wide)
    {
        long[] shape = [target.Mix.Rows, 2, .. target.Unmixed.shape[1..]];
        var columns = empty(shape, ScalarType.Int64, CPU);
        var weights = empty(shape, wide, CPU);
        var shares = empty(shape, wide, CPU);
        var anyIsZero = wide == ScalarType.Float64
            ? Fill<double>(target, classWeight, ignored, classCount, columns, weights, shares).AnyIsZero
            : Fill<float>(target, classWeight, ignored, classCount, columns, weights, shares).AnyIsZero;
        return new PairedClasses(columns, weights, shares, MayBeInfinite: anyIsZero);
    }

    /// <summary>
    /// The mean loss, without label smoothing, of log-probabilities [R, K, ...] where the class ids are in ordinary memory: the sum of the
    /// picked ones, each by its share of all weights.
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

        // Of nothing: not a number, with a gradient of 0, as torch has it.
        return count == 0 ? mean.Plus(double.NaN) : mean;
    }

    /// <summary>Fills the columns and their weights.</summary>
    /// <returns>The sum of the weights, and whether any of them is 0.</returns>
    private static (double Total, bool AnyIsZero) Fill<T>(
        MixedTarget target, Tensor? classWeight, long ignored, long classCount, Tensor columnsOf, Tensor weightsOf, Tensor sharesOf)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var mix = target.Mix;
        var classes = target.Unmixed.to(ScalarType.Int64).contiguous();
        var ids = MemoryMarshal.Cast<byte, long>(classes.bytes);
        var table = classWeight is null
            ? []
            : MemoryMarshal.Cast<byte, double>(classWeight.to(ScalarType.Float64).cpu().contiguous().bytes);
        var columns = MemoryMarshal.Cast<byte, long>(columnsOf.bytes);
        var shares = MemoryMarshal.Cast<byte, T>(sharesOf.bytes);
        var weights = MemoryMarshal.Cast<byte, T>(weightsOf.bytes);
        var (total, anyIsZero, each) = (0.0, false, ids.Length / mix.BatchSize);
        for (int row = 0, a = 0; row < columns.Length / (2 * each); row++, a += each)
        {
            var (sample, partnerOfSample, lambda) = mix.Row(row);

            // What is too small for the type is 0, in the choice of columns as well.
            var (share, rest) = typeof(T) == typeof(float) ? ((float)lambda, (float)(1 - lambda)) : (lambda, 1 - lambda);
            var (own, partner) = (sample * each, partnerOfSample * each);
            for (var i = 0; i < each; i++, own++, partner++, a++)
            {
                var (idOfOwn, idOfPartner) = (ids[own], ids[partner]);
                var (shareOfOwn, shareOfPartner) = (
                    Counting(idOfOwn, ignored, classCount, share), Counting(idOfPartner, ignored, classCount, rest));
                var weightOfOwn = table.Length == 0 || shareOfOwn == 0 ? shareOfOwn : shareOfOwn * table[(int)idOfOwn];
                var weightOfPartner = table.Length == 0 || shareOfPartner == 0 ? shareOfPartner : shareOfPartner * table[(int)idOfPartner];

                // What does not count points at what does.
                columns[a] = weightOfOwn != 0 ? idOfOwn : weightOfPartner != 0 ? idOfPartner : 0;
                columns[a + each] = weightOfPartner != 0 ? idOfPartner : columns[a];
                anyIsZero |= weightOfOwn == 0 || weightOfPartner == 0;
                (shares[a], shares[a + each]) = (Cast<T>(shareOfOwn), Cast<T>(shareOfPartner));
                (weights[a], weights[a + each]) = (Cast<T>(weightOfOwn), Cast<T>(weightOfPartner));
                total += weightOfOwn + weightOfPartner;
            }
        }

        return (total, anyIsZero);
    }

    private static int FillAndScale<T>(
        MixedTarget target, Tensor? classWeight, long ignored, long classCount, Tensor positions, Tensor weights)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var total = Fill<T>(target, classWeight, ignored, classCount, positions, weights, weights).Total;
        return Scale<T>(positions, weights, total, target, classCount);
    }

    /// <summary>
    /// Makes positions in a contiguous [R, K, ...] of the columns, and weights of which the picked values have only to be summed.
    /// </summary>
    /// <returns>How many there are: what has the weight 0 is left out, since 0 times an infinite value is not a number.</returns>
    private static int Scale<T>(Tensor positionsOf, Tensor weightsOf, double total, MixedTarget target, long classCount)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var positions = MemoryMarshal.Cast<byte, long>(positionsOf.bytes);
        var weights = MemoryMarshal.Cast<byte, T>(weightsOf.bytes);
        var divisor = Cast<T>(-1 / total);
        var each = positions.Length / (2 * target.Mix.Rows);
        var count = 0;
        for (var (at, first) = (0, 0L); at < positions.Length; first += classCount * each)
        {
            for (var i = 0; i < 2 * each; i++, at++)
            {
                if (weights[at] != T.Zero)
                {
                    (positions[count], weights[count]) = (
                        first + (positions[at] * each) + (i < each ? i : i - each), weights[at] * divisor);
                    count++;
                }
            }
        }

        return count;
    }

    // What T.CreateTruncating does, but seen through by the compiler.
    private static T Cast<T>(double value)
        where T : unmanaged => typeof(T) == typeof(float) ? (T)(object)(float)value : (T)(object)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Counting(long id, long ignored, long classCount, double share) =>
        id == ignored ? 0 : (ulong)id < (ulong)classCount ? share : throw Unknown(id, classCount);

    private static ArgumentException Unknown(long id, long classCount) => Check.Error(
        "target",
        $"Class id {id} is not one of the {classCount} classes of the prediction, 0 to {classCount - 1}; to ignore it, set ignore_index.");
}
