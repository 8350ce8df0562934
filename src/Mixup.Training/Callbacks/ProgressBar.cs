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
    public override void BeforeFit(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.FirstEpoch > 0)
        {
            WriteLine(state.FirstEpoch < state.Epochs
                ? $"Resumes after epoch {state.FirstEpoch} of {state.Epochs}."
                : $"Nothing is left to train: {state.FirstEpoch} epochs are completed, and {state.Epochs} were asked for.");
        }

        if (!console.Profile.Capabilities.Interactive || !console.Profile.Capabilities.Ansi)
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
            $"epoch {state.Epoch + 1}/{state.Epochs}  " +
            $"{string.Join("  ", record.Values.Select(value => $"{value.Key} {value.Value:0.000}"))}  " +
            $"{record.Duration.TotalSeconds:0.0} s"));
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

    // Above the bar, where it stays.
    private void WriteLine(string text) => console.WriteLine(text);

    private static string Describe(LearnerState state) =>
        string.Create(CultureInfo.InvariantCulture, $"epoch {state.Epoch + 1}/{state.Epochs}") + (
            state.BatchIndex > 0
                ? string.Create(CultureInfo.InvariantCulture, $" loss {state.TrainLossSoFar():0.000}")
                : string.Empty);
}
