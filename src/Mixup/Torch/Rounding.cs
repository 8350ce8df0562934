using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Values in a narrower type than they were computed in.</summary>
internal static class Rounding
{
    /// <summary>Rounds to nearest, ties to even, for a type of whole numbers, since torch's conversion to it drops the fraction.</summary>
    public static Tensor RoundedFor(this Tensor x, ScalarType dtype) => dtype == ScalarType.Byte && x.dtype != dtype ? x.round() : x;

    /// <summary>Rounds to a type, to nearest and ties to even.</summary>
    public static Tensor RoundedTo(this Tensor x, ScalarType dtype) => x.RoundedFor(dtype).to(dtype);
}
