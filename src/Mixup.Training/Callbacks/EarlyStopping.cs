namespace TorchSharp.Mixup.Training;

/// <summary>
/// Stops training when a figure has not improved for some epochs. Every fit counts from 0; one that resumes from a checkpoint counts on.
/// </summary>
/// <remarks>To keep the weights of the best epoch, see <see cref="ModelCheckpoint.RestoreBest"/>.</remarks>
public sealed class EarlyStopping : LearnerCallback, IStatefulCallback
{
    private readonly Monitor monitor;
    private readonly int patience;
    private int waited;
    private bool startsAnew;

    /// <summary>Monitors the validation loss, or without validation the training loss.</summary>
    /// <param name="patience">The number of epochs without improvement before training stops, 1 or more. Default 5.</param>
    /// <param name="minDelta">The smallest decrease that is an improvement, 0 or more. Default 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="patience"/> is below 1, or <paramref name="minDelta"/> below 0.
    /// </exception>
    public EarlyStopping(int patience = 5, double minDelta = 0)
        : this(new Monitor(minDelta), patience)
    {
    }

    /// <summary>Monitors a figure.</summary>
    /// <param name="monitor">Its name, as in <see cref="EpochRecord.Values"/>. A fit without such a figure fails as it begins.</param>
    /// <param name="mode">Whether smaller or larger is better.</param>
    /// <param name="patience">The number of epochs without improvement before training stops, 1 or more. Default 5.</param>
    /// <param name="minDelta">The smallest change that is an improvement, 0 or more. Default 0.</param>
    /// <exception cref="ArgumentException"><paramref name="monitor"/> is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="mode"/> is not one of the enumeration, <paramref name="patience"/> is below 1, or <paramref name="minDelta"/>
    /// below 0.
    /// </exception>
    public EarlyStopping(string monitor, MonitorMode mode, int patience = 5, double minDelta = 0)
        : this(new Monitor(monitor, mode, minDelta), patience)
    {
    }

    private EarlyStopping(Monitor monitor, int patience)
        : base(order: 50)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(patience, 1);
        (this.monitor, this.patience, StateKey) = (monitor, patience, monitor.KeyOf("early-stopping"));
    }

    /// <inheritdoc/>
    public override bool TakesPartInSearch => false;

    /// <summary>Gets the name of the state in a checkpoint. Default: <c>early-stopping</c> and the monitored name.</summary>
    public string StateKey { get; init; }

    /// <inheritdoc/>
    public override void BeforeFit(LearnerState state)
    {
        monitor.Check(state);
        startsAnew = state.FirstEpoch == 0;
    }

    /// <inheritdoc/>
    public override void BeforeEpoch(LearnerState state)
    {
        // Not in BeforeFit: a fit that another callback refuses keeps the count of the last one.
        if (startsAnew)
        {
            (monitor.Best, waited, startsAnew) = (null, 0, false);
        }
    }

    /// <inheritdoc/>
    public override void AfterEpoch(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Record is null)
        {
            return;
        }

        waited = monitor.Improves(state.Record) ? 0 : waited + 1;
        if (waited >= patience)
        {
            state.StopFit();
        }
    }

    /// <inheritdoc/>
    public string SaveState() => StateJson.Write((monitor.Best, waited));

    /// <inheritdoc/>
    public void LoadState(string state) => (monitor.Best, waited) = StateJson.Read<(double?, int)>(state, "early stopping");
}
