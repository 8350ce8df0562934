using System.Globalization;
using Spectre.Console;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Writes one line for each epoch with its figures, and below them, on a terminal, a bar for the batches of all epochs with the time left.
/// Redirected output has the lines alone.
/// </summary>
public sealed class ProgressBar : LearnerCallback
{
    // Reading the loss waits for the device: now and then is enough for the eye.
    private const int BatchesBetweenReadings = 20;
    private const int BarWidth = 30; // the whole line fits 80 columns
    private readonly IAnsiConsole console;
    private TaskCompletionSource? finished;
    private Task? display;
    private ProgressTask? bar;

    /// <summary>Creates a progress bar.</summary>
    /// <param name="console">The console. Default: that of the process.</param>
    public ProgressBar(IAnsiConsole? console = null)
        : base(order: 100) => this.console = console ?? AnsiConsole.Console;

    /// <inheritdoc/>
    public override bool TakesPartInSearch => false;

    /// <inheritdoc/>
    public override bool RunsOnFirstRankAlone => true;

    private bool IsInteractive => console.Profile.Capabilities is { Interactive: true, Ansi: true };

    /// <inheritdoc/>
    public override void BeforeFit(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.FirstEpoch > 0)
        {
            WriteLine(state.FirstEpoch < state.Epochs
                ? $"Resumes after epoch {state.FirstEpoch} of {state.Epochs}."
                : $"Nothing is left to train: {state.FirstEpoch} epochs are completed, and {state.Epochs} were asked for.");
        }

        if (!IsInteractive)
        {
            return;
        }

        finished = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var end = finished.Task;
        var started = new TaskCompletionSource<ProgressTask>(TaskCreationOptions.RunContinuationsAsynchronously);
        display = Task.Run(() => console.Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn { Width = BarWidth },
                new PercentageColumn(),
                new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                started.SetResult(context.AddTask(Markup.Escape(Describe(state)), maxValue: 1));
                await end.ConfigureAwait(false);
            }));
        Task.WhenAny(started.Task, display).GetAwaiter().GetResult();
        bar = started.Task.IsCompleted ? started.Task.Result : null;
    }

    /// <inheritdoc/>
    public override void AfterBatch(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (bar is null || !state.IsTraining)
        {
            return;
        }

        bar.Value = state.BatchCount is { } count
            ? (state.Epoch + ((state.BatchIndex + 1.0) / count)) / state.Epochs
            : (double)state.Epoch / state.Epochs;
        if (state.BatchIndex % BatchesBetweenReadings == 0)
        {
            bar.Description = Markup.Escape(Describe(state));
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

        WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {state.Epoch + 1}/{state.Epochs}  {string.Join("  ", Values(record))}  {record.Duration.TotalSeconds:0.0} s"));
        if (bar is not null)
        {
            bar.Value = (state.Epoch + 1.0) / state.Epochs;
        }
    }

    /// <inheritdoc/>
    public override void AfterFit(LearnerState state)
    {
        finished?.TrySetResult();
        display?.GetAwaiter().GetResult();
        (finished, display, bar) = (null, null, null);
    }

    // The value of training and that of validation side by side, so that a loss and a metric fit 80 columns.
    private static IEnumerable<string> Values(EpochRecord record)
    {
        yield return Pair("loss", record.TrainLoss, record.ValidationLoss);
        foreach (var name in record.TrainMetrics.Keys.Union(record.ValidationMetrics.Keys))
        {
            yield return Pair(
                name,
                record.TrainMetrics.TryGetValue(name, out var train) ? train : null,
                record.ValidationMetrics.TryGetValue(name, out var validation) ? validation : null);
        }
    }

    private static string Pair(string name, double? train, double? validation)
    {
        string Text(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
        return (train, validation) switch
        {
            ({ } first, { } second) => $"{name} {Text(first)}, validation {Text(second)}",
            (null, { } second) => $"{name} validation {Text(second)}",
            _ => $"{name} {Text(train ?? double.NaN)}",
        };
    }

    // On a terminal above the bar, where it stays. Redirected, a line is not broken at the width of a terminal.
    private void WriteLine(string text)
    {
        if (IsInteractive)
        {
            console.WriteLine(text);
        }
        else
        {
            console.Profile.Out.Writer.WriteLine(text);
            console.Profile.Out.Writer.Flush();
        }
    }

    private static string Describe(LearnerState state) =>
        string.Create(CultureInfo.InvariantCulture, $"epoch {state.Epoch + 1}/{state.Epochs}") + (
            state.BatchIndex > 0
                ? string.Create(CultureInfo.InvariantCulture, $" loss {state.TrainLossSoFar():0.000}")
                : string.Empty);
}
