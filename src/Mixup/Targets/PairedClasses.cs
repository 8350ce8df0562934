using System.Numerics;
using System.Runtime.InteropServices;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace TorchSharp.Mixup;

/// <summary>The two class ids of every row as two columns, and what each of them weighs.</summary>
/// <param name="Columns">[R, 2, ...]: whose log-probabilities to gather; ignored ones are replaced by any that is there.</param>
/// <param name="Weights">[R, 2, ...]: lambda and 1 - lambda, times the class weight; 0 for what is ignored.</param>
/// <param name="Shares">[R, 2, ...]: lambda and 1 - lambda; 0 for what is ignored.</param>
/// <param name="MayBeInfinite">Whether a column of weight 0 may point at a value that is infinite.</param>
/// <param name="IsScaled">Whether the weights are already divided by their sum and negated, so that the sum of weighted values is the mean loss.</param>
internal sealed record PairedClasses(Tensor Columns, Tensor Weights, Tensor Shares, bool MayBeInfinite, bool IsScaled)
{
    /// <summary>The mean loss of the gathered log-probabilities, without label smoothing.</summary>
    public Tensor Mean(Tensor picked) => IsScaled ? picked.mul(Weights).sum() : picked.mul(Weights).sum().div(Weights.sum().neg());

    /// <summary>By torch alone: nothing is read back.</summary>
    public static PairedClasses OnDevice(MixedTarget target, Tensor? classWeight, long ignored, ScalarType wide)
    {
        var mix = target.Mix;
        var classes = target.Target.to(ScalarType.Int64);
        var pairs = stack([mix.Own(classes), mix.Partner(classes)], 1);
        var columns = pairs.masked_fill(pairs.eq(ignored), 0);
        var like = columns.to(wide);
        var shares = pairs.ne(ignored).to(wide).mul(cat([mix.CoefficientsFor(like), mix.PartnerCoefficientsFor(like)], 1));
        return new PairedClasses(columns, classWeight is null ? shares : shares.mul(classWeight.to(wide).index(TensorIndex.Tensor(columns))), shares, MayBeInfinite: true, IsScaled: false);
    }

    /// <summary>Where the class ids are in ordinary memory anyway, one loop is faster than ten small operations, and can say which id is wrong.</summary>
    /// <exception cref="ArgumentException">A class id is neither ignored nor one of the K classes.</exception>
    public static PairedClasses OnHost(MixedTarget target, Tensor? classWeight, long ignored, long classCount, ScalarType wide, bool scale)
    {
        var mix = target.Mix;
        var classes = target.Target.dtype == ScalarType.Int64 && target.Target.is_contiguous() ? target.Target : target.Target.to(ScalarType.Int64).contiguous();
        long[] shape = classes.dim() == 1 ? [mix.Rows, 2] : [mix.Rows, 2, .. classes.shape[1..]];
        var columns = empty(shape, ScalarType.Int64, CPU);
        var weights = empty(shape, wide, CPU);
        var shares = classWeight is null ? weights : empty(shape, wide, CPU);
        var ids = MemoryMarshal.Cast<byte, long>(classes.bytes);
        var classWeights = classWeight?.to(ScalarType.Float64).cpu().contiguous();
        var table = classWeights is null ? [] : MemoryMarshal.Cast<byte, double>(classWeights.bytes);
        if (classWeights is not null && table.Length != classCount)
        {
            throw new ArgumentException($"the loss has {table.Length} class weights, but the prediction {classCount} classes; give one weight for each class.");
        }

        var infinite = wide == ScalarType.Float64
            ? Fill<double>(mix, ids, table, ignored, classCount, columns, weights, shares, scale)
            : Fill<float>(mix, ids, table, ignored, classCount, columns, weights, shares, scale);
        return new PairedClasses(columns, weights, shares, infinite, scale);
    }

    private static bool Fill<T>(Mix mix, ReadOnlySpan<long> ids, ReadOnlySpan<double> classWeights, long ignored, long classCount, Tensor columnsOf, Tensor weightsOf, Tensor sharesOf, bool scale)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var columns = MemoryMarshal.Cast<byte, long>(columnsOf.bytes);
        var weights = MemoryMarshal.Cast<byte, T>(weightsOf.bytes);
        var shares = ReferenceEquals(weightsOf, sharesOf) ? weights : MemoryMarshal.Cast<byte, T>(sharesOf.bytes);
        var (coefficients, permutation) = (mix.Coefficients.ToArray(), mix.Permutation.ToArray());
        var infinite = false;
        var total = 0.0;
        var each = ids.Length / mix.BatchSize;
        for (var row = 0; row < mix.Rows; row++)
        {
            var sample = row % mix.BatchSize;
            var lambda = row < mix.BatchSize ? coefficients[sample] : 1 - coefficients[sample];
            var own = ids.Slice(sample * each, each);
            var partner = ids.Slice((int)permutation[sample] * each, each);
            for (var i = 0; i < each; i++)
            {
                var (a, b) = ((2 * row * each) + i, (((2 * row) + 1) * each) + i);
                var shareOfOwn = own[i] == ignored ? 0 : lambda;
                var shareOfPartner = partner[i] == ignored ? 0 : 1 - lambda;
                if ((own[i] != ignored && (ulong)own[i] >= (ulong)classCount) || (partner[i] != ignored && (ulong)partner[i] >= (ulong)classCount))
                {
                    throw Unknown((ulong)own[i] >= (ulong)classCount && own[i] != ignored ? own[i] : partner[i], classCount);
                }

                var weightOfOwn = classWeights.Length == 0 || shareOfOwn == 0 ? shareOfOwn : shareOfOwn * classWeights[(int)own[i]];
                var weightOfPartner = classWeights.Length == 0 || shareOfPartner == 0 ? shareOfPartner : shareOfPartner * classWeights[(int)partner[i]];

                // What does not count points at what does.
                columns[a] = weightOfOwn != 0 ? own[i] : weightOfPartner != 0 ? partner[i] : 0;
                columns[b] = weightOfPartner != 0 ? partner[i] : columns[a];
                infinite |= weightOfOwn == 0 && weightOfPartner == 0;
                (shares[a], shares[b]) = (T.CreateTruncating(shareOfOwn), T.CreateTruncating(shareOfPartner));
                (weights[a], weights[b]) = (T.CreateTruncating(weightOfOwn), T.CreateTruncating(weightOfPartner));
                total += weightOfOwn + weightOfPartner;
            }
        }

        if (scale)
        {
            var divisor = T.CreateTruncating(-1 / total);
            for (var i = 0; i < weights.Length; i++)
            {
                weights[i] *= divisor;
            }
        }

        return infinite;
    }

    private static ArgumentException Unknown(long id, long classCount) =>
        new($"class id {id} is not one of the {classCount} classes of the prediction, 0 to {classCount - 1}; to ignore it, set ignore_index.");
}
