using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The draw for one batch: a coefficient <c>lambda[i]</c> for each sample, and a pairing <c>p</c>. It blends any floating tensor whose
/// first dimension is the batch, <c>lambda[i] * x[i] + (1 - lambda[i]) * x[p(i)]</c> (Zhang et al. 2018, equation 1; Verma et al. 2019,
/// section 2), and knows nothing of models, losses or training.
/// </summary>
/// <remarks>
/// The draw itself is kept in ordinary memory, so reading it costs no device synchronisation. Copies for a device are made on first use and
/// freed by <see cref="Dispose"/>, after which the mix can still be read and used again. Not thread-safe.
/// </remarks>
public sealed class Mix : IDisposable
{
    private readonly double[] coefficients;
    private readonly long[] permutation;
    private readonly LinearMap map;
    private readonly DeviceWeights rows;
    private readonly bool hasCopies;

    /// <summary>Takes a given draw, instead of one that was sampled.</summary>
    /// <param name="coefficients">lambda of each of the B samples, from 0 to 1: the weight of the sample itself.</param>
    /// <param name="permutation">The partner of each of the B samples: every index from 0 to B - 1 once.</param>
    /// <param name="twoOutputs">Whether each pair gives both its combinations: <c>lambda</c> and, in rows B to 2B - 1, <c>1 - lambda</c>. Default false.</param>
    /// <exception cref="ArgumentException">The batch is empty, the lengths differ, a coefficient is outside [0, 1] or not a number, or <paramref name="permutation"/> is not one.</exception>
    public Mix(ReadOnlySpan<double> coefficients, ReadOnlySpan<long> permutation, bool twoOutputs = false)
    {
        this.coefficients = coefficients.ToArray();
        this.permutation = permutation.ToArray();
        Validate(this.coefficients, this.permutation);
        var others = Array.ConvertAll(this.coefficients, lambda => 1 - lambda);
        var first = new Combination(this.coefficients, others, this.permutation);
        if (twoOutputs)
        {
            map = new BothOutputs(first, new Combination(others, this.coefficients, this.permutation));
            rows = new DeviceWeights([.. this.coefficients, .. others], [.. others, .. this.coefficients], [.. this.permutation, .. this.permutation]);
        }
        else
        {
            (map, rows) = (first, first.OnDevices);
        }

        IsMixed = twoOutputs || Array.Exists(this.coefficients, lambda => lambda != 1);

        // In float32, in which most values are weighed: what is smaller than its least number is 0 there.
        hasCopies = Array.Exists(this.coefficients, lambda => (float)lambda == 0 || (float)(1 - lambda) == 0);
    }

    /// <summary>B, the number of samples in the batch.</summary>
    public int BatchSize => coefficients.Length;

    /// <summary>How many rows a blended tensor has: B, or 2B where each pair gives both its combinations.</summary>
    public int Rows => map is BothOutputs ? 2 * BatchSize : BatchSize;

    /// <summary>lambda of each of the B samples, from 0 to 1: the weight of the sample itself.</summary>
    public ReadOnlySpan<double> Coefficients => coefficients;

    /// <summary>The partner of each of the B samples.</summary>
    public ReadOnlySpan<long> Permutation => permutation;

    /// <summary>Blends each sample with its partner. Differentiable, with a backward pass that only gathers, so it is deterministic on every device.</summary>
    /// <param name="tensor">[B, ...] of any rank from 1, float16, bfloat16, float32 or float64. Not modified.</param>
    /// <returns>
    /// A new tensor of the same shape, type, device and memory layout; [2B, ...] if each pair gives two outputs. Blended in at least float32, and rounded once.
    /// </returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, its first dimension is not B, or its type is not one of these four.</exception>
    public Tensor Blend(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        CheckBlendable(tensor);
        return BlendFunction.Apply(map, tensor);
    }

    /// <summary>The samples themselves, for each row of a blended tensor: the tensor as it is, or twice in a row if each pair gives two outputs.</summary>
    /// <param name="tensor">[B, ...] of any rank from 1 and of any type.</param>
    /// <returns>The same tensor, or a new one of 2B rows.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or its first dimension is not B.</exception>
    public Tensor Own(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Check.HasBatch(tensor, BatchSize, "the tensor to pair up");
        return Rows == BatchSize ? tensor : cat([tensor, tensor]);
    }

    /// <summary>The partners, for each row of a blended tensor: <c>tensor[p]</c>.</summary>
    /// <param name="tensor">[B, ...] of any rank from 1 and of any type.</param>
    /// <returns>A new tensor of the same type and device, with as many rows as a blended one.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or its first dimension is not B.</exception>
    public Tensor Partner(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Check.HasBatch(tensor, BatchSize, "the tensor to pair up");
        return tensor.index(TensorIndex.Tensor(rows.Partners(tensor.device)));
    }

    /// <summary>
    /// The mask that fits a blended sequence: a place is padding where it is padding in both of a pair. A sample that is not mixed (lambda 1) keeps its own mask.
    /// </summary>
    /// <param name="mask">[B, ...], boolean.</param>
    /// <param name="trueIsPadding">Whether true marks padding, as in torch's <c>src_key_padding_mask</c>; otherwise true marks what is there. Default true.</param>
    /// <returns>A new mask, with as many rows as a blended tensor.</returns>
    /// <exception cref="ArgumentException">The mask is not boolean, or its first dimension is not B.</exception>
    public Tensor UniteMask(Tensor mask, bool trueIsPadding = true)
    {
        ArgumentNullException.ThrowIfNull(mask);
        Check.HasBatch(mask, BatchSize, "the mask");
        if (mask.dtype != ScalarType.Bool)
        {
            throw new ArgumentException($"the mask is of type {mask.dtype}; a boolean one is expected. Convert it by mask.to(ScalarType.Bool), and say what true means.", nameof(mask));
        }

        using var scope = NewDisposeScope();
        var (own, partner) = (Own(mask), Partner(mask));
        var (ownCounts, partnerCounts) = (rows.Own(own).ne(0), rows.Other(own).ne(0));
        var united = trueIsPadding
            ? own.bitwise_or(ownCounts.bitwise_not()).bitwise_and(partner.bitwise_or(partnerCounts.bitwise_not()))
            : own.bitwise_and(ownCounts).bitwise_or(partner.bitwise_and(partnerCounts));
        return united.MoveToOuterDisposeScope();
    }

