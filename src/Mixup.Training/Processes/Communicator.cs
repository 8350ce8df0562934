using System.Runtime.InteropServices;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// The processes that train one model together, each with a rank. A derived class carries bytes between them: the package
/// TorchSharp.Mixup.Training.Mpi has one for MPI.
/// </summary>
/// <remarks>
/// All ranks call the same functions in the same order. If one throws, fails or ends instead, the others get a
/// <see cref="RankFailedException"/>, and none waits for ever. Use a communicator from one thread at a time.
/// </remarks>
public abstract class Communicator
{
    /// <summary>Creates a communicator.</summary>
    /// <param name="rank">The number of this process, from 0.</param>
    /// <param name="size">The number of processes, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rank"/> is not from 0 to size - 1.</exception>
    protected Communicator(int rank, int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(size, rank);
        (Rank, Size) = (rank, size);
        Meetings = new Meetings(this);
        Buckets = new GradientBuckets(this);
    }

    /// <summary>Gets the number of this process, from 0.</summary>
    public int Rank { get; }

    /// <summary>Gets the number of processes, 1 or more.</summary>
    public int Size { get; }

    /// <summary>Gets whether this is rank 0, which writes logs and checkpoints.</summary>
    public bool IsFirst => Rank == 0;

    /// <summary>
    /// Gets whether <see cref="Sum"/> takes addresses on a CUDA device. Default false: gradients pass through host memory.
    /// </summary>
    public virtual bool SumsOnDevice => false;

    internal Meetings Meetings { get; }

    internal GradientBuckets Buckets { get; }

    /// <summary>
    /// Gives all ranks the weights and buffers that the model has on rank 0. Buffers that no checkpoint saves are left out.
    /// </summary>
    /// <param name="model">The model, with the same names, shapes and types on all ranks.</param>
    /// <exception cref="InvalidOperationException">The models of two ranks differ. The error names the first difference.</exception>
    /// <exception cref="RankFailedException">Another rank failed or ended.</exception>
    public void Broadcast(nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Together(() =>
        {
            var description = RankDescription.OfModel(model);
            using var state = ModelState.Of(model);
            Meetings.Meet(new Meeting(MeetingPoint.Broadcast));
            description.Compare(this);
            state.Broadcast(this);
        });
    }

