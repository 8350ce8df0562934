using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Checks that several folders share. Each error says what was wrong, what was expected and what to do.</summary>
internal static class Check
{
    /// <summary>Makes the error for an argument of a public method that called the current code.</summary>
    public static ArgumentException Error(string parameter, string message) => new(message, parameter);

    public static double Alpha(double value, [CallerArgumentExpression(nameof(value))] string? name = null) =>
        double.IsFinite(value) && value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(name, value, "Alpha is the parameter of a Beta(alpha, alpha) distribution. Give a " +
                "finite number, 0 (no mixing) or more.");

    public static double Probability(double value, [CallerArgumentExpression(nameof(value))] string? name = null) =>
        value is >= 0 and <= 1
            ? value
            : throw new ArgumentOutOfRangeException(name, value, "The probability of mixing must lie between 0 (never) and 1 (always).");

    /// <summary>Checks a range of fractions.</summary>
    public static (double Least, double Largest) Shares(
        (double Least, double Largest) value, [CallerArgumentExpression(nameof(value))] string? name = null) =>
        value is ( >= 0, <= 1) && value.Least <= value.Largest
            ? value
            : throw new ArgumentOutOfRangeException(name, value, "Shares must lie between 0 and 1, the smaller one first.");

    /// <summary>Checks a range of ratios.</summary>
    public static (double Least, double Largest) Ratios(
        (double Least, double Largest) value, [CallerArgumentExpression(nameof(value))] string? name = null) =>
        value is ( > 0, < double.PositiveInfinity) && value.Least <= value.Largest
            ? value
            : throw new ArgumentOutOfRangeException(name, value, "Ratios must be above 0 and finite, the smaller one first.");

    public static T Defined<T>(T value, [CallerArgumentExpression(nameof(value))] string? name = null) where T : struct, Enum =>
        Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(
                name, value, $"There is no such {typeof(T).Name}; expected one of {string.Join(", ", Enum.GetNames<T>())}.");

    public static bool IsInteger(Tensor tensor) =>
        tensor.dtype is ScalarType.Byte or ScalarType.Int8 or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64 or ScalarType.Bool;

    public static bool IsFloating(ScalarType dtype) =>
        dtype is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64;

    /// <summary>Returns whether values of a type can be blended: floating-point values, and bytes, which are images.</summary>
    public static bool IsBlendable(ScalarType dtype) => IsFloating(dtype) || dtype == ScalarType.Byte;

    /// <summary>Returns the type in which a tensor is blended, weighted and summed: its own, but at least float32.</summary>
    public static ScalarType AccumulationType(Tensor tensor) =>
        tensor.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    /// <summary>Checks that a tensor has the batch as its first dimension.</summary>
    public static void HasBatch(Tensor tensor, long batchSize, string what, string parameter)
    {
        if (tensor.dim() == 0)
        {
            throw new ArgumentException(
                $"{Capital(what)} is a scalar tensor; its first dimension must be the batch, here of {batchSize}. Give a tensor that " +
                "is not reduced over the batch.", parameter);
        }

        if (tensor.size(0) != batchSize)
        {
            throw new ArgumentException(
                $"{Capital(what)} has shape {Shape(tensor)}, but the first dimension must be the batch, here of {batchSize}. " +
                "Move the batch to the front, or draw for this batch.",
                parameter);
        }
    }

    /// <summary>
    /// Checks that a function did not compare every sample with every other one. Torch broadcasts [B, 1] against [B] without a warning.
    /// </summary>
    public static Tensor NotBroadcast(Tensor values, Tensor prediction, Tensor target, string what) =>
        prediction.numel() == target.numel() && values.numel() > target.numel() && !prediction.shape.SequenceEqual(target.shape)
            ? throw Check.Error(
                "prediction",
                $"{what} returned shape {Shape(values)} for a prediction of shape {Shape(prediction)} and a target of shape " +
                $"{Shape(target)}, which broadcast against each other. " +
                "Reshape one, for instance by squeeze(1) or unsqueeze(1).")
            : values;

    /// <summary>Returns the shape in which a vector along one dimension broadcasts against a tensor of a rank.</summary>
    public static long[] Broadcast(long length, int dimension, long rank)
    {
        var shape = new long[rank];
        Array.Fill(shape, 1);
        shape[dimension] = length;
        return shape;
    }

    public static string Capital(string words) => char.ToUpperInvariant(words[0]) + words[1..];

    public static string Shape(Tensor tensor) => $"[{string.Join(", ", tensor.shape)}]";
}
