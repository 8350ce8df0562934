using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>A metric over the batches of half an epoch.</summary>
internal interface IMetricTotal : IDisposable
{
    /// <summary>The value of the batches so far. This waits for the device.</summary>
    double Value { get; }

    /// <summary>Makes ready for <see cref="Combine"/>. What may fail, fails here.</summary>
    void Prepare();

    /// <summary>Adds what the other ranks have. All ranks have met before.</summary>
    void Combine(Communicator communicator);

    /// <summary>Passes over a batch of which this rank has no sample.</summary>
    void Skip();

    /// <summary>Adds the current batch.</summary>
    void Add(Tensor prediction, Tensor target, MetricEvaluator evaluate, long samples);
}

/// <summary>The mean of values over samples.</summary>
internal sealed class MeanTotal(Metric metric, Func<Tensor, Tensor, Tensor> values) : IMetricTotal
{
    private readonly RunningMean mean = new();

    public double Value => mean.Value;

    public void Prepare() => mean.Prepare();

    public void Combine(Communicator communicator) => mean.Combine(communicator);

    public void Skip()
    {
    }

    public void Add(Tensor prediction, Tensor target, MetricEvaluator evaluate, long samples)
    {
        if (metric.Weights is not { } weights)
        {
            mean.Add(evaluate(Checked).mean(), samples);
            return;
        }

        // Mixing weighs the result of a function of prediction and target, so numerator and denominator are such functions, of one shape.
        long[] shape = [];
        var weighted = evaluate((p, t) =>
        {
            var value = Checked(p, t);
            shape = value.shape;
            var weight = WeightsOf(weights, t, shape, value.dtype);
            return value.mul(weight).masked_fill(weight.eq(0), 0); // 0 times infinity is not a number
        });
        var total = evaluate((_, t) => WeightsOf(weights, t, shape, weighted.dtype));
        mean.AddWeighted(weighted.sum(ScalarType.Float64), total.sum(ScalarType.Float64));
    }

    public void Dispose() => mean.Dispose();

    private Tensor Checked(Tensor prediction, Tensor target)
    {
        var value = Shapes.Unbroadcast($"Metric '{metric.Name}'", values(prediction, target), prediction, target);
        return value.is_floating_point() ? value : value.to(ScalarType.Float64); // a comparison gives Bool, which has no mean
    }

    private Tensor WeightsOf(Func<Tensor, Tensor> weights, Tensor target, long[] shape, ScalarType dtype)
    {
        var weight = weights(target).to(dtype == ScalarType.Float64 ? dtype : ScalarType.Float32);
        var given = weight.shape;
        while (weight.dim() > 0 && weight.dim() < shape.Length)
        {
            weight = weight.unsqueeze(-1); // one weight a sample
        }

        return weight.dim() == shape.Length && weight.shape.Zip(shape).All(size => size.First == size.Second || size.First == 1)
            ? weight.expand(shape)
            : throw new ArgumentException(
                $"The weights of metric '{metric.Name}' have shape {Shapes.Text(given)}, but its values have shape {Shapes.Text(shape)}. " +
                "Return one weight for each value, or one for each sample.");
    }
}

/// <summary>A function of all predictions and targets.</summary>
internal sealed class PredictionTotal(Metric metric, Func<Tensor, Tensor, double> compute) : IMetricTotal
{
    private readonly TensorParts predictions = new($"The predictions of metric '{metric.Name}'");
    private readonly TensorParts targets = new($"The targets of metric '{metric.Name}'");

    public double Value
    {
        get
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            return compute(predictions.Join(), targets.Join());
        }
    }

    public void Prepare()
    {
        predictions.Prepare();
        targets.Prepare();
    }

    public void Combine(Communicator communicator)
    {
        predictions.Combine(communicator);
        targets.Combine(communicator);
    }

    public void Skip()
    {
        predictions.Skip();
        targets.Skip();
    }

    public void Add(Tensor prediction, Tensor target, MetricEvaluator evaluate, long samples)
    {
        predictions.Add(prediction);
        targets.Add(target);
    }

    public void Dispose()
    {
        predictions.Dispose();
        targets.Dispose();
    }
}
