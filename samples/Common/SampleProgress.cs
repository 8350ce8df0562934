using Spectre.Console;

namespace Mixup.Samples;

/// <summary>The progress bar of all samples. Its colours can be read on dark and on light terminals.</summary>
public static class SampleProgress
{
    /// <summary>Runs something with a bar.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <param name="action">Adds tasks to the bar, and advances them.</param>
    /// <returns>The result of the action.</returns>
    public static T Start<T>(Func<ProgressContext, T> action)
    {
        var bar = new Style(Color.Green);
        return AnsiConsole.Progress()
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn
                {
                    Width = 20,
                    CompletedStyle = bar,
                    FinishedStyle = bar,
                    IndeterminateStyle = bar,
                    RemainingStyle = new Style(Color.Grey),
                },
                new PercentageColumn { Style = Style.Plain, CompletedStyle = Style.Plain },
                new RemainingTimeColumn { Style = Style.Plain })
            .Start(action);
    }
}
