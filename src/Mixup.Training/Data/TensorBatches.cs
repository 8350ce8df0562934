using System.Collections;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Cuts tensors that hold a whole data set into batches, shuffled anew for every epoch from a seed of its own.</summary>
/// <remarks>The tensors stay the caller's. A batch is a copy, made in the dispose scope of whoever enumerates.</remarks>
public sealed class TensorBatches : IEnumerable<Batch>, IEpochAware, ICountsBatches
{
    private readonly Tensor inputs;
    private readonly Tensor targets;
    private readonly int batchSize;
    private readonly int? shuffleSeed;
    private int epoch;
    private bool isSet; // since the last enumeration
    private bool isUsed; // an enumeration had this epoch

    /// <summary>Cuts two tensors.</summary>
    /// <param name="inputs">[N, ...].</param>
    /// <param name="targets">[N, ...], on the same device.</param>
    /// <param name="batchSize">B, 1 or more; the last batch may be smaller.</param>
    /// <param name="shuffleSeed">Seed of the order. Default null: the order of the tensors, for validation.</param>
    /// <exception cref="ArgumentException">The tensors are empty or not of one length.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> is below 1.</exception>
    public TensorBatches(Tensor inputs, Tensor targets, int batchSize, int? shuffleSeed = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        if (inputs.dim() == 0 || targets.dim() == 0 || inputs.shape[0] != targets.shape[0] || inputs.shape[0] == 0)
        {
            throw new ArgumentException(
                $"Inputs of shape [{string.Join(", ", inputs.shape)}] and targets of shape [{string.Join(", ", targets.shape)}] are no " +
                "data set: one target for each of one input or more is expected.");
        }

        (this.inputs, this.targets, this.batchSize, this.shuffleSeed) = (inputs, targets, batchSize, shuffleSeed);
    }

    /// <summary>
    /// Gets or sets the epoch, from 0, whose order the next enumeration has. Under a learner it is the learner's epoch, behind LINQ as
    /// well, so that a resumed run is exact. In a loop by hand every enumeration after the first advances it, so that each has another
    /// order.
    /// </summary>
    public int Epoch
    {
        get => epoch;
        set => (epoch, isSet) = (value, true);
    }

    /// <summary>The number of batches in an epoch.</summary>
    public int Count => (int)((inputs.shape[0] + batchSize - 1) / batchSize);

    int? ICountsBatches.BatchCount => Count;

    /// <inheritdoc/>
    public IEnumerator<Batch> GetEnumerator()
    {
        epoch = isSet ? epoch : Learner.CurrentEpoch ?? (isUsed ? epoch + 1 : epoch);
        (isSet, isUsed) = (false, true);
        var order = Enumerable.Range(0, (int)inputs.shape[0]).Select(i => (long)i).ToArray();
        if (shuffleSeed is { } seed)
        {
            new Random(unchecked((seed * 1_000_003) + epoch)).Shuffle(order);
        }

        foreach (var chunk in order.Chunk(batchSize))
        {
            using var index = tensor(chunk, ScalarType.Int64, inputs.device);
            yield return new Batch(inputs.index(TensorIndex.Tensor(index)), targets.index(TensorIndex.Tensor(index)));
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
