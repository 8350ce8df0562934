using System.Globalization;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Pastes a box around the most salient point of the partner (Uddin et al. 2021, "SaliencyMix: A Saliency Guided Data Augmentation Strategy
/// for Better Regularization", section 3). The sides of the box and lambda are those of <see cref="CutMix"/>.
/// </summary>
/// <remarks>
/// The saliency maps of a batch are copied to the host once, which waits for the device. Inputs on the META device throw. Samples that
/// share a coefficient share lambda as drawn, but each has the box of its own partner.
/// </remarks>
/// <param name="Alpha">
/// The parameter of the Beta(alpha, alpha) distribution of lambda: 0 (no mixing) or more. Default 1, as in the paper.
/// </param>
public sealed record SaliencyMix(double Alpha = 1) : Method
{
    /// <summary>Gets the parameter of the Beta(alpha, alpha) distribution of lambda.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Alpha
    {
        get;
        init => field = Check.Alpha(value);
    } = Check.Alpha(Alpha);

    /// <summary>
    /// Gets the saliency function. It takes the first input as [B, C, ...], with one channel if the input has none. It returns the saliency
    /// of each cell, [B, ...], with as many dimensions as the extent; the map may be coarser. It runs without gradients. Default:
    /// <see cref="SpectralResidual"/>.
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

    /// <summary>Finds the most salient cell of a map. Of several, it returns the first.</summary>
    /// <param name="saliency">The saliency of one sample, real numbers over its extent or a coarser one.</param>
    /// <param name="extent">The extent of the sample.</param>
    /// <returns>The cell of the extent at the centre of the most salient cell of the map, along each dimension.</returns>
    /// <exception cref="ArgumentException">
    /// The map is empty or holds NaN, or its number of dimensions differs from that of the extent.
    /// </exception>
    public static long[] PeakOf(Tensor saliency, Extent extent)
    {
        var (grid, values) = SampleMaps.Of(saliency);
        grid.CheckDimensionsOf(extent);
        return PeakOf(grid, values, extent);
    }

    /// <summary>
    /// Computes the saliency of a batch by the spectral residual (Hou and Zhang 2007, "Saliency Detection: A Spectral Residual Approach",
    /// equations 7 to 10). It subtracts the smoothed log-amplitude spectrum of the mean over channels. The result is smoothed by a Gaussian
    /// whose standard deviation is 2.5/64 of each side, as in the paper's code. It works in any number of dimensions, on the CPU.
    /// </summary>
    /// <param name="x">The samples, [B, C, ...], of any real type.</param>
    /// <returns>A new float64 tensor [B, ...] on the CPU, with values of 0 or more.</returns>
    /// <exception cref="ArgumentException">The rank is below 3, or the tensor is empty.</exception>
    public static Tensor SpectralResidual(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() < 3 || x.numel() == 0)
        {
            throw new ArgumentException(
                $"The spectral residual of shape {Check.Shape(x)} is not defined; expected [B, C, ...]. Add a channel by " +
                "unsqueeze(1), or a saliency function of your own.", nameof(x));
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long[] axes = [.. Enumerable.Range(1, (int)x.dim() - 2).Select(d => (long)d)];
        var spectrum = fft.fftn(x.detach().cpu().to(ScalarType.Float64).mean([1]), dim: axes);
        var amplitude = spectrum.abs();

        // A missing frequency has no logarithm.
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
