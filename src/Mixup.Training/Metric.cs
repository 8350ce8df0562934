using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>A figure that is averaged over the samples of an epoch.</summary>
/// <param name="Name">Its name in records and logs.</param>
/// <param name="Unreduced">
/// Takes a prediction and a target and returns [B, ...]: values that are not reduced, so that mixed batches can weigh them.
/// </param>
public sealed record Metric(string Name, Func<Tensor, Tensor, Tensor> Unreduced)
{
    /// <summary>
    /// How much each value counts. Takes a target and returns weights, 0 or more: [B] for one a sample, or the shape of the values.
    /// The figure of an epoch is <c>sum(weight * value) / sum(weight)</c> over all batches. Under mixing both sums are weighted by lambda.
    /// A value of weight 0 is left out, even if it is not finite. If all weights are 0, the figure is not a number.
    /// Default null: all samples count alike, and all values of a sample.
    /// </summary>
    public Func<Tensor, Tensor>? Weights { get; init; }

    /// <summary>The share of hits: logits [B, K, ...] against class ids [B, ...].</summary>
    /// <param name="ignoreIndex">
    /// The id that counts neither as a hit nor as a miss: the loss's. Default -100, as of <c>CrossEntropyLoss</c>.
    /// </param>
    /// <returns>
    /// A metric called <c>accuracy</c>. It refuses predictions of fewer than two classes and targets that are no class ids by an
    /// <see cref="ArgumentException"/>: for others give a function that compares them.
    /// </returns>
    public static Metric Accuracy(long ignoreIndex = -100) =>
        new("accuracy", Hits)
        {
            Weights = target => target.ne(ignoreIndex),
        };

    private static Tensor Hits(Tensor prediction, Tensor target)
    {
        var fits = prediction.dim() > 1 && prediction.dim() == target.dim() + 1 && prediction.shape[1] > 1 && !target.is_floating_point();
        return fits && prediction.shape.Skip(2).SequenceEqual(target.shape.Skip(1))
            ? prediction.argmax(1).eq(target).to(ScalarType.Float32)
            : throw new ArgumentException(
                "The accuracy compares logits [B, K, ...] of two classes or more with class ids [B, ...], but the prediction is " +
                $"[{string.Join(", ", prediction.shape)}] "
                + $"and the target {target.dtype} [{string.Join(", ", target.shape)}]. " +
                    "Give a metric of your own, such as new Metric(\"accuracy\", (p, t) => p.argmax(1).eq(t.argmax(1))) for soft labels, " +
                    "or p.gt(0).eq(t.gt(0.5)) for binary ones.");
    }

    /// <summary>Adds what the batch at hand has of this figure.</summary>
    internal void AddTo(RunningMean mean, TrainingState state, long samples)
    {
        if (Weights is not { } weights)
        {
            mean.Add(state.MetricFunction(Checked).mean(), samples);
            return;
        }

        // Mixing weighs what a function of prediction and target returns: so numerator and denominator are such functions, of one shape.
        long[] shape = [];
        var values = state.MetricFunction((prediction, target) =>
        {
            var value = Checked(prediction, target);
            shape = value.shape;
            var weight = WeightsOf(weights, target, shape, value.dtype);
            return value.mul(weight).masked_fill(weight.eq(0), 0); // 0 times infinity is not a number
        });
        var counted = state.MetricFunction((_, target) => WeightsOf(weights, target, shape, values.dtype));
        mean.AddWeighted(values.sum(ScalarType.Float64), counted.sum(ScalarType.Float64));
    }

    // [B, 1] against [B] broadcasts to [B, B] without a word.
    private Tensor Checked(Tensor prediction, Tensor target)
    {
        var values = Unreduced(prediction, target);
        return prediction.numel() != target.numel() || values.numel() <= target.numel() || prediction.shape.SequenceEqual(target.shape)
            ? values
            : throw new ArgumentException(
                $"Metric '{Name}' returned shape [{string.Join(", ", values.shape)}] for a prediction of shape " +
                $"[{string.Join(", ", prediction.shape)}] and a target of shape "
                + $"[{string.Join(", ", target.shape)}], which broadcast against each other. " +
                    "Reshape one, for instance by squeeze(1) or unsqueeze(1).");
    }

    private Tensor WeightsOf(Func<Tensor, Tensor> weights, Tensor target, long[] shape, ScalarType dtype)
    {
        var weight = weights(target).to(dtype == ScalarType.Float64 ? dtype : ScalarType.Float32);
        var given = weight.shape;
        while (weight.dim() > 0 && weight.dim() < shape.Length)
        {
            weight = weight.unsqueeze(-1); // the batch comes first
        }

        return weight.dim() == shape.Length && weight.shape.Zip(shape).All(size => size.First == size.Second || size.First == 1)
            ? weight.expand(shape)
            : throw new ArgumentException(
                $"The weights of metric '{Name}' have shape [{string.Join(", ", given)}], "
                + $"but its values have shape [{string.Join(", ", shape)}]. Return one weight for each value, or one for each sample.");
    }
}

/// <summary>A mean over samples that is kept on the device until somebody asks.</summary>
internal sealed class RunningMean : IDisposable
{
    private Tensor? total;
    private Tensor? weights; // beside the samples: what only the device knows
    private long samples;

    public double Value
    {
        get
        {
            if (total is null)
            {
                return double.NaN;
            }

            using var onHost = total.cpu();
            using var weightsOnHost = weights?.cpu();
            return onHost.ToDouble() / (samples + (weightsOnHost?.ToDouble() ?? 0));
        }
    }

    /// <summary>Adds the mean of a batch.</summary>
    public void Add(Tensor mean, long batchSize)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        AddSum(mean.detach().to(ScalarType.Float64).mul(batchSize), batchSize);
    }

    /// <summary>Adds the sum of a batch.</summary>
    public void AddSum(Tensor sum, long batchSize)
    {
        Accumulate(ref total, sum);
        samples += batchSize;
    }

    /// <summary>Adds a sum of weighted values, and that of their weights.</summary>
    public void AddWeighted(Tensor sum, Tensor weight)
    {
        Accumulate(ref total, sum);
        Accumulate(ref weights, weight);
    }

    public void Dispose()
    {
        total?.Dispose();
        weights?.Dispose();
        (total, weights) = (null, null);
    }

    private static void Accumulate(ref Tensor? total, Tensor value)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var wide = value.detach().to(ScalarType.Float64);
        var sum = (total is null ? wide.clone() : total.add(wide)).DetachFromDisposeScope();
        total?.Dispose();
        total = sum;
    }
}
