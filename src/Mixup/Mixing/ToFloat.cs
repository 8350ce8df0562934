using System.Globalization;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Converts bytes to float32 and normalises them: <c>y = (x * scale - mean[c]) / deviation[c]</c> for a byte x of channel c.
/// </summary>
/// <remarks>
/// The value is computed in float32 as <c>(x - mean[c] / scale) / (deviation[c] / scale)</c>; both quotients are rounded to float32 once. A
/// batch that is not mixed therefore has the bits of <c>x.to(ScalarType.Float32).sub(mean / scale).div(deviation / scale)</c>, as in the
/// loader of timm. By default these are the bits of <c>x.to(ScalarType.Float32).div(255)</c>. A mixed batch is mixed as bytes in float32,
/// without rounding to bytes, and then converted. It differs from the exact value by less than 2^-14 of a byte's step and 4 units in the
/// last place. Soft masks and the edges of boxes blend converted values, within the same bounds.
/// </remarks>
public sealed record ToFloat
{
    private readonly double[] mean = [0];
    private readonly double[] deviation = [1];

    /// <summary>Gets the factor of a byte, above 0. Default 1/255, which maps bytes to [0, 1].</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not above 0, infinite or not a number.</exception>
    public double Scale
    {
        get;
        init => field = double.IsFinite(value) && value > 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The scale of bytes must be above 0 and finite, such as 1.0 " +
                "/ 255.");
    } = 1.0 / 255;

    /// <summary>
    /// Gets the mean of each channel, in units of scaled bytes: one number for all channels, or one for each. Default 0.
    /// </summary>
    /// <exception cref="ArgumentException">The list is empty, or a number is infinite or not a number.</exception>
    public IReadOnlyList<double> Mean
    {
        get => Array.AsReadOnly(mean);
        init => mean = Numbers(value, double.IsFinite, "mean", "finite numbers");
    }

    /// <summary>
    /// Gets the standard deviation of each channel, in units of scaled bytes and above 0: one number for all channels, or one for each.
    /// Default 1.
    /// </summary>
    /// <exception cref="ArgumentException">The list is empty, or a number is not above 0, infinite or not a number.</exception>
    public IReadOnlyList<double> Deviation
    {
        get => Array.AsReadOnly(deviation);
        init => deviation = Numbers(value, number => number > 0 && double.IsFinite(number), "deviation", "finite numbers above 0");
    }

    /// <summary>
    /// Gets the dimension of the channels; negative numbers count from the last one, -1. Default 1, as in [B, C, H, W] with any memory
    /// layout. It is ignored if mean and deviation are one number each.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is 0, the batch.</exception>
    public int ChannelDimension
    {
        get;
        init => field = value != 0
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(value), value, "Dimension 0 is the batch; expected the dimension of the channels. Give 1, or -1 for the last one.");
    } = 1;

    /// <summary>Converts bytes, for instance of a validation batch.</summary>
    /// <param name="bytes">The tensor, [B, ...], of type Byte. Not modified.</param>
    /// <returns>A new float32 tensor of the same shape, device and memory layout.</returns>
    /// <exception cref="ArgumentException">
    /// The tensor is not of type Byte, is a scalar, or does not have the channels of <see cref="Mean"/> and <see cref="Deviation"/>.
    /// </exception>
    public Tensor Apply(Tensor bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        var scale = ScaleFor(bytes, nameof(bytes));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return ByteToFloatKernel.Convert(bytes, scale).MoveToOuterDisposeScope();
    }

    /// <summary>Compares two conversions by their numbers.</summary>
    /// <param name="other">The other conversion.</param>
    /// <returns>True if all are equal.</returns>
    public bool Equals(ToFloat? other) =>
        other is not null && Scale.Equals(other.Scale) && ChannelDimension == other.ChannelDimension
        && mean.AsSpan().SequenceEqual(other.mean) && deviation.AsSpan().SequenceEqual(other.deviation);

    /// <inheritdoc/>
    public override int GetHashCode() => mean.Concat(deviation).Aggregate(HashCode.Combine(Scale, ChannelDimension), HashCode.Combine);

    /// <summary>Returns the numbers as text.</summary>
    /// <returns>
    /// Text such as <c>ToFloat { Scale = 0.00392156862745098, Mean = [0.5], Deviation = [0.25], ChannelDimension = 1 }</c>.
    /// </returns>
    public override string ToString()
    {
        static string List(double[] numbers) =>
            $"[{string.Join(", ", numbers.Select(number => number.ToString("R", CultureInfo.InvariantCulture)))}]";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"ToFloat {{ Scale = {Scale:R}, Mean = {List(mean)}, Deviation = {List(deviation)}, ChannelDimension = {ChannelDimension} }}");
    }

    /// <summary>Returns whether a strategy converts an input.</summary>
    internal static bool Takes(Tensor input) => input.dtype == ScalarType.Byte;

    /// <summary>Returns the numbers in the form that the kernels read.</summary>
    /// <exception cref="ArgumentException">The tensor cannot be converted.</exception>
    internal ChannelScale ScaleFor(Tensor x, string name)
    {
        if (!Takes(x) || x.dim() == 0)
        {
            throw new ArgumentException(
                $"A tensor {x.dtype} {Check.Shape(x)} is not converted by ToFloat; expected Byte [B, ...]. " +
                "Leave the conversion out for other types.",
                name);
        }

        var count = Math.Max(mean.Length, deviation.Length);
        if (Math.Min(mean.Length, deviation.Length) is var least && least != 1 && least != count)
        {
            throw new ArgumentException(
                $"ToFloat has {mean.Length} means but {deviation.Length} deviations; expected one for each channel, or one for all. " +
                "Give both for the same channels.", name);
        }

        var rank = (int)x.dim();
        var dimension = ChannelDimension < 0 ? ChannelDimension + rank : ChannelDimension;
        if (count > 1 && (dimension < 1 || dimension >= rank || x.shape[dimension] != count))
        {
            throw new ArgumentException(
                $"A tensor {Check.Shape(x)} does not have {count} channels in dimension {ChannelDimension}, but ToFloat has numbers " +
                $"for {count}; expected [B, C, ...]. For one image use unsqueeze(0); for channels last set ToFloat.ChannelDimension to -1.",
                name);
        }

        if (mean.Any(value => Math.Abs(value) > 255 * Scale * 1.001))
        {
            throw new ArgumentException(
                $"ToFloat has a mean of {mean.MaxBy(Math.Abs)}, but scaled bytes lie between 0 and {255 * Scale:0.###}. " +
                "Divide mean and deviation by 255, or set ToFloat.Scale to 1.",
                name);
        }

        if (mean.Any(value => float.IsInfinity((float)(value / Scale)))
            || deviation.Any(value => (float)(value / Scale) is 0 or float.PositiveInfinity))
        {
            throw new ArgumentException(
                $"{this} leaves the range of float32 when mean and deviation are divided by the scale; expected quotients within it. " +
                "Choose a deviation nearer to 1.",
                name);
        }

        float[] Numbers(double[] numbers) =>
            [.. Enumerable.Range(0, count).Select(channel => (float)(numbers[numbers.Length == 1 ? 0 : channel] / Scale))];
        return new ChannelScale(Numbers(mean), Numbers(deviation), dimension);
    }

    private static double[] Numbers(IReadOnlyList<double> value, Func<double, bool> fits, string what, string expected)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.Count > 0 && value.All(fits)
            ? [.. value]
            : throw new ArgumentException(
                $"The {what} of the channels is [{string.Join(", ", value)}]; expected {expected}, one for all channels or one for each.",
                nameof(value));
    }
}
