namespace TorchSharp.Mixup;

/// <summary>A field with one weight for the whole sample, as in interpolation.</summary>
public sealed record NumberField : Field
{
    /// <summary>Initializes a field of one weight.</summary>
    /// <param name="lambda">The weight of the sample, from 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The weight is outside [0, 1] or not a number.</exception>
    public NumberField(double lambda)
        : base(lambda)
    {
    }

    /// <inheritdoc/>
    public override Extent? Extent => null;

    /// <inheritdoc/>
    public override bool IsHardAt(Extent extent) => Lambda is 0 or 1;

    /// <inheritdoc/>
    public override string ToString() => $"NumberField {{ Lambda = {Lambda:R} }}";

    internal override double[] ValuesAt(Extent extent)
    {
        var values = new double[extent.Cells];
        Array.Fill(values, Lambda);
        return values;
    }
}
