namespace TorchSharp.Mixup;

/// <summary>One of several methods, drawn anew for each batch, pair or sample, as <see cref="MixupOptions.CoefficientPer"/> says (timm's
/// <c>switch_prob</c>).</summary>
public sealed record OneOf : Method
{
    private readonly Method[] methods;
    private readonly double[] weights;

    /// <summary>Draws among methods alike.</summary>
    /// <param name="methods">The methods, one or more.</param>
    /// <exception cref="ArgumentException">There is none, or one is null.</exception>
    public OneOf(params Method[] methods)
        : this([.. (methods ?? throw new ArgumentNullException(nameof(methods))).Select(method => (method, 1.0))])
    {
    }

    /// <summary>Draws among methods by weight.</summary>
    /// <param name="methods">The methods, and how often each is drawn beside the others.</param>
    /// <exception cref="ArgumentException">There is none, one is null, a weight is negative, infinite or not a number, or all are
    /// 0.</exception>
    public OneOf(params (Method Method, double Weight)[] methods)
    {
        ArgumentNullException.ThrowIfNull(methods);
        if (methods.Any(choice => choice.Method is null || !(choice.Weight >= 0) || double.IsInfinity(choice.Weight))
            || !methods.Any(choice => choice.Weight > 0))
        {
            throw new ArgumentException("A choice of methods needs one or more, each with a finite weight of 0 or more, and one above 0. " +
                "Give new OneOf(new Interpolation(0.8), new CutMix()).", nameof(methods));
        }

        (this.methods, weights) = ([.. methods.Select(choice => choice.Method)], [.. methods.Select(choice => choice.Weight)]);
    }

    /// <summary>Gets the methods.</summary>
    public IReadOnlyList<Method> Methods => Array.AsReadOnly(methods);

    /// <summary>Gets how often each method is drawn beside the others.</summary>
    public IReadOnlyList<double> Weights => Array.AsReadOnly(weights);

    /// <summary>Gets whether all methods that can be drawn copy: an input that cannot be blended must not fail at random.</summary>
    public override bool Copies => methods.Zip(weights).All(choice => choice.Second == 0 || choice.First.Copies);

    /// <summary>Gets whether any of the methods looks at the samples.</summary>
    public override bool DependsOnSamples => Array.Exists(methods, method => method.DependsOnSamples);

    internal override bool DrawsNumbers => Drawable.All(method => method.DrawsNumbers);

    internal override bool MayCopy => Drawable.Any(method => method.MayCopy);

    internal override bool MayInterpolatePartner => Drawable.Any(method => method.MayInterpolatePartner);

    internal override bool HasSecondOutput => Drawable.All(method => method.HasSecondOutput);

    private IEnumerable<Method> Drawable => methods.Where((_, i) => weights[i] > 0);

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing)
    {
        ArgumentNullException.ThrowIfNull(drawing);
        var point = drawing.Random.NextDouble() * weights.Sum();
        for (var i = 0; i < methods.Length; i++)
        {
            point -= weights[i];
            if (point < 0)
            {
                return methods[i].Draw(drawing);
            }
        }

        return methods[Array.FindLastIndex(weights, weight => weight > 0)].Draw(drawing);
    }

    /// <summary>Compares two choices by methods and weights.</summary>
    /// <param name="other">The other choice.</param>
    /// <returns>Whether all are equal.</returns>
    public bool Equals(OneOf? other) =>
        other is not null && methods.SequenceEqual(other.methods) && weights.AsSpan().SequenceEqual(other.weights);

    /// <inheritdoc/>
    public override int GetHashCode() => methods.Aggregate(methods.Length, HashCode.Combine);

    /// <inheritdoc/>
    public override string ToString() =>
        $"OneOf {{ {string.Join(", ", methods.Zip(weights, (method, weight) => $"{method} x {weight:R}"))} }}";
}
