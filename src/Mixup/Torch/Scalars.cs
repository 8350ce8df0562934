using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Passes numbers to torch safely. TorchSharp converts a number to a native scalar, which the garbage collector may free before libtorch
/// reads it; the call then throws. These scalars live until the call returns.
/// </summary>
internal static class Scalars
{
    /// <summary>0, for tensors of any type.</summary>
    public static readonly Scalar Zero = 0.ToScalar();

    /// <summary>-0.0. Adding it changes no bit of a value.</summary>
    public static readonly Scalar NegativeZero = (-0.0).ToScalar();

    /// <summary>1, for tensors of any type.</summary>
    public static readonly Scalar One = 1.ToScalar();

    /// <summary>Multiplies floating-point values by a number.</summary>
    public static Tensor Times(this Tensor x, double factor)
    {
        using var scalar = factor.ToScalar();
        return x.mul(scalar);
    }

    /// <summary>Multiplies integers by a number, in place.</summary>
    public static Tensor TimesInPlace(this Tensor x, long factor)
    {
        using var scalar = factor.ToScalar();
        return x.mul_(scalar);
    }

    /// <summary>Adds a number to floating-point values.</summary>
    public static Tensor Plus(this Tensor x, double summand)
    {
        using var scalar = summand.ToScalar();
        return x.add(scalar);
    }

    /// <summary>Returns whether each value is above a number.</summary>
    public static Tensor IsAbove(this Tensor x, double bound)
    {
        using var scalar = bound.ToScalar();
        return x.gt(scalar);
    }

    /// <summary>Returns whether each integer equals a number.</summary>
    public static Tensor Is(this Tensor x, long value)
    {
        using var scalar = value.ToScalar();
        return x.eq(scalar);
    }

    /// <summary>Clamps floating-point values to at least a number.</summary>
    public static Tensor AtLeast(this Tensor x, double bound)
    {
        using var scalar = bound.ToScalar();
        return x.clamp_min(scalar);
    }

    /// <summary>Raises floating-point values to a power.</summary>
    public static Tensor ToThePower(this Tensor x, double power)
    {
        using var scalar = power.ToScalar();
        return x.pow(scalar);
    }

    /// <summary>Returns the integers from 0 to a count, exclusive.</summary>
    public static Tensor Range(long count, Device device)
    {
        using var end = count.ToScalar();
        return arange(Zero, end, One, ScalarType.Int64, device);
    }

    /// <summary>Returns a tensor filled with a number.</summary>
    public static Tensor Full(long[] shape, double value, ScalarType type, Device device)
    {
        using var scalar = value.ToScalar();
        return full(shape, scalar, type, device);
    }
}
