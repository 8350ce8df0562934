using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>The rows of a batch that one rank gets.</summary>
/// <param name="Start">The first row.</param>
/// <param name="Length">The number of rows.</param>
/// <param name="IsPadding">Whether the batch has none for this rank, which runs the first ones instead so that it keeps step.</param>
internal readonly record struct Share(long Start, long Length, bool IsPadding)
{
    private const int MostBytes = 1 << 16;

    /// <summary>
    /// The share of a rank. The first ranks have one row more if need be. In a short batch only some ranks have rows: two or more, since
    /// the statistics of one are none, as in batch normalisation.
    /// </summary>
    public static Share Of(long samples, int rank, int count)
    {
        var having = Math.Clamp(samples / 2, 1, count);
        var (rows, more) = (samples / having, samples % having);
        return rank >= having
            ? new Share(0, Math.Min(2, samples), true)
            : new Share((rank * rows) + Math.Min(rank, more), rows + (rank < more ? 1 : 0), false);
    }

    /// <summary>Takes the rows of a tensor.</summary>
    public Tensor Take(Tensor tensor) => tensor.narrow(0, Start, Length);

    /// <summary>Describes a batch that every rank reads as a whole.</summary>
    /// <exception cref="InvalidOperationException">It was mixed as a whole.</exception>
    /// <exception cref="ArgumentException">An input has another number of rows than the target.</exception>
    public static WholeBatch Whole(Batch batch)
    {
        if (batch.Step is not null)
        {
            throw new InvalidOperationException(
                "The batch was mixed as a whole, and cannot be shared out among ranks. " +
                "Mix the shares: strategy.Mix(world.Shard(batches)).");
        }

        var samples = batch.Target.dim() > 0 ? batch.Target.shape[0] : 0;
        if (samples == 0 || batch.Inputs.Any(input => input.dim() == 0 || input.shape[0] != samples))
        {
            throw new ArgumentException(
                $"The batch has inputs {string.Join(", ", batch.Inputs.Select(Shapes.Text))} and the target " +
                $"{Shapes.Text(batch.Target)}; expected [B, ...] with the same B, so that it can be shared out among ranks.");
        }

        var fingerprint = new Fingerprint();
        fingerprint.Add(batch.Target, MostBytes);
        foreach (var input in batch.Inputs)
        {
            fingerprint.Add(input, MostBytes);
        }

        return new WholeBatch(samples, fingerprint.Value);
    }
}
