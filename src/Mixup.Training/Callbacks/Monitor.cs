namespace TorchSharp.Mixup.Training;

/// <summary>The best value so far of a figure of <see cref="EpochRecord"/>.</summary>
internal sealed class Monitor
{
    private readonly string? name;
    private readonly MonitorMode mode;
    private readonly double minDelta;

    /// <summary>Monitors the validation loss, or without validation the training loss.</summary>
    public Monitor(double minDelta = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(minDelta);
        this.minDelta = minDelta;
    }

    public Monitor(string monitor, MonitorMode mode, double minDelta = 0)
        : this(minDelta)
    {
        ArgumentException.ThrowIfNullOrEmpty(monitor);
        if (!Enum.IsDefined(mode))
        {
            throw new ArgumentOutOfRangeException(
                nameof(mode), mode, $"There is no such {nameof(MonitorMode)}. Use {string.Join(" or ", Enum.GetNames<MonitorMode>())}.");
        }

        (name, this.mode) = (monitor, mode);
    }

    public double? Best { get; set; }

    /// <summary>The key of the state of a callback that monitors this.</summary>
    public string KeyOf(string kind) => name is null ? kind : $"{kind} {name}";

    /// <summary>Checks before the first epoch that its record will have the figure.</summary>
    public void Check(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        Dictionary<string, double> Names(bool training) => state.Learner.Metrics.Where(metric => metric.HasValue(training))
            .ToDictionary(metric => metric.Name, _ => double.NaN);
        ValueOf(new EpochRecord(
            0,
            double.NaN,
            state.Validates ? double.NaN : null,
            Names(training: true),
            state.Validates ? Names(training: false) : [],
            0,
            TimeSpan.Zero));
    }

    /// <summary>Takes a record and returns whether it is better than all before. Not a number never is.</summary>
    public bool Improves(EpochRecord record)
    {
        var value = ValueOf(record);
        var improved = !double.IsNaN(value)
            && (Best is not { } old || (mode == MonitorMode.Min ? value < old - minDelta : value > old + minDelta));
        Best = improved ? value : Best;
        return improved;
    }

    private double ValueOf(EpochRecord record) => name is null ? record.ValidationLoss ?? record.TrainLoss : record[name];
}
