using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>A field with one weight for each cell of an extent.</summary>
/// <remarks>The weights are copied to managed memory. The field needs no disposal, so a draw can be kept and replayed.</remarks>
public sealed record MaskField : Field
{
    private readonly Extent extent;
    private readonly double[] values;
    private readonly bool isHard;
    private Resampled? last;

    /// <summary>Initializes a field from a mask.</summary>
    /// <param name="mask">
    /// The weights of one sample, with one dimension or more and without a batch dimension. The type is Bool, true for cells of the sample,
    /// or floating-point from 0 to 1. It must be on the CPU, and is copied.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The mask is neither Bool nor floating-point, not on the CPU, empty or a scalar. Or a weight is outside [0, 1] or not a number.
    /// </exception>
    public MaskField(Tensor mask)
        : this(ExtentOf(mask), Copy(mask))
    {
    }

    private MaskField(Extent extent, double[] values)
        : base(Mean(values)) => (this.extent, this.values, isHard) = (extent, values, Array.TrueForAll(values, IsCopy));

    /// <inheritdoc/>
    public override Extent Extent => extent;

    /// <inheritdoc/>
    public override bool IsHardAt(Extent extent)
    {
        this.extent.CheckDimensionsOf(extent);
        var isMultiple = Enumerable.Range(0, extent.Count).All(d => extent[d] % this.extent[d] == 0);
        return isMultiple ? isHard : Array.TrueForAll(ValuesAt(extent), IsCopy);
    }

    /// <summary>Compares two masks by their extent and weights.</summary>
    /// <param name="other">The other mask.</param>
    /// <returns>True if all are equal.</returns>
    public bool Equals(MaskField? other) => other is not null && extent == other.extent && values.AsSpan().SequenceEqual(other.values);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(extent, Lambda, values[0], values[^1]);

    /// <inheritdoc/>
    public override string ToString() => $"MaskField {{ Extent = {extent}, Lambda = {Lambda:R} }}";

    internal override double[] ValuesAt(Extent extent)
    {
        this.extent.CheckDimensionsOf(extent);
        if (extent == this.extent)
        {
            return values;
        }

        // The checks, the forward and the backward pass use the same resolution, so the last one is cached.
        var known = last;
        if (known is null || known.Extent != extent)
        {
            last = known = new Resampled(extent, Resampling.Resample(values, this.extent, extent));
        }

        return known.Values;
    }

    private static bool IsCopy(double weight) => weight is 0 or 1;

    private static Extent ExtentOf(Tensor mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        return mask.dim() > 0 && mask.numel() > 0
            ? new Extent(mask.shape)
            : throw new ArgumentException($"The mask has shape {Check.Shape(mask)}; expected one dimension or more, without a batch. " +
                "Give a mask for each sample.", nameof(mask));
    }

    private static double[] Copy(Tensor mask)
    {
        if (mask.device_type != DeviceType.CPU || (mask.dtype != ScalarType.Bool && !Check.IsFloating(mask.dtype)))
        {
            throw new ArgumentException(
                $"The mask is {mask.dtype} on {mask.device}; expected Bool or floating-point weights on the CPU. " +
                "Convert it by mask.cpu().to(ScalarType.Float32).", nameof(mask));
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var values = mask.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();
        var bad = Array.FindIndex(values, weight => weight is not (>= 0 and <= 1));
        return bad < 0
            ? values
            : throw new ArgumentException($"Weight {bad} of the mask is {values[bad]}; expected 0 (the partner) to 1 (the sample). " +
                "Clamp the mask.", nameof(mask));
    }

    private static double Mean(double[] values)
    {
        // Kahan's sum keeps the mean of a large mask exact to the last places.
        var (sum, lost) = (0.0, 0.0);
        foreach (var value in values)
        {
            var next = value - lost;
            var total = sum + next;
            (sum, lost) = (total, total - sum - next);
        }

        return Math.Min(1, sum / values.Length);
    }

    private sealed record Resampled(Extent Extent, double[] Values);
}
