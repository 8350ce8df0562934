namespace TorchSharp.Mixup.Ranks;

/// <summary>
/// In one process, the draws that several ranks make for their shares of each batch: partners are within a share. It is written without the
/// library's own code for shares.
/// </summary>
internal sealed class ReplayedRanks(int ranks, Func<IMixupStrategy> create) : IMixupStrategy
{
    private readonly IMixupStrategy whole = create();
    private readonly IMixupStrategy[] shares = [.. Enumerable.Range(0, ranks).Select(rank => With(create(), rank))];

    public MixupState State { get => whole.State; set => whole.State = value; }

    public int? Epoch
    {
        get => whole.Epoch;
        set
        {
            whole.Epoch = value;
            Array.ForEach(shares, share => share.Epoch = value);
        }
    }

    public int? Epochs
    {
        get => whole.Epochs;
        set
        {
            whole.Epochs = value;
            Array.ForEach(shares, share => share.Epochs = value);
        }
    }

    public int Rank { get; set; }

    public MixupStep Begin(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw = null)
    {
        var total = (int)target.shape[0];
        var (fields, partners) = (new List<Field>(), new List<long>());
        MixupPlace? place = null;
        Mix? first = null;
        for (var (rank, start) = (0, 0); rank < ranks; rank++)
        {
            var having = Math.Clamp(total / 2, 1, ranks); // ranks with rows: two or more each
            var count = rank < having ? (total / having) + (rank < total % having ? 1 : 0) : 0;
            var (from, rows) = count == 0 ? (0, Math.Min(2, total)) : (start, count);
            using var step = shares[rank].Begin([.. inputs.Select(input => input.narrow(0, from, rows))], target.narrow(0, from, rows));
            if (place is not null && place != step.Draw.Place)
            {
                throw new InvalidOperationException($"Rank {rank} mixes at {step.Draw.Place}, rank 0 at {place}.");
            }

            place = step.Draw.Place;
            first ??= step.Draw.Mix;
            if (count > 0)
            {
                fields.AddRange(step.Draw.Mix.Fields);
                partners.AddRange(step.Draw.Mix.Partners.Select(partner => partner + start));
            }

            start += count;
        }

        return whole.Begin(inputs, target, new MixupDraw(new Mix(fields, partners, first!.Outputs, extent: first.Extent), place!));
    }

    private static IMixupStrategy With(IMixupStrategy strategy, int rank)
    {
        strategy.Rank = rank;
        return strategy;
    }
}
