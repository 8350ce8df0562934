namespace TorchSharp.Mixup;

/// <summary>One weight for the whole sample (Zhang, Cisse, Dauphin and Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization").</summary>
/// <param name="Alpha">Concentration of the Beta(alpha, alpha) distribution, 0 (no mixing) or more. Default 0.4.</param>
public sealed record Interpolation(double Alpha = Interpolation.DefaultAlpha) : Method
{
    /// <summary>The concentration that fastai mixes with: 0.4.</summary>
    public const double DefaultAlpha = 0.4;

    /// <summary>Gets the concentration of the Beta(alpha, alpha) distribution: small ones mix little, 1 is uniform, large ones mix half and half.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Alpha
    {
        get;
        init => field = Check.Alpha(value);
    } = Check.Alpha(Alpha);

    /// <summary>Gets whether a weight is folded to <c>max(lambda, 1 - lambda)</c>, so that a mixed sample is mostly itself. Default true, as in fastai.</summary>
    public bool Fold { get; init; } = true;

    internal override bool DrawsNumbers => true;

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing)
    {
        ArgumentNullException.ThrowIfNull(drawing);
        var lambda = drawing.Beta(Alpha);
        return new NumberField(Fold ? Math.Max(lambda, 1 - lambda) : lambda);
    }
}
