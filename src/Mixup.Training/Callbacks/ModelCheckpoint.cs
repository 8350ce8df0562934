namespace TorchSharp.Mixup.Training;

/// <summary>Saves a <see cref="Checkpoint"/> after every epoch, and keeps the one of the best epoch.</summary>
/// <remarks>A learner may have several, with folders of their own. Two that monitor the same figure need different state keys.</remarks>
public sealed class ModelCheckpoint : LearnerCallback, IStatefulCallback
{
    private readonly string folder;
    private readonly Monitor monitor;

    /// <summary>Saves into a folder. The best epoch has the smallest validation loss, or without validation training loss.</summary>
    /// <param name="folder">
    /// Gets <c>last.ckpt</c> after every epoch, and <c>best.ckpt</c> whenever the loss is smaller than ever. It is made if need be.
    /// </param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is empty.</exception>
    public ModelCheckpoint(string folder)
        : this(folder, new Monitor())
    {
    }

    /// <summary>Saves into a folder. The best epoch is decided by a figure.</summary>
    /// <param name="folder">
    /// Gets <c>last.ckpt</c> after every epoch, and <c>best.ckpt</c> whenever the figure is better than ever. It is made if need be.
    /// </param>
    /// <param name="monitor">
    /// The name of the figure, as in <see cref="EpochRecord.Values"/>. A fit without such a figure fails as it begins.
    /// </param>
    /// <param name="mode">Whether smaller or larger is better.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> or <paramref name="monitor"/> is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="mode"/> is not one of the enumeration.</exception>
    public ModelCheckpoint(string folder, string monitor, MonitorMode mode)
        : this(folder, new Monitor(monitor, mode))
    {
    }

    private ModelCheckpoint(string folder, Monitor monitor)
        : base(order: 80)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        (this.folder, this.monitor, StateKey) = (folder, monitor, monitor.KeyOf("checkpoint"));
    }

    /// <inheritdoc/>
    public override bool TakesPartInSearch => false;

    /// <inheritdoc/>
    public override bool RunsOnFirstRankAlone => true;

    /// <summary>
    /// Gets whether the model gets the weights of the best epoch when a fit ends, unless it ends by an exception. The optimizer stays as it
    /// is. Default false: the model keeps the weights of the last epoch.
    /// </summary>
    public bool RestoreBest { get; init; }

    /// <summary>Gets the name of the state in a checkpoint. Default: <c>checkpoint</c> and the monitored name.</summary>
    public string StateKey { get; init; }

    /// <summary>Gets the path of the checkpoint of the last completed epoch.</summary>
    public string LastPath => Path.Combine(folder, "last.ckpt");

    /// <summary>Gets the path of the checkpoint of the best epoch.</summary>
    public string BestPath => Path.Combine(folder, "best.ckpt");

    // Of the fits that the learner knows, not of an older run in the same folder.
    private bool HasBest => monitor.Best is not null;

    /// <summary>Refuses two checkpoints that would write the same files.</summary>
    /// <param name="learner">The learner.</param>
    /// <exception cref="ArgumentException">Another checkpoint of the learner has the same folder.</exception>
    public override void Attach(Learner learner)
    {
        ArgumentNullException.ThrowIfNull(learner);
        var path = Path.GetFullPath(folder);
        if (learner.Callbacks.OfType<ModelCheckpoint>().Any(other => other != this && Path.GetFullPath(other.folder) == path))
        {
            throw new ArgumentException($"Two checkpoints of the learner write to '{folder}'. Give each its own folder.", nameof(learner));
        }
    }

    /// <summary>Checks before the first epoch that the state can be saved and the folder be written.</summary>
    /// <param name="state">The state of the loop.</param>
    /// <exception cref="ArgumentException">
    /// There is no such figure, the optimizer cannot be saved, or two callbacks share a state key.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The best epoch is to be restored, and was before this fit, but <see cref="BestPath"/> is not its file.
    /// </exception>
    /// <exception cref="IOException">The folder cannot be made or written.</exception>
    public override void BeforeFit(LearnerState state)
    {
        monitor.Check(state);
        Checkpoint.ThrowIfUnsavable(state.Learner);
        TemporaryFile.Probe(LastPath);
        if (RestoreBest && HasBest)
        {
            CheckBest();
        }
    }

    /// <inheritdoc/>
    public override void AfterEpoch(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Record is not { } record)
        {
            return;
        }

        var improved = monitor.Improves(record);
        Checkpoint.Save(state.Learner, LastPath);
        if (improved)
        {
            Checkpoint.Save(state.Learner, BestPath);
        }
    }

    /// <summary>Restores the weights of the best epoch if <see cref="RestoreBest"/> asks for it.</summary>
    /// <param name="state">The state of the loop.</param>
    /// <exception cref="IOException">The file of the best epoch cannot be read.</exception>
    public override void AfterFit(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (RestoreBest && HasBest && state.Exception is null)
        {
            Checkpoint.LoadWeights(state.Learner.Model, BestPath);
        }
    }

    // The checkpoint that was loaded may come from another folder, and this one may have the best epoch of another run.
    private void CheckBest()
    {
        if (!File.Exists(BestPath) || Checkpoint.StateIn(BestPath, StateKey) != SaveState())
        {
            throw new InvalidOperationException(
                $"'{BestPath}' is not the best epoch before this fit, so it could not be restored at its end. Copy the best.ckpt of the " +
                "run that is resumed there, or set RestoreBest to false.");
        }
    }

    /// <inheritdoc/>
    public string SaveState() => StateJson.Write(monitor.Best);

    /// <inheritdoc/>
    public void LoadState(string state) => monitor.Best = StateJson.Read<double?>(state, "a checkpoint callback");
}
