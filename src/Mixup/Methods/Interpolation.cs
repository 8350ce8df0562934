namespace TorchSharp.Mixup;

/// <summary>
/// Interpolates the whole sample and its partner with one weight (Zhang, Cisse, Dauphin and Lopez-Paz 2018, "mixup: Beyond Empirical Risk
/// Minimization").
/// </summary>
/// <param name="Alpha">The parameter of the Beta(alpha, alpha) distribution of lambda: 0 (no mixing) or more. Default 0.4.</param>
public sealed record Interpolation(double Alpha = Interpolation.DefaultAlpha) : Method
{
    /// <summary>The default alpha, 0.4, as in fastai.</summary>
    public const double DefaultAlpha = 0.4;

    /// <summary>
    /// Gets the parameter of the Beta(alpha, alpha) distribution of lambda. A small alpha mixes little, 1 is uniform, and a large one mixes
    /// both samples about equally.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or not a number.</exception>
    public double Alpha
    {
        get;
        init => field = Check.Alpha(value);
    } = Check.Alpha(Alpha);

    /// <summary>
    /// Gets whether lambda is folded to <c>max(lambda, 1 - lambda)</c>, so that each mixed sample keeps at least half of its own weight.
    /// Default true, as in fastai.
    /// </summary>
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
