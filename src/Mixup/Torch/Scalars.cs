using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Numbers as arguments of torch. TorchSharp makes a native scalar of a number, and may let the collector free it before libtorch has read
/// it: the call then throws. These live long enough.
/// </summary>
internal static class Scalars
{
    /// <summary>0, for tensors of any type.</summary>
    public static readonly Scalar Zero = 0.ToScalar();

    /// <summary>-0.0, which changes no bit of what it is added to.</summary>
    public static readonly Scalar NegativeZero = (-0.0).ToScalar();

    /// <summary>1, for tensors of any type.</summary>
    public static readonly Scalar One = 1.ToScalar();

    /// <summary>Multiplies floating values by a number.</summary>
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

    /// <summary>Adds a number to floating values.</summary>
    public static Tensor Plus(this Tensor x, double summand)
    {
        using var scalar = summand.ToScalar();
        return x.add(scalar);
    }

    /// <summary>Whether values are above a number.</summary>
    public static Tensor IsAbove(this Tensor x, double bound)
    {
        using var scalar = bound.ToScalar();
        return x.gt(scalar);
    }

    /// <summary>Whether integers are a number.</summary>
    public static Tensor Is(this Tensor x, long value)
    {
        using var scalar = value.ToScalar();
        return x.eq(scalar);
    }

    /// <summary>Lifts floating values to a number at least.</summary>
    public static Tensor AtLeast(this Tensor x, double bound)
    {
        using var scalar = bound.ToScalar();
        return x.clamp_min(scalar);
    }

    /// <summary>Raises floating values to a power.</summary>
    public static Tensor ToThePower(this Tensor x, double power)
    {
        using var scalar = power.ToScalar();
        return x.pow(scalar);
    }

    /// <summary>The integers from 0 on.</summary>
    public static Tensor Range(long count, Device device)
    {
        using var end = count.ToScalar();
        return arange(Zero, end, One, ScalarType.Int64, device);
    }

    /// <summary>A tensor of one number.</summary>
    public static Tensor Full(long[] shape, double value, ScalarType type, Device device)
    {
        using var scalar = value.ToScalar();
        return full(shape, scalar, type, device);
    }
}
