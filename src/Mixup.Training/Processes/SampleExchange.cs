using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Shuffles the samples of a batch over all ranks, so that partners come from all of them (the idea of OpenMixup's
/// <c>batch_shuffle_ddp</c>, MoCo's). Every rank keeps its number of samples.
/// </summary>
internal sealed class SampleExchange
{
    private readonly Communicator communicator;
    private readonly int[][] sent; // the own rows for each rank, in the order of their new places
    private readonly int[][] received; // the new places of the rows from each rank

    /// <summary>Draws where every sample goes.</summary>
    /// <param name="communicator">The ranks.</param>
    /// <param name="samples">The number of samples on each rank.</param>
    /// <param name="seed">The seed, the same on all ranks.</param>
    public SampleExchange(Communicator communicator, int[] samples, int seed)
    {
        this.communicator = communicator;
        int[] order = [.. Enumerable.Range(0, samples.Sum())];
        new Random(seed).Shuffle(order);
        int[] rankOf = [.. samples.SelectMany((count, rank) => Enumerable.Repeat(rank, count))];
        var start = samples.Take(communicator.Rank).Sum();
        int[] All(Func<int, bool> at, Func<int, int> value) => [.. Enumerable.Range(0, order.Length).Where(at).Select(value)];
        int[] ranks = [.. Enumerable.Range(0, communicator.Size)];

        // Place i of the new order belongs to rankOf[i]; the sample for it is order[i], which is on rankOf[order[i]].
        sent = [.. ranks.Select(to => All(i => rankOf[i] == to && rankOf[order[i]] == communicator.Rank, i => order[i] - start))];
        received = [.. ranks.Select(from => All(i => rankOf[i] == communicator.Rank && rankOf[order[i]] == from, i => i - start))];
    }

    /// <summary>Exchanges the rows of tensors that were prepared. All ranks have met before.</summary>
    public Tensor[] Apply(IReadOnlyList<Tensor> prepared, IReadOnlyList<Tensor> like) =>
        [.. prepared.Zip(like, Exchange)];

    /// <summary>The rows to send, on the host. What may fail, fails here.</summary>
    /// <exception cref="ArgumentException">They are more than MPI can number.</exception>
    public Tensor Prepare(Tensor rows)
    {
        if (rows.numel() * rows.element_size() > int.MaxValue)
        {
            throw new ArgumentException(
                $"A batch of shape {Shapes.Text(rows)} has more than 2 GiB, which cannot be exchanged. Use smaller batches.");
        }

        using var index = tensor(sent.SelectMany(own => own).Select(row => (long)row).ToArray(), ScalarType.Int64, rows.device);
        return rows.index_select(0, index).cpu().contiguous();
    }

    private Tensor Exchange(Tensor rows, Tensor like)
    {
        var rowBytes = rows.shape[0] == 0 ? 0 : (int)(rows.numel() / rows.shape[0] * rows.element_size());
        var result = empty_like(rows);
        communicator.Swap(
            rows.bytes,
            [.. sent.Select(own => own.Length * rowBytes)],
            result.bytes,
            [.. received.Select(places => places.Length * rowBytes)]);
        long[] places = [.. received.SelectMany(places => places).Select(place => (long)place)];
        using var index = tensor(places, ScalarType.Int64);
        return empty_like(result).index_copy_(0, index, result).to(like.device);
    }
}
