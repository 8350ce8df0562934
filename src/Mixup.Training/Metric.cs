using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>A figure that is averaged over the samples of an epoch.</summary>
/// <param name="Name">Its name in records and logs.</param>
/// <param name="Unreduced">Takes a prediction and a target and returns [B, ...]: values that are not reduced, so that mixed batches can weigh them.</param>
public sealed record Metric(string Name, Func<Tensor, Tensor, Tensor> Unreduced)
{
    /// <summary>The share of hits: logits [B, K, ...] against class ids [B, ...].</summary>
    public static Metric Accuracy { get; } = new("accuracy", (prediction, target) => prediction.argmax(1).eq(target).to(ScalarType.Float32));
}

/// <summary>A mean over samples that is kept on the device until somebody asks.</summary>
internal sealed class RunningMean : IDisposable
{
    private Tensor? total;
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
            return onHost.ToDouble() / samples;
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
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var wide = sum.detach().to(ScalarType.Float64);
        var added = (total is null ? wide.clone() : total.add(wide)).DetachFromDisposeScope();
        total?.Dispose();
        (total, samples) = (added, samples + batchSize);
    }

    public void Dispose()
    {
        total?.Dispose();
        total = null;
    }
}
