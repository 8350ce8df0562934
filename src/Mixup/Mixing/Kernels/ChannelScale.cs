using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Converts bytes to float32 by <c>(x - shift[c]) / divisor[c]</c>, one operation at a time, so that every kernel gives the same bits.
/// </summary>
/// <param name="Shifts">The numbers that are subtracted: one, or one for each channel.</param>
/// <param name="Divisors">The divisors, of the same length.</param>
/// <param name="Dimension">The dimension of the channels. Ignored for a single number.</param>
internal sealed record ChannelScale(float[] Shifts, float[] Divisors, int Dimension)
{
    /// <summary>Shifts and scales combined bytes in float32, in place.</summary>
    public Tensor Overwrite(Tensor values)
    {
        Tensor OfChannels(float[] numbers)
        {
            var shape = Check.Broadcast(numbers.Length, numbers.Length == 1 ? 0 : Dimension, values.dim());
            return tensor(numbers, shape).to(values.device, non_blocking: true);
        }

        return values.sub_(OfChannels(Shifts)).div_(OfChannels(Divisors));
    }
}
