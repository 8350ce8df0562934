namespace TorchSharp.Mixup.Training;

/// <summary>
/// Trains one model in several processes as one process would. Every rank runs the same program with the same batches: of each it takes its
/// share, and gradients, losses, metrics and decisions are those of the whole batch.
/// </summary>
/// <remarks>
/// <para>
/// <b>Batches.</b> A batch size is that of the whole batch. Rank r of n takes the r-th of n consecutive parts. <see cref="TensorBatches"/>
/// and <see cref="Communicator.Shard(IEnumerable{Batch})"/> know their share; of any other source every rank reads the whole batch, which
/// must be the same on all ranks. A source of the rank's own data is marked by <see cref="BatchExtensions.AsShard(IEnumerable{Batch})"/>.
/// In a batch with fewer than two samples for each rank, the last ranks run samples that do not count.
/// </para>
/// <para>
/// <b>Loss.</b> A mean divides by the weights of the whole batch, with class weights and <c>ignore_index</c> too. A loss that sums is
/// summed.
/// </para>
/// <para>
/// <b>State.</b> Weights, buffers, and the seed of mixup come from rank 0 as a fit begins; buffers, such as the running statistics of batch
/// normalisation, again after the training half of every epoch, as in PyTorch. Batch normalisation itself sees the rank's samples alone.
/// All ranks draw the same place and method, and their own partners and coefficients.
/// </para>
/// <para>
/// <b>Callbacks</b> run on all ranks, except those of <see cref="LearnerCallback.RunsOnFirstRankAlone"/>. What one stops or cancels, all
/// stop. An exception on one rank is a <see cref="RankFailedException"/> on the others. Validation within a fit is shared out too.
/// <c>Evaluate</c> and <c>Predict</c> are each rank's own work, so that rank 0 may do it alone.
/// </para>
/// <para>
/// <b>Checkpoints</b> are written by rank 0, with the random states of torch on all ranks. All ranks load the same file. Torch's generators
/// are the ranks' own: if all are seeded alike, all drop the same activations. Call <c>manual_seed(seed + rank)</c> after the model is
/// built.
/// </para>
/// </remarks>
public class DataParallelCallback : LearnerCallback, IStatefulCallback
{
    private byte[][] randomStates = [];
    private bool isLoaded;

    /// <summary>Creates the callback.</summary>
    /// <param name="communicator">The processes that train. With one it does nothing.</param>
    /// <exception cref="ArgumentNullException"><paramref name="communicator"/> is null.</exception>
    public DataParallelCallback(Communicator communicator)
        : base(order: int.MinValue)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        Communicator = communicator;
    }

    /// <summary>Gets the processes that train.</summary>
    public Communicator Communicator { get; }

    internal override Communicator? Ranks => Communicator;

    /// <summary>
    /// Gets whether the samples of every training batch are shuffled over all ranks before anything else sees them, so that partners come
    /// from all ranks, and each rank's samples are a random part of the batch. The idea is that of OpenMixup's <c>batch_shuffle_ddp</c>.
    /// Use it if ranks hold different data, see <see cref="BatchExtensions.AsShard(IEnumerable{Batch})"/>. It sends every sample once.
    /// Default false: partners are of the same rank.
    /// </summary>
    public bool ExchangeSamples { get; init; }

    /// <inheritdoc/>
    public string StateKey => "data-parallel";

    /// <summary>Checks that there is one such callback.</summary>
    /// <param name="learner">The learner.</param>
    /// <exception cref="ArgumentException">The learner has two.</exception>
    public override void Attach(Learner learner)
    {
        ArgumentNullException.ThrowIfNull(learner);
        if (learner.Callbacks.OfType<DataParallelCallback>().Count() > 1)
        {
            throw new ArgumentException("The learner has two callbacks for data-parallel training. Register one.", nameof(learner));
        }
    }

    /// <summary>Checks that all ranks are about to train the same, and gives them the state of rank 0.</summary>
    /// <param name="state">The state of the loop.</param>
    /// <exception cref="InvalidOperationException">Two ranks differ. The error names the first difference.</exception>
    /// <exception cref="RankFailedException">Another rank failed or ended.</exception>
    public override void BeforeFit(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        state.Ranks?.BeginFit();
        if (isLoaded && state.FirstEpoch > 0 && randomStates.Length == Communicator.Size && !Communicator.IsFirst)
        {
            RandomState.Restore(randomStates[Communicator.Rank]); // that of rank 0 is the checkpoint's own
        }

        isLoaded = false;
    }

    /// <inheritdoc/>
    public override void BeforeBatch(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (ExchangeSamples && state.IsTraining)
        {
            state.Ranks?.ExchangeSamples();
        }
    }

    /// <inheritdoc/>
    public string SaveState() => StateJson.Write(randomStates);

    /// <inheritdoc/>
    public void LoadState(string state)
    {
        var states = StateJson.Read<byte[][]>(state, "data-parallel training");
        foreach (var one in states)
        {
            try
            {
                RandomState.Check(one, "The checkpoint");
            }
            catch (InvalidDataException e)
            {
                throw new FormatException("The state of data-parallel training is damaged.", e);
            }
        }

        (randomStates, isLoaded) = (states, true);
    }

    /// <summary>Keeps the states of torch's random generators on all ranks.</summary>
    internal void Keep(byte[][] states) => randomStates = states;
}
