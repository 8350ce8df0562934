using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Rounds values to a narrower type than they were computed in.</summary>
internal static class Rounding
{
    /// <summary>Rounds to nearest, ties to even, if the type is Byte. Torch's own conversion would truncate.</summary>
    public static Tensor RoundedFor(this Tensor x, ScalarType dtype) => dtype == ScalarType.Byte && x.dtype != dtype ? x.round() : x;

    /// <summary>Converts to a type, rounding to nearest, ties to even.</summary>
    public static Tensor RoundedTo(this Tensor x, ScalarType dtype) => x.RoundedFor(dtype).to(dtype);
}
