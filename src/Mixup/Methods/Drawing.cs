using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The context of <see cref="Method.Draw"/>: the random generator, the extent, and the sample of the field.</summary>
public sealed class Drawing
{
    private readonly Extent? extent;
    private readonly ExtentPosition position;
    private readonly Dictionary<object, object> made;

    internal Drawing(
        Random random,
        Random shared,
        IReadOnlyList<Tensor> inputs,
        Extent? extent,
        ExtentPosition position,
        int sample,
        long partner,
        Dictionary<object, object> made) =>
        (Random, Shared, Inputs, this.extent, this.position, Sample, Partner, this.made) = (
            random, shared, inputs, extent, position, sample, partner, made);

    /// <summary>Gets the random generator for all draws. The same seed, batch number and rank give the same numbers.</summary>
    public Random Random { get; }

    /// <summary>Gets the generator whose numbers are the same on all ranks. On rank 0 it is <see cref="Random"/> itself.</summary>
    internal Random Shared { get; }

    /// <summary>Gets the inputs of the batch. They must not be modified.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>Gets the number of the sample of the field; the first of several that share the field.</summary>
    public int Sample { get; }

    /// <summary>Gets the number of the partner of the sample.</summary>
    public long Partner { get; }

    /// <summary>Gets the extent of the first input.</summary>
    /// <exception cref="ArgumentException">The first input has no extent.</exception>
    public Extent Extent => extent ?? throw Check.Error(
        "inputs",
        $"The first input has shape {Check.Shape(Inputs[0])}, which has no extent to cut along; expected [B, C, ...]. " +
        "For [B, T] set MixupOptions.ExtentDimensions to 1, or use Interpolation.");

    /// <summary>Gets the first input as [B, C, ...], with one channel if it has none.</summary>
    internal Tensor ChannelsFirst
    {
        get
        {
            var x = Inputs[0];
            return x.dim() == Extent.Count + 1 ? x.unsqueeze(1) : position == ExtentPosition.BehindBatch ? x.movedim([-1], [1]) : x.alias();
        }
    }

    /// <summary>Draws from Beta(alpha, alpha).</summary>
    /// <param name="alpha">The parameter of the distribution, 0 or more.</param>
    /// <returns>A number from 0 to 1. Alpha 0 returns 1: no mixing.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative, infinite or not a number.</exception>
    public double Beta(double alpha) => BetaSampler.Draw(Check.Alpha(alpha), Random);

    /// <summary>
    /// Computes a value once per batch and returns it to all draws of the batch. Use it for data that must be copied from a device.
    /// </summary>
    /// <typeparam name="T">The type of the value. A tensor is freed after the fields are drawn.</typeparam>
    /// <param name="key">The key of the value, compared by <c>Equals</c>: for instance the method itself.</param>
    /// <param name="make">The function that computes the value.</param>
    /// <returns>The value of this key.</returns>
    public T Once<T>(object key, Func<T> make)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(make);
        if (!made.TryGetValue(key, out var value))
        {
            made.Add(key, value = make());
        }

        return (T)value;
    }
}
