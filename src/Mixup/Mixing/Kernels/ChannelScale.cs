using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// What makes floating values of bytes, <c>(x - shift[c]) / divisor[c]</c> in float32, operation by operation, so that every path gives the
/// same bits.
/// </summary>
/// <param name="Shifts">What is taken away: one number, or one for each channel.</param>
/// <param name="Divisors">By what is divided, of the same length.</param>
/// <param name="Dimension">The dimension of the channels. Of no meaning where there is one number.</param>
internal sealed record ChannelScale(float[] Shifts, float[] Divisors, int Dimension)
{
    /// <summary>Scales and shifts combinations of bytes in float32, in place.</summary>
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
