using System.Globalization;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A box around the most salient point of the partner (Uddin et al. 2021, "SaliencyMix: A Saliency Guided Data Augmentation Strategy for
/// Better Regularization", section 3). Sides and lambda are those of
/// <see cref="CutMix"/>.
/// </summary>
/// <remarks>
/// The saliency of a batch is read back from its device once, which waits for the device. A mix on META is refused. Whoever shares a
/// coefficient shares its draw; each has the box of its own partner.
/// </remarks>
/// <param name="Alpha">Concentration of the Beta(alpha, alpha) distribution of lambda, 0 (no mixing) or more. Default 1, as in the
/// paper.</param>
public sealed record SaliencyMix(double Alpha = 1) : Method
{
    /// <summary>Gets the concentration of the Beta(alpha, alpha) distribution of lambda.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Alpha
    {
        get;
        init => field = Check.Alpha(value);
    } = Check.Alpha(Alpha);

    /// <summary>
    /// Gets the function that takes the first input as [B, C, ...], with one channel if it has none, and returns how salient each cell is:
    /// [B, ...] with as many dimensions as the extent, which may be coarser. It runs without
    /// gradients. Default: <see cref="SpectralResidual"/>.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Func<Tensor, Tensor> Saliency
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(value));
    } = SpectralResidual;

    /// <inheritdoc/>
    public override bool Copies => true;

    /// <inheritdoc/>
    public override bool DependsOnSamples => true;

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"SaliencyMix {{ Alpha = {Alpha}, Saliency = {Saliency.Method.Name} }}");

    /// <summary>Finds the most salient cell of a map; of several, the first.</summary>
    /// <param name="saliency">The saliency of one sample, real numbers over its extent or a coarser one.</param>
    /// <param name="extent">The extent of the sample.</param>
    /// <returns>The cell in the middle of the most salient one, along each dimension of the extent.</returns>
    /// <exception cref="ArgumentException">The map is empty or has what is not a number, or the number of dimensions differs.</exception>
    public static long[] PeakOf(Tensor saliency, Extent extent)
    {
        var (grid, values) = SampleMaps.Of(saliency);
        grid.CheckDimensionsOf(extent);
        return PeakOf(grid, values, extent);
    }

    /// <summary>
    /// Computes the saliency of a batch by the spectral residual (Hou and Zhang 2007, "Saliency Detection: A Spectral Residual Approach",
    /// equations 7 to 10): what stands out from the smooth amplitude
    /// spectrum of the mean over channels, smoothed by a Gaussian of 2.5/64 of each side, as in the paper's code. In any number of
    /// dimensions, on the CPU.
    /// </summary>
    /// <param name="x">[B, C, ...] of any real type.</param>
    /// <returns>A new tensor [B, ...], float64, on the CPU: 0 or more.</returns>
    /// <exception cref="ArgumentException">The rank is below 3, or the tensor is empty.</exception>
    public static Tensor SpectralResidual(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() < 3 || x.numel() == 0)
        {
            throw new ArgumentException(
                $"The spectral residual of shape {Check.Shape(x)} is not defined; " +
                "expected [B, C, ...]. Give a channel by unsqueeze(1), or a saliency function of your own.", nameof(x));
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long[] axes = [.. Enumerable.Range(1, (int)x.dim() - 2).Select(d => (long)d)];
        var spectrum = fft.fftn(x.detach().cpu().to(ScalarType.Float64).mean([1]), dim: axes);
        var amplitude = spectrum.abs();

        // A frequency that is missing has no logarithm.
        var logarithm = amplitude.AtLeast(1e-12).log();
        var smooth = logarithm;
        var blur = ones(1, ScalarType.Float64);
        foreach (var axis in axes)
        {
            smooth = smooth.roll(1, axis).add(smooth).add(smooth.roll(-1, axis)).Times(1.0 / 3);
            var size = spectrum.shape[axis];
            var wave = fft.fftfreq(size, 2.5 / 64 * size, dtype: ScalarType.Float64).Times(2 * Math.PI * Math.Pow(2.5 / 64 * size, 2));
            blur = blur.mul(wave.square().Times(-0.5).exp().view(Check.Broadcast(size, (int)axis, spectrum.dim())));
        }

        var residual = fft.ifftn(spectrum.div(amplitude.AtLeast(1e-12)).mul(logarithm.sub(smooth).exp()), dim: axes).abs().square();
        return fft.ifftn(fft.fftn(residual, dim: axes).mul(blur), dim: axes).real.AtLeast(0).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing)
    {
        ArgumentNullException.ThrowIfNull(drawing);
        var lambda = drawing.Beta(Alpha);
        var (grid, values) = SampleMaps.Of(drawing, Saliency, drawing.Partner);
        return CutMix.BoxAt(drawing.Extent, lambda, PeakOf(grid, values, drawing.Extent));
    }

    private static long[] PeakOf(Extent grid, double[] values, Extent extent)
    {
        long cell = Array.IndexOf(values, values.Max());
        var peak = new long[grid.Count];
        for (var d = grid.Count - 1; d >= 0; d--)
        {
            peak[d] = ((2 * (cell % grid[d])) + 1) * extent[d] / (2 * grid[d]);
            cell /= grid[d];
        }

        return peak;
    }
}
