using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// A figure of an epoch beside the loss. Most are means over samples, such as the accuracy. <see cref="OfAll"/> makes one that needs all
/// predictions at once, such as an F1 score.
/// </summary>
public sealed class Metric
{
    private readonly Func<Metric, bool, IMetricTotal?> begin;

    /// <summary>Creates a metric that is a mean over samples.</summary>
    /// <param name="name">The name in records and logs.</param>
    /// <param name="values">
    /// Takes a prediction and a target and returns [B, ...]: one value or more for each sample, not reduced, so that mixing can weigh them.
    /// </param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty.</exception>
    public Metric(string name, Func<Tensor, Tensor, Tensor> values)
        : this(name, (metric, _) => new MeanTotal(metric, values)) => ArgumentNullException.ThrowIfNull(values);

    private Metric(string name, Func<Metric, bool, IMetricTotal?> begin)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        (Name, this.begin) = (name, begin);
    }

    /// <summary>Gets the name in records and logs.</summary>
    public string Name { get; }

    /// <summary>
    /// Gets the function that weighs the values of a mean. It takes a target and returns weights, 0 or more: [B] for one a sample, or the
    /// shape of the values. The figure of an epoch is <c>sum(weight * value) / sum(weight)</c> over all batches; under mixing both sums are
    /// weighted by lambda. A value of weight 0 is left out, even if it is not finite. If all weights are 0, the figure is not a number.
    /// Default null: all samples weigh the same, and all values of a sample.
    /// </summary>
    public Func<Tensor, Tensor>? Weights { get; init; }

    /// <summary>Creates the accuracy: the fraction of logits [B, K, ...] whose largest is at the class id in [B, ...].</summary>
    /// <param name="ignoreIndex">The class id to leave out. Default -100, as in <c>CrossEntropyLoss</c>.</param>
    /// <returns>
    /// A metric called <c>accuracy</c>. It refuses predictions of fewer than two classes, and targets that are not class ids, by an
    /// <see cref="ArgumentException"/>. For those give a function that compares them.
    /// </returns>
    public static Metric Accuracy(long ignoreIndex = -100) => Hits("accuracy", 1, ignoreIndex);

    /// <summary>Creates the top-k accuracy: the fraction of logits [B, K, ...] that have the class id among their k largest.</summary>
    /// <param name="k">k, 1 or more.</param>
    /// <param name="ignoreIndex">The class id to leave out. Default -100, as in <c>CrossEntropyLoss</c>.</param>
    /// <returns>
    /// A metric called <c>top5_accuracy</c>, if k is 5. It refuses predictions of fewer than k classes by an
    /// <see cref="ArgumentException"/>.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="k"/> is below 1.</exception>
    public static Metric TopKAccuracy(int k, long ignoreIndex = -100)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        return Hits(FormattableString.Invariant($"top{k}_accuracy"), k, ignoreIndex);
    }

    /// <summary>Creates the mean absolute error of predictions against targets of the same shape.</summary>
    /// <returns>A metric called <c>mean_absolute_error</c>.</returns>
    public static Metric MeanAbsoluteError() => Error("mean_absolute_error", error => error.abs());

    /// <summary>Creates the mean squared error of predictions against targets of the same shape.</summary>
    /// <returns>A metric called <c>mean_squared_error</c>.</returns>
    public static Metric MeanSquaredError() => Error("mean_squared_error", error => error.square());

    /// <summary>
    /// Creates a metric of all predictions and targets at once, such as an F1 score or the area under a curve. It is computed in validation
    /// and by <see cref="Learner.Evaluate(IEnumerable{Batch}, CancellationToken)"/>, and has no value in training, where targets are mixed.
    /// </summary>
    /// <param name="name">The name in records and logs.</param>
    /// <param name="compute">
    /// Takes the predictions and the targets of all samples, [N, ...] each, on the CPU, and returns the figure. Both are freed afterwards.
    /// </param>
    /// <returns>The metric.</returns>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty.</exception>
    public static Metric OfAll(string name, Func<Tensor, Tensor, double> compute)
    {
        ArgumentNullException.ThrowIfNull(compute);
        return new Metric(name, (metric, training) => training ? null : new PredictionTotal(metric, compute));
    }

    /// <summary>Returns the same metric under another name, for a learner with two of a kind.</summary>
    /// <param name="name">The name in records and logs.</param>
    /// <returns>The metric.</returns>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty.</exception>
    public Metric Named(string name) => new(name, begin) { Weights = Weights };

    /// <summary>Returns the same metric with other weights, see <see cref="Weights"/>.</summary>
    /// <param name="weights">Takes a target and returns weights, 0 or more: [B] for one a sample, or the shape of the values.</param>
    /// <returns>The metric.</returns>
    public Metric WeightedBy(Func<Tensor, Tensor> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return new(Name, begin) { Weights = weights };
    }

    /// <summary>Returns the name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;

    /// <summary>Begins to measure half an epoch. Returns null if the metric has no value there.</summary>
    internal IMetricTotal? Begin(bool training) => begin(this, training);

    /// <summary>Whether the metric has a value in a half of an epoch.</summary>
    internal bool HasValue(bool training)
    {
        using var total = Begin(training);
        return total is not null;
    }

    private static Metric Error(string name, Func<Tensor, Tensor> of) => new(name, (prediction, target) =>
        prediction.shape.SequenceEqual(target.shape)
            ? of(prediction.sub(target))
            : throw new ArgumentException(
                $"The {name} compares tensors of one shape, but the prediction is {Shapes.Text(prediction)} and the target " +
                $"{Shapes.Text(target)}. Reshape one, for instance by squeeze(1) or unsqueeze(1)."));

    private static Metric Hits(string name, int k, long ignoreIndex) => new(name, (prediction, target) =>
    {
        ThrowIfNotClasses(prediction, target, k);
        return k == 1
            ? prediction.argmax(1).eq(target).to(ScalarType.Float32)
            : prediction.topk(k, 1).indexes.eq(target.unsqueeze(1)).any(1).to(ScalarType.Float32);
    })
    {
        Weights = target => target.ne(ignoreIndex),
    };

    private static void ThrowIfNotClasses(Tensor prediction, Tensor target, int k)
    {
        var least = Math.Max(k, 2);
        if (prediction.dim() < 2 || prediction.dim() != target.dim() + 1 || prediction.shape[1] < least || target.is_floating_point()
            || !prediction.shape.Skip(2).SequenceEqual(target.shape.Skip(1)) || prediction.shape[0] != target.shape[0])
        {
            throw new ArgumentException(
                $"The accuracy compares logits [B, K, ...] of {least} classes or more with class ids [B, ...], but the prediction is " +
                $"{Shapes.Text(prediction)} and the target {target.dtype} {Shapes.Text(target)}. " +
                "Give a metric of your own, such as new Metric(\"accuracy\", (p, t) => p.argmax(1).eq(t.argmax(1)).to(float32)) for " +
                "soft labels, or p.gt(0).eq(t.gt(0.5)).to(float32) for binary ones.");
        }
    }
}