    /// <summary>
    /// Gives a strategy its rank, and the random state that it has on rank 0, so that all ranks draw the same place and method.
    /// </summary>
    /// <param name="strategy">The strategy.</param>
    /// <exception cref="RankFailedException">Another rank failed or ended.</exception>
    public void Broadcast(IMixupStrategy strategy)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        Together(() =>
        {
            Meetings.Meet(new Meeting(MeetingPoint.Broadcast));
            StrategyState.Broadcast(strategy, this);
        });
    }

    /// <summary>
    /// Averages gradients over all ranks, weighted, and gives all ranks the result: <c>sum(weight * gradient) / sum(weight)</c>.
    /// </summary>
    /// <param name="parameters">
    /// The parameters, in the same order on all ranks. One that has a gradient on some ranks alone gets one on all; elsewhere it counts as
    /// 0.
    /// </param>
    /// <param name="weight">
    /// The weight of this rank's loss, a number of 0 or more: the denominator of its mean, see
    /// <see cref="MixupLoss.WeightOf(Tensor, MixedTarget)"/>. With weight 0 the gradients of this rank are not used. Default null: all
    /// ranks weigh the same.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The weight is no such number, or a gradient is sparse or of a type that cannot be summed.
    /// </exception>
    /// <exception cref="InvalidOperationException">The ranks have different parameters.</exception>
    /// <exception cref="RankFailedException">Another rank failed or ended.</exception>
    public void AverageGradients(IEnumerable<Parameter> parameters, Tensor? weight = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Together(() => Average(parameters, weight));
    }

    private void Average(IEnumerable<Parameter> parameters, Tensor? weight)
    {
        using var scope = NewDisposeScope();
        var own = weight is null ? 1 : weight.detach().to(ScalarType.Float64).cpu().item<double>();
        if (!(own >= 0) || double.IsInfinity(own))
        {
            throw new ArgumentException(
                $"The weight is {own}; expected a number of 0 or more, the denominator of the loss.", nameof(weight));
        }

        var layout = Buckets.Lay(parameters);
        var all = Meetings.Meet(new Meeting(MeetingPoint.Average, Fingerprint: layout.Fingerprint, Weight: own));
        var total = all.Sum(meeting => meeting.Weight);
        if (total == 0)
        {
            throw Meetings.Known(new ArgumentException("The weights of all ranks are 0, so there is nothing to average.", nameof(weight)));
        }

        Buckets.Sum(layout, own / total);
    }

    /// <inheritdoc cref="AverageGradients(IEnumerable{Parameter}, Tensor?)"/>
    public void AverageGradients(IEnumerable<Parameter> parameters, double weight)
    {
        using var number = tensor(weight, ScalarType.Float64);
        AverageGradients(parameters, number);
    }

    /// <summary>Cuts every batch into one share for each rank, and enumerates that of this rank.</summary>
    /// <param name="batches">
    /// The whole batches, the same on all ranks in the same order. Rank r gets the r-th of n consecutive parts; the first parts have one
    /// sample more if need be.
    /// </param>
    /// <returns>
    /// The shares, lazily. They are views in the dispose scope of the code that enumerates. A learner with data-parallel training knows
    /// that they are shares.
    /// </returns>
    /// <exception cref="InvalidOperationException">
    /// On enumeration: a batch has fewer samples than there are ranks, or was mixed already.
    /// </exception>
    public IEnumerable<Batch> Shard(IEnumerable<Batch> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        return BatchSource.Derivation(batches).Any(one => one is OwnBatches) ? batches : new ShardedBatches(batches, Rank, Size);
    }

    /// <inheritdoc cref="Shard(IEnumerable{Batch})"/>
    public IEnumerable<(Tensor Input, Tensor Target)> Shard(IEnumerable<(Tensor Input, Tensor Target)> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        return new ConvertedSequence<Batch, (Tensor Input, Tensor Target)>(
            new ShardedBatches(batches.AsBatches(), Rank, Size), batch => (batch.Inputs[0], batch.Target));
    }

    /// <summary>Gives every rank the bytes of all ranks.</summary>
    /// <param name="own">The bytes of this rank: as many on every rank.</param>
    /// <param name="all">Receives those of rank 0, then those of rank 1, and so on.</param>
    protected abstract void AllGather(ReadOnlySpan<byte> own, Span<byte> all);

    /// <summary>Gives every rank the bytes of one rank.</summary>
    /// <param name="bytes">The bytes on that rank; elsewhere memory of the same length, which receives them.</param>
    /// <param name="from">The rank.</param>
    protected abstract void Broadcast(Span<byte> bytes, int from);

    /// <summary>Adds values over all ranks, and gives all ranks the same sums, bit for bit.</summary>
    /// <param name="values">The address of the values, which receives the sums; on the device if <see cref="SumsOnDevice"/>.</param>
    /// <param name="count">The number of values.</param>
    /// <param name="type">Their type: float16, bfloat16, float32 or float64.</param>
    protected abstract void Sum(nint values, long count, ScalarType type);

    /// <summary>Sends some bytes to every rank, and receives some from every rank.</summary>
    /// <param name="sent">The bytes for rank 0, then those for rank 1, and so on.</param>
    /// <param name="sentCounts">The number of bytes for each rank.</param>
    /// <param name="received">Receives the bytes of rank 0, then those of rank 1, and so on.</param>
    /// <param name="receivedCounts">The number of bytes from each rank.</param>
    protected abstract void Exchange(
        ReadOnlySpan<byte> sent, ReadOnlySpan<int> sentCounts, Span<byte> received, ReadOnlySpan<int> receivedCounts);

    /// <summary>
    /// Tells the other ranks that this program ends, and waits until theirs end too. A derived class calls it before it closes, so that a
    /// rank that ends too early is an error of the others and not a wait for ever.
    /// </summary>
    protected void Leave() => Meetings.Leave();

    /// <summary>Gets whether all ranks know of an exception: each threw it, or one that names it.</summary>
    /// <param name="exception">The exception.</param>
    /// <returns>Whether they know.</returns>
    protected bool IsKnown(Exception exception) => Meetings.IsKnown(exception);

    /// <summary>Runs what all ranks do; nothing in one process. What this rank throws, it tells the others.</summary>
    internal void Together(Action work)
    {
        if (Size == 1)
        {
            return;
        }

        Meetings.Run(() =>
        {
            try
            {
                work();
            }
            catch (Exception e)
            {
                Meetings.AnnounceFailure(e);
                throw;
            }
        });
    }

    internal void Gather(ReadOnlySpan<byte> own, Span<byte> all) => AllGather(own, all);

    internal void SendAll(Span<byte> bytes, int from) => Broadcast(bytes, from);

    internal void SumAt(nint values, long count, ScalarType type) => Sum(values, count, type);

    internal void Swap(ReadOnlySpan<byte> sent, ReadOnlySpan<int> sentCounts, Span<byte> received, ReadOnlySpan<int> receivedCounts) =>
        Exchange(sent, sentCounts, received, receivedCounts);

    /// <summary>
    /// Adds numbers over all ranks, in the order of ranks, so that all have the same bits and decide alike. All have met before.
    /// </summary>
    internal double[] Add(params double[] own)
    {
        var all = new double[own.Length * Size];
        AllGather(MemoryMarshal.AsBytes(own.AsSpan()), MemoryMarshal.AsBytes(all.AsSpan()));
        return [.. own.Select((_, i) => all.Where((_, at) => at % own.Length == i).Sum())];
    }
}
