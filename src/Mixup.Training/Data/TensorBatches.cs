using System.Collections;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Cuts tensors that hold a whole data set into batches, on request in a new random order for every epoch.</summary>
/// <remarks>The tensors stay the caller's. A batch is a copy in the dispose scope of the code that enumerates.</remarks>
public sealed class TensorBatches : IEnumerable<Batch>, IEpochAware, ICountsBatches, IShardedSource
{
    private readonly IReadOnlyList<Tensor> inputs;
    private readonly Tensor targets;
    private readonly int batchSize;
    private readonly int samples;
    private int epoch;
    private bool isSet; // since the last enumeration
    private bool isUsed; // an enumeration had this epoch
    private (int Rank, int Count) shard = (0, 1);
    private long[] sharedOrder = []; // of the enumeration that is shared out

    /// <summary>Cuts a tensor of inputs and one of targets.</summary>
    /// <param name="inputs">[N, ...].</param>
    /// <param name="targets">[N, ...], on the same device.</param>
    /// <param name="batchSize">B, 1 or more.</param>
    /// <exception cref="ArgumentException">The tensors are empty, of different lengths or on different devices.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> is below 1.</exception>
    public TensorBatches(Tensor inputs, Tensor targets, int batchSize)
        : this([inputs], targets, batchSize)
    {
    }

    /// <summary>Cuts the tensors of a model with several inputs, and one of targets.</summary>
    /// <param name="inputs">One tensor or more, [N, ...] each, in the order in which the model takes them.</param>
    /// <param name="targets">[N, ...], on the same device.</param>
    /// <param name="batchSize">B, 1 or more.</param>
    /// <exception cref="ArgumentException">
    /// There is no input, or the tensors are empty, of different lengths or on different devices.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> is below 1.</exception>
    public TensorBatches(IReadOnlyList<Tensor> inputs, Tensor targets, int batchSize)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        foreach (var input in inputs)
        {
            ArgumentNullException.ThrowIfNull(input, nameof(inputs));
        }

        ArgumentNullException.ThrowIfNull(targets);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        if (inputs.Count == 0)
        {
            throw new ArgumentException("There is no input. Give one tensor or more.", nameof(inputs));
        }

        foreach (var input in inputs)
        {
            if (input.dim() == 0 || targets.dim() == 0 || input.shape[0] != targets.shape[0] || input.shape[0] is 0 or > int.MaxValue)
            {
                throw new ArgumentException(
                    $"The inputs have shape {Shapes.Text(input)} and the targets {Shapes.Text(targets)}. " +
                    "They must be non-empty and of equal length along their first dimension.",
                    nameof(inputs));
            }

            if (input.device.ToString() != targets.device.ToString())
            {
                throw new ArgumentException(
                    $"The inputs are on {input.device} and the targets on {targets.device}. Move them to one device.", nameof(inputs));
            }
        }

        (this.inputs, this.targets, this.batchSize, samples) = ([.. inputs], targets, batchSize, (int)targets.shape[0]);
    }

    /// <summary>Gets whether every epoch has a random order, from <see cref="Seed"/>. Default false: the order of the tensors.</summary>
    public bool Shuffle { get; init; }

    /// <summary>
    /// Gets the seed of the random orders. It is independent of torch's generator, so that a run that resumes has the same batches.
    /// Default 0.
    /// </summary>
    public ulong Seed { get; init; }

    /// <summary>
    /// Gets whether a last batch that is smaller than the others is left out, as the <c>drop_last</c> of PyTorch. Default false. With
    /// fewer samples than one batch there is no batch.
    /// </summary>
    public bool DropLast { get; init; }

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

    /// <summary>Gets the number of batches in an epoch.</summary>
    public int Count => DropLast ? samples / batchSize : (int)(((long)samples + batchSize - 1) / batchSize);

    int? ICountsBatches.BatchCount => Count;

    void IShardedSource.SetShard(int rank, int count) => shard = (rank, count);

    WholeBatch IShardedSource.Whole(int index)
    {
        var rows = sharedOrder.AsSpan()[(index * batchSize)..];
        rows = rows[..Math.Min(batchSize, rows.Length)];
        var fingerprint = new Fingerprint();
        fingerprint.Add(MemoryMarshal.AsBytes(rows));
        return new WholeBatch(rows.Length, fingerprint.Value);
    }

    /// <summary>Returns what is cut and how, for the comparison of ranks.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        $"TensorBatches of {samples} samples, batch size {batchSize}, {nameof(Shuffle)} = {Shuffle}, {nameof(Seed)} = {Seed}, " +
        $"{nameof(DropLast)} = {DropLast}";

    /// <inheritdoc/>
    public IEnumerator<Batch> GetEnumerator()
    {
        epoch = isSet ? epoch : EpochOfFit.Current ?? (isUsed ? epoch + 1 : epoch);
        (isSet, isUsed) = (false, true);
        long[] order = [.. Enumerable.Range(0, samples)];
        if (Shuffle)
        {
            var seed = unchecked((int)(Seed ^ (Seed >> 32)));
            new Random(unchecked((seed * 1_000_003) + epoch)).Shuffle(order);
        }

        // A share is for one enumeration. A callback may enumerate the same batches meanwhile, and gets them whole.
        var (rank, count) = shard;
        shard = (0, 1);
        sharedOrder = count > 1 ? order : sharedOrder;
        return Cut(order, rank, count).GetEnumerator();
    }

    private IEnumerable<Batch> Cut(long[] order, int rank, int count)
    {
        foreach (var chunk in order.Chunk(batchSize).Take(Count))
        {
            var share = Share.Of(chunk.Length, rank, count);
            using var index = tensor(chunk.AsSpan((int)share.Start, (int)share.Length).ToArray(), ScalarType.Int64, targets.device);
            var rows = TensorIndex.Tensor(index);
            yield return new Batch([.. inputs.Select(input => input.index(rows))], targets.index(rows));
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
