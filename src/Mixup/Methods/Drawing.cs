using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What a method draws with: the generator, the extent of the samples, and whose field it is.</summary>
public sealed class Drawing
{
    private readonly Extent? extent;
    private readonly ExtentPosition position;
    private readonly Dictionary<object, object> made;

    internal Drawing(
        Random random,
        IReadOnlyList<Tensor> inputs,
        Extent? extent,
        ExtentPosition position,
        int sample,
        long partner,
        Dictionary<object, object> made) =>
        (Random, Inputs, this.extent, this.position, Sample, Partner, this.made) = (
            random, inputs, extent, position, sample, partner, made);

    /// <summary>Gets the generator that every draw comes from. The same seed and batch number give the same draws.</summary>
    public Random Random { get; }

    /// <summary>Gets the inputs of the batch. They must not be modified.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>Gets the number of the sample that the field is for; of several that share it, the first.</summary>
    public int Sample { get; }

    /// <summary>Gets the number of its partner.</summary>
    public long Partner { get; }

    /// <summary>Gets the extent of the samples: that of the first input.</summary>
    /// <exception cref="ArgumentException">The first input has none.</exception>
    public Extent Extent => extent ?? throw Check.Error(
        "inputs",
        $"The first input has shape {Check.Shape(Inputs[0])}, which has no extent to cut along; expected [B, C, ...]. " +
        "For [B, T] set MixupOptions.ExtentDimensions to 1, or use Interpolation.");

    /// <summary>The first input as [B, C, ...], wherever it has its extent; of one channel if it has none.</summary>
    internal Tensor ChannelsFirst
    {
        get
        {
            var x = Inputs[0];
            return x.dim() == Extent.Count + 1 ? x.unsqueeze(1) : position == ExtentPosition.BehindBatch ? x.movedim([-1], [1]) : x.alias();
        }
    }

    /// <summary>Draws from Beta(alpha, alpha).</summary>
    /// <param name="alpha">The concentration, 0 or more.</param>
    /// <returns>A number from 0 to 1. With alpha 0 always 1: nothing is mixed.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The concentration is negative, infinite or not a number.</exception>
    public double Beta(double alpha) => BetaSampler.Draw(Check.Alpha(alpha), Random);

    /// <summary>
    /// Makes something once for the batch, such as what must be read back from a device, and hands it out again to all draws of the batch.
    /// </summary>
    /// <typeparam name="T">The type of what is made. A tensor is freed when the fields are drawn.</typeparam>
    /// <param name="key">What is made, compared by value: the method itself, if it makes one thing.</param>
    /// <param name="make">Makes it.</param>
    /// <returns>What was made for this key.</returns>
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
