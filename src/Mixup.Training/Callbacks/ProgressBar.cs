using System.Globalization;
using Spectre.Console;

namespace TorchSharp.Mixup.Training;

/// <summary>Shows a bar for the batches of all epochs, with the loss so far and the time left.</summary>
public sealed class ProgressBar : ITrainerCallback
{
    // Reading the loss waits for the device: now and then is enough for the eye.
    private const int BatchesBetweenReadings = 20;
    private readonly IAnsiConsole console;
    private TaskCompletionSource? finished;
    private Task? display;
    private ProgressTask? bar;

    /// <summary>Shows progress on a console.</summary>
    /// <param name="console">Where. Default: the process's own.</param>
    public ProgressBar(IAnsiConsole? console = null) => this.console = console ?? AnsiConsole.Console;

    /// <summary>After all others: 100.</summary>
    public int Order => 100;

    /// <inheritdoc/>
    public void BeforeFit(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        finished = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var end = finished.Task;
        var started = new TaskCompletionSource<ProgressTask>(TaskCreationOptions.RunContinuationsAsynchronously);
        display = Task.Run(() => console.Progress()
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(),
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
    public void AfterBatch(TrainingState state)
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
    public void AfterEpoch(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (bar is not null && state.Record is { } record)
        {
            bar.Value = (state.Epoch + 1.0) / state.Epochs;
            bar.Description = Markup.Escape(string.Create(CultureInfo.InvariantCulture, $"epoch {state.Epoch + 1}/{state.Epochs} " +
                $"{string.Join(' ', record.Figures.Select(figure => $"{figure.Key} {figure.Value:0.000}"))}"));
        }
    }

    /// <inheritdoc/>
    public void AfterFit(TrainingState state)
    {
        finished?.TrySetResult();
        display?.GetAwaiter().GetResult();
        (finished, display, bar) = (null, null, null);
    }

    private static string Describe(TrainingState state) =>
        string.Create(CultureInfo.InvariantCulture, $"epoch {state.Epoch + 1}/{state.Epochs}") + (
            state.BatchIndex > 0
                ? string.Create(CultureInfo.InvariantCulture, $" train_loss {state.TrainLossSoFar():0.000}")
                : string.Empty);
}
