using MathNet.Numerics.Distributions;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes by a mask from thresholded low-pass noise (Harris et al. 2020, "FMix: Enhancing Mixed Sample Data Augmentation", section 4). The
/// sample keeps the fraction lambda of the cells, those with the largest noise. It works in any number of dimensions. The noise is computed
/// on the CPU.
/// </summary>
/// <param name="Alpha">
/// The parameter of the Beta(alpha, alpha) distribution of lambda: 0 (no mixing) or more. Default 1, as in the paper.
/// </param>
public sealed record FMix(double Alpha = 1) : Method
{
    /// <summary>Gets the parameter of the Beta(alpha, alpha) distribution of lambda.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Alpha
    {
        get;
        init => field = Check.Alpha(value);
    } = Check.Alpha(Alpha);

    /// <summary>
    /// Gets the power by which high frequencies decay, 0 (white noise) or more. A higher power gives fewer and larger patches. Default 3,
    /// as in the paper.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Decay
    {
        get;
        init => field = double.IsFinite(value) && value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The decay must be a finite power, 0 (white noise) or more.");
    } = 3;

    /// <summary>
    /// Gets the fraction of all cells, on each side of the border, over which the weight falls from 1 to 0: from 0 to 0.5. Default 0: every
    /// weight is 0 or 1, so the method copies.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside [0, 0.5] or not a number.</exception>
    public double Softness
    {
        get;
        init => field = value is >= 0 and <= 0.5
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The softness must be a fraction of the cells between 0 and " +
                "0.5.");
    }

    /// <inheritdoc/>
    public override bool Copies => Softness == 0;

    /// <summary>
    /// Makes low-pass noise from white noise in the frequency domain. Each frequency f is scaled by <c>f^-decay</c> (section 4).
    /// </summary>
    /// <param name="extent">The extent of the noise.</param>
    /// <param name="spectrum">
    /// The real and imaginary parts of the half spectrum, a floating-point tensor on the CPU. Its shape is that of the extent, with <c>size
    /// / 2 + 1</c> in the last dimension, followed by 2.
    /// </param>
    /// <param name="decay">The power by which high frequencies decay, 0 or more.</param>
    /// <returns>A new float64 tensor with the shape of the extent.</returns>
    /// <exception cref="ArgumentException">The spectrum has another shape.</exception>
    public static Tensor NoiseOf(Extent extent, Tensor spectrum, double decay)
    {
        ArgumentNullException.ThrowIfNull(extent);
        ArgumentNullException.ThrowIfNull(spectrum);
        var shape = SpectrumShape(extent);
        if (!spectrum.shape.SequenceEqual([.. shape, 2]))
        {
            throw new ArgumentException(
                $"The spectrum has shape {Check.Shape(spectrum)}; expected [{string.Join(", ", shape)}, 2] for the extent {extent}. " +
                "Give the half spectrum, with real and imaginary parts last.",
                nameof(spectrum));
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var squares = zeros(shape, ScalarType.Float64);
        for (var d = 0; d < shape.Length; d++)
        {
            double[] frequencies = [.. Enumerable.Range(0, (int)shape[d]).Select(i => (double)Math.Min(i, extent[d] - i) / extent[d])];
            squares = squares.add(tensor(frequencies).square().view(Check.Broadcast(shape[d], d, shape.Length)));
        }

        // The mean has frequency 0; the lowest other frequency replaces it.
        var scale = squares.sqrt().AtLeast(1.0 / extent.Max()).ToThePower(-decay);
        var complex = spectrum.to(ScalarType.Float64).mul(scale.unsqueeze(-1)).view_as_complex();
        return fft.irfftn(complex, extent.ToArray()).MoveToOuterDisposeScope();
    }

    /// <summary>Makes the mask of noise. The sample keeps the cells with the largest values.</summary>
    /// <param name="noise">The noise over the extent, a floating-point tensor on the CPU.</param>
    /// <param name="lambda">The fraction of cells that the sample keeps, from 0 to 1.</param>
    /// <param name="softness">
    /// The fraction of cells, on each side of the border, over which the weight falls from 1 to 0. It is limited to lambda and to 1 -
    /// lambda. Default 0.
    /// </param>
    /// <param name="roundUp">Whether the number of cells is rounded up. Default false: rounded down.</param>
    /// <returns>The mask.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Lambda or the softness is outside [0, 1] or not a number.</exception>
    /// <exception cref="ArgumentException">The noise holds NaN.</exception>
    public static MaskField MaskOf(Tensor noise, double lambda, double softness = 0, bool roundUp = false)
    {
        ArgumentNullException.ThrowIfNull(noise);
        var soft = Math.Min(new NumberField(softness).Lambda, Math.Min(new NumberField(lambda).Lambda, 1 - lambda));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var cells = noise.numel();
        if (noise.isnan().any().cpu().ToBoolean())
        {
            throw new ArgumentException($"The noise {Check.Shape(noise)} holds NaN, which has no order; expected numbers. Replace NaN " +
                "before.", nameof(noise));
        }

        var kept = (long)(roundUp ? Math.Ceiling(lambda * cells) : Math.Floor(lambda * cells));
        var border = (long)(cells * soft);
        var (first, last) = (Math.Max(0, kept - border), Math.Min(cells, kept + border));

        // Only a soft border needs the order. Selecting the largest values is much faster than sorting them.
        var (_, largest) = noise.detach().flatten().topk((int)last, sorted: first < last);
        var weights = cat([ones(first, ScalarType.Float64), linspace(1, 0, last - first, ScalarType.Float64)]);
        return new MaskField(zeros(cells, ScalarType.Float64).scatter_(0, largest, weights).view(noise.shape));
    }

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing)
    {
        ArgumentNullException.ThrowIfNull(drawing);
        var lambda = drawing.Beta(Alpha);
        var roundUp = drawing.Random.Next(2) == 1;
        long[] shape = [.. SpectrumShape(drawing.Extent), 2];
        var normal = new double[shape.Aggregate((product, size) => product * size)];
        Normal.Samples(drawing.Random, normal, 0, 1);
        using var scope = NewDisposeScope();
        return MaskOf(NoiseOf(drawing.Extent, tensor(normal, shape), Decay), lambda, Softness, roundUp);
    }

    private static long[] SpectrumShape(Extent extent) => [.. extent.SkipLast(1), (extent[^1] / 2) + 1];
}
