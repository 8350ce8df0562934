using System.Text.Json;
using System.Text.Json.Serialization;

namespace TorchSharp.Mixup.Training;

/// <summary>Whether a figure is better when it is small or when it is large.</summary>
public enum Better
{
    /// <summary>Small, as a loss.</summary>
    Smaller,

    /// <summary>Large, as an accuracy.</summary>
    Larger,
}

/// <summary>
/// Ends training when a figure has not improved for some epochs. Every fit counts anew; a fit that is resumed from a checkpoint counts on.
/// </summary>
public sealed class EarlyStopping : IStatefulCallback
{
    private readonly Best best;
    private readonly int patience;
    private int waited;
    private bool startsAnew;

    /// <summary>Watches the validation loss, or without validation the training loss.</summary>
    /// <param name="patience">How many epochs without improvement are borne, 1 or more. Default 5.</param>
    /// <param name="minDelta">By how much the loss must fall to count, 0 or more. Default 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="patience"/> is below 1, or <paramref name="minDelta"/> below 0.
    /// </exception>
    public EarlyStopping(int patience = 5, double minDelta = 0)
        : this(new Best(minDelta), patience)
    {
    }

    /// <summary>Watches a figure.</summary>
    /// <param name="monitor">Its name, as in <see cref="EpochRecord"/>. A fit that has no such figure fails as it begins.</param>
    /// <param name="better">Which direction is better.</param>
    /// <param name="patience">How many epochs without improvement are borne, 1 or more. Default 5.</param>
    /// <param name="minDelta">By how much the figure must improve to count, 0 or more. Default 0.</param>
    /// <exception cref="ArgumentException"><paramref name="monitor"/> is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="better"/> is not one of the enumeration, <paramref name="patience"/> is below 1, or <paramref name="minDelta"/>
    /// below 0.
    /// </exception>
    public EarlyStopping(string monitor, Better better, int patience = 5, double minDelta = 0)
        : this(new Best(monitor, better, minDelta), patience)
    {
    }

    private EarlyStopping(Best best, int patience)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(patience, 1);
        (this.best, this.patience) = (best, patience);
    }

    /// <summary>After those that measure: 50.</summary>
    public int Order => 50;

    /// <inheritdoc/>
    public string StateKey => "early-stopping";

    /// <inheritdoc/>
    public void BeforeFit(TrainingState state)
    {
        best.Check(state);
        startsAnew = state.Epoch == 0;
    }

    /// <inheritdoc/>
    public void BeforeEpoch(TrainingState state)
    {
        // Not in BeforeFit: a fit that another callback refuses leaves the count of the last one.
        if (startsAnew)
        {
            (best.Value, waited, startsAnew) = (null, 0, false);
        }
    }

    /// <inheritdoc/>
    public void AfterEpoch(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Record is null)
        {
            return;
        }

        waited = best.Improves(state.Record) ? 0 : waited + 1;
        if (waited >= patience)
        {
            state.CancelFit();
        }
    }

    /// <inheritdoc/>
    public string SaveState() => JsonSerializer.Serialize((best.Value, waited), Best.Json);

    /// <inheritdoc/>
    public void LoadState(string state) => (best.Value, waited) = Best.Read<(double?, int)>(state, "early stopping");
}

/// <summary>The best value that a figure had so far.</summary>
internal sealed class Best
{
    private readonly string? monitor;
    private readonly Better better;
    private readonly double minDelta;

    /// <summary>Of the validation loss, or without validation of the training loss.</summary>
    public Best(double minDelta = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(minDelta);
        this.minDelta = minDelta;
    }

    public Best(string monitor, Better better, double minDelta = 0)
        : this(minDelta)
    {
        ArgumentException.ThrowIfNullOrEmpty(monitor);
        if (!Enum.IsDefined(better))
        {
            throw new ArgumentOutOfRangeException(
                nameof(better), better, $"There is no such {nameof(Better)}; there are {string.Join(", ", Enum.GetNames<Better>())}.");
        }

        (this.monitor, this.better) = (monitor, better);
    }

    // What is misspelt or missing is an error, not a default.
    public static JsonSerializerOptions Json { get; } = new()
    {
        IncludeFields = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
#if NET9_0_OR_GREATER
        RespectRequiredConstructorParameters = true,
#endif
    };

    public double? Value { get; set; }

    /// <summary>Checks, before the first epoch is paid for, that the figure will be there.</summary>
    public void Check(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var unknown = state.Learner.Metrics.ToDictionary(metric => metric.Name, _ => double.NaN);
        Watched(new EpochRecord(0, double.NaN, state.Validates ? double.NaN : null, unknown, state.Validates ? unknown : [], 0, 0));
    }

    /// <summary>Takes a record; whether it is better than all before. Something that is not a number never is.</summary>
    public bool Improves(EpochRecord record)
    {
        var value = Watched(record);
        var improved = !double.IsNaN(value)
            && (Value is not { } old || (better == Better.Smaller ? value < old - minDelta : value > old + minDelta));
        Value = improved ? value : Value;
        return improved;
    }

    private double Watched(EpochRecord record) => monitor is null ? record.ValidLoss ?? record.TrainLoss : record[monitor];

    public static T Read<T>(string state, string what)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(state, Json)!;
        }
        catch (JsonException e)
        {
            throw new FormatException($"'{state}' is not the state of {what}.", e);
        }
    }
}
