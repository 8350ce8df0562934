using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>A mean over samples. It stays on the device until it is read.</summary>
internal sealed class RunningMean : IDisposable
{
    private Tensor? total;
    private Tensor? weights; // weights that only the device knows
    private long samples;
    private (double Sum, double Weight)? sums; // on the host, at the end

    public double Value
    {
        get
        {
            if (sums is { } known)
            {
                return known.Sum / known.Weight;
            }

            if (total is null)
            {
                return double.NaN;
            }

            using var onHost = total.cpu();
            using var weightsOnHost = weights?.cpu();
            return onHost.ToDouble() / (samples + (weightsOnHost?.ToDouble() ?? 0));
        }
    }

    /// <summary>Adds the mean of a batch by its weight. A mean of weight 0 does not count, even if it is not a number.</summary>
    public void AddMean(Tensor mean, Tensor weight)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var of = weight.to(mean.device);
        AddWeighted(mean.detach().to(ScalarType.Float64).mul(of).masked_fill(of.eq(Scalars.Zero), Scalars.Zero), of);
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

    /// <summary>Adds a sum of weighted values, and the sum of their weights.</summary>
    public void AddWeighted(Tensor sum, Tensor weight)
    {
        Accumulate(ref total, sum);
        Accumulate(ref weights, weight);
    }

    /// <summary>Moves the sums to the host, for <see cref="Combine"/>.</summary>
    public void Prepare()
    {
        using var onHost = total?.cpu();
        using var weightsOnHost = weights?.cpu();
        sums = (onHost?.ToDouble() ?? 0, samples + (weightsOnHost?.ToDouble() ?? 0));
    }

    /// <summary>Adds the sums of the other ranks. All have met before.</summary>
    public void Combine(Communicator communicator)
    {
        var all = communicator.Add(sums!.Value.Sum, sums.Value.Weight);
        sums = (all[0], all[1]);
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