    /// <summary>Whether any row is not simply its own sample.</summary>
    internal bool IsMixed { get; }

    /// <summary>
    /// The samples themselves and the partners, for each row of a blended tensor; but where a weight is 0 the other one stands in, since a loss of what does not count may be infinite.
    /// </summary>
    internal (Tensor Own, Tensor Partner) PairUp(Tensor tensor)
    {
        if (!hasCopies)
        {
            return (Own(tensor), Partner(tensor));
        }

        var (owns, partners) = (new long[Rows], new long[Rows]);
        for (var row = 0; row < Rows; row++)
        {
            var (sample, partner) = (row % BatchSize, permutation[row % BatchSize]);
            var lambda = row < BatchSize ? coefficients[sample] : 1 - coefficients[sample];
            (owns[row], partners[row]) = ((float)lambda == 0 ? partner : sample, (float)(1 - lambda) == 0 ? sample : partner);
        }

        Tensor Gather(long[] index) => tensor.index(TensorIndex.Tensor(torch.tensor(index).to(tensor.device, non_blocking: true)));
        return (Gather(owns), Gather(partners));
    }

    /// <summary>The weights of the samples themselves and of the partners, each [rows, 1, ...] to broadcast against a tensor: views that must not be changed.</summary>
    internal Tensor[] WeightsOf(Tensor like) => [rows.Own(like), rows.Other(like)];

    /// <summary>Weighs values against both targets. What has the weight 0 does not count, even if it is infinite.</summary>
    internal Tensor Weigh(Tensor own, Tensor partner)
    {
        Tensor Part(Tensor values, Tensor weights) => hasCopies ? values.mul(weights).masked_fill(weights.eq(0), 0) : values.mul(weights);
        return Part(own, rows.Own(own)).add(Part(partner, rows.Other(partner)));
    }

    /// <summary>Makes a tensor of the weights of the samples themselves, which broadcasts against another.</summary>
    /// <param name="like">[B, ...], or [2B, ...] if each pair gives two outputs, of any rank from 1: gives the rank and the device.</param>
    /// <returns>A new tensor [B, 1, ...] or [2B, 1, ...], float64 if <paramref name="like"/> is, else float32.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or does not have the rows of a blended one.</exception>
    public Tensor CoefficientsFor(Tensor like)
    {
        ArgumentNullException.ThrowIfNull(like);
        Check.HasBatch(like, Rows, "the tensor that gives the rank");
        using var view = rows.Own(like);
        return view.clone();
    }

    /// <summary>Frees the copies that were made for devices. The draw stays readable and usable.</summary>
    public void Dispose()
    {
        map.Dispose();
        rows.Dispose();
    }

    /// <summary>Blends a tensor in place, which only goes with one output a pair.</summary>
    internal void BlendInPlace(Tensor tensor) => ((Combination)map).Overwrite(tensor);

    /// <summary>Checks what <see cref="Blend"/> takes.</summary>
    internal void CheckBlendable(Tensor tensor)
    {
        Check.HasBatch(tensor, BatchSize, "the tensor to blend");
        if (tensor.is_sparse)
        {
            throw new ArgumentException($"A sparse tensor of shape {Check.Shape(tensor)} cannot be blended; expected a dense one. Convert it by to_dense().");
        }

        if (tensor.dtype == ScalarType.Bool)
        {
            throw new ArgumentException(
                "A tensor of type Bool cannot be blended: float16, bfloat16, float32 or float64 is expected. If it is a mask, leave it out of the inputs, and unite it by step.Mix.UniteMask(mask).");
        }

        if (!Check.IsMixable(tensor.dtype))
        {
            throw new ArgumentException(
                $"A tensor of type {tensor.dtype} cannot be blended: float16, bfloat16, float32 or float64 is expected. For token ids use manifold mixup on the embedding; convert images to floating point first.");
        }
    }

    private static void Validate(double[] coefficients, long[] permutation)
    {
        if (coefficients.Length == 0)
        {
            throw new ArgumentException("the batch is empty: mixing needs one sample or more.", nameof(coefficients));
        }

        if (permutation.Length != coefficients.Length)
        {
            throw new ArgumentException($"there are {coefficients.Length} coefficients but {permutation.Length} partners; give one of each for every sample.", nameof(permutation));
        }

        var bad = Array.FindIndex(coefficients, lambda => lambda is not (>= 0 and <= 1));
        if (bad >= 0)
        {
            throw new ArgumentException($"coefficient {bad} is {coefficients[bad]}; each must lie between 0 (the partner alone) and 1 (the sample alone).", nameof(coefficients));
        }

        var taken = new bool[permutation.Length];
        for (var i = 0; i < permutation.Length; i++)
        {
            var partner = permutation[i];
            if (partner < 0 || partner >= taken.Length || taken[partner])
            {
                throw new ArgumentException($"the partner of sample {i} is {partner}; a permutation holds every index from 0 to {taken.Length - 1} exactly once.", nameof(permutation));
            }

            taken[partner] = true;
        }
    }
}
