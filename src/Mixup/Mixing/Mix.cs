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
    private readonly Combination forward;
    private readonly Lazy<Combination> adjoint;

    /// <summary>Takes a given draw, instead of one that was sampled.</summary>
    /// <param name="coefficients">lambda of each of the B samples, from 0 to 1: the weight of the sample itself.</param>
    /// <param name="permutation">The partner of each of the B samples: every index from 0 to B - 1 once.</param>
    /// <exception cref="ArgumentException">The batch is empty, the lengths differ, a coefficient is outside [0, 1] or not a number, or <paramref name="permutation"/> is not one.</exception>
    public Mix(ReadOnlySpan<double> coefficients, ReadOnlySpan<long> permutation)
    {
        this.coefficients = coefficients.ToArray();
        this.permutation = permutation.ToArray();
        var inverse = Validate(this.coefficients, this.permutation);
        var others = Array.ConvertAll(this.coefficients, lambda => 1 - lambda);
        forward = new Combination(this.coefficients, others, this.permutation);

        // The transpose of a gather is a gather by the inverse: no scatter, so gradients are the same bits on every run and device.
        adjoint = new Lazy<Combination>(() => new Combination(this.coefficients, Array.ConvertAll(inverse, i => others[i]), inverse));
    }

    /// <summary>B, the number of samples in the batch.</summary>
    public int BatchSize => coefficients.Length;

    /// <summary>lambda of each of the B samples, from 0 to 1: the weight of the sample itself.</summary>
    public ReadOnlySpan<double> Coefficients => coefficients;

    /// <summary>The partner of each of the B samples.</summary>
    public ReadOnlySpan<long> Permutation => permutation;

    /// <summary>Blends each sample with its partner. Differentiable, with a backward pass that only gathers, so it is deterministic on every device.</summary>
    /// <param name="tensor">[B, ...] of any rank from 1, float16, bfloat16, float32 or float64. Not modified.</param>
    /// <returns>A new tensor of the same shape, type, device and memory layout. Blended in at least float32, and rounded once.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, its first dimension is not B, or its type is not one of these four.</exception>
    public Tensor Blend(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        CheckBlendable(tensor);
        return Apply(tensor, transposed: false);
    }

    /// <summary>The partner of each sample: <c>tensor[p]</c>.</summary>
    /// <param name="tensor">[B, ...] of any rank from 1 and of any type.</param>
    /// <returns>A new tensor of the same shape, type and device.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or its first dimension is not B.</exception>
    public Tensor Partner(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Check.HasBatch(tensor, BatchSize, "the tensor to pair up");
        return tensor.index(TensorIndex.Tensor(forward.Index(tensor.device)));
    }

    /// <summary>The coefficients as a tensor that broadcasts against another.</summary>
    /// <param name="like">[B, ...] of any rank from 1: gives the rank and the device.</param>
    /// <returns>[B, 1, ...], float64 if <paramref name="like"/> is, else float32. A view: it lives as long as this mix is not disposed.</returns>
    /// <exception cref="ArgumentException">The tensor is a scalar, or its first dimension is not B.</exception>
    public Tensor CoefficientsFor(Tensor like)
    {
        ArgumentNullException.ThrowIfNull(like);
        Check.HasBatch(like, BatchSize, "the tensor that gives the rank");
        return forward.Own(like);
    }

    /// <summary>1 - lambda, as <see cref="CoefficientsFor"/>.</summary>
    internal Tensor PartnerCoefficientsFor(Tensor like) => forward.Other(like);

    /// <summary>Frees the copies that were made for devices. The draw stays readable and usable.</summary>
    public void Dispose()
    {
        forward.Dispose();
        if (adjoint.IsValueCreated)
        {
            adjoint.Value.Dispose();
        }
    }

    /// <summary>Blends, or applies the transpose of blending.</summary>
    internal Tensor Apply(Tensor tensor, bool transposed)
    {
        if (tensor.requires_grad && is_grad_enabled())
        {
            // The function leaves wrappers of its inputs and outputs behind; the scope takes all but the result.
            using var scope = NewDisposeScope();
            return BlendFunction.apply(tensor, this, transposed).MoveToOuterDisposeScope();
        }

        return (transposed ? adjoint.Value : forward).Apply(tensor);
    }

    /// <summary>Checks what <see cref="Blend"/> takes.</summary>
    internal void CheckBlendable(Tensor tensor)
    {
        Check.HasBatch(tensor, BatchSize, "the tensor to blend");
        if (!Check.IsMixable(tensor.dtype))
        {
            throw new ArgumentException(
                $"a tensor of type {tensor.dtype} cannot be blended: float16, bfloat16, float32 or float64 is expected. For token ids use manifold mixup on the embedding; convert images to floating point first.");
        }
    }

    private static long[] Validate(double[] coefficients, long[] permutation)
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

        var inverse = new long[permutation.Length];
        Array.Fill(inverse, -1);
        for (var i = 0; i < permutation.Length; i++)
        {
            var partner = permutation[i];
            if (partner < 0 || partner >= inverse.Length || inverse[partner] >= 0)
            {
                throw new ArgumentException($"the partner of sample {i} is {partner}; a permutation holds every index from 0 to {inverse.Length - 1} exactly once.", nameof(permutation));
            }

            inverse[partner] = i;
        }

        return inverse;
    }
}
