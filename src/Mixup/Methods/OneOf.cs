namespace TorchSharp.Mixup;

/// <summary>
/// Draws one of several methods for each batch, pair or sample (timm's <c>switch_prob</c>). <see cref="MixupOptions.CoefficientPer"/>
/// selects which of the three. All ranks that train together draw the same methods in the same order (<see cref="IMixupStrategy.Rank"/>).
/// </summary>
public sealed record OneOf : Method
{
    private readonly Method[] methods;
    private readonly double[] weights;

    /// <summary>Initializes a choice of methods with equal probabilities.</summary>
    /// <param name="methods">The methods, one or more.</param>
    /// <exception cref="ArgumentException">The list is empty, or a method is null.</exception>
    public OneOf(params Method[] methods)
        : this([.. (methods ?? throw new ArgumentNullException(nameof(methods))).Select(method => (method, 1.0))])
    {
    }

    /// <summary>Initializes a choice of methods with probabilities proportional to their weights.</summary>
    /// <param name="methods">The methods and their weights, 0 or more.</param>
    /// <exception cref="ArgumentException">
    /// The list is empty, a method is null, a weight is negative, infinite or not a number, or all weights are 0.
    /// </exception>
    public OneOf(params (Method Method, double Weight)[] methods)
    {
        ArgumentNullException.ThrowIfNull(methods);
        if (methods.Any(choice => choice.Method is null || !(choice.Weight >= 0) || double.IsInfinity(choice.Weight))
            || !methods.Any(choice => choice.Weight > 0))
        {
            throw new ArgumentException("A choice of methods needs one or more, each with a finite weight of 0 or more, and one above " +
                "0. Give for instance new OneOf(new Interpolation(0.8), new CutMix()).", nameof(methods));
        }

        (this.methods, weights) = ([.. methods.Select(choice => choice.Method)], [.. methods.Select(choice => choice.Weight)]);
    }

    /// <summary>Gets the methods.</summary>
    public IReadOnlyList<Method> Methods => Array.AsReadOnly(methods);

    /// <summary>Gets the weights of the methods. The probabilities are proportional to them.</summary>
    public IReadOnlyList<double> Weights => Array.AsReadOnly(weights);

    /// <summary>
    /// Gets whether all methods with a weight above 0 copy. Errors for inputs that cannot be blended therefore do not depend on the draw.
    /// </summary>
    public override bool Copies => methods.Zip(weights).All(choice => choice.Second == 0 || choice.First.Copies);

    /// <summary>Gets whether a field of any of the methods depends on the data of the samples.</summary>
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
        var point = drawing.Shared.NextDouble() * weights.Sum();
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

    /// <summary>Compares two choices by their methods and weights.</summary>
    /// <param name="other">The other choice.</param>
    /// <returns>True if all methods and weights are equal.</returns>
    public bool Equals(OneOf? other) =>
        other is not null && methods.SequenceEqual(other.methods) && weights.AsSpan().SequenceEqual(other.weights);

    /// <inheritdoc/>
    public override int GetHashCode() => methods.Aggregate(methods.Length, HashCode.Combine);

    /// <inheritdoc/>
    public override string ToString() =>
        $"OneOf {{ {string.Join(", ", methods.Zip(weights, (method, weight) => $"{method} x {weight:R}"))} }}";
}
