namespace Mixup.Samples.Study;

/// <summary>Runs the trials that have no outcome, and writes each outcome at once.</summary>
public static class Runner
{
    /// <summary>Runs all trials of a grid.</summary>
    /// <param name="trials">The trials, in the order to run them.</param>
    /// <param name="journal">The outcomes so far, to which new ones are added.</param>
    /// <param name="train">Trains one trial. Calls back with the number of images of each batch.</param>
    /// <param name="progress">Receives each trial that begins, and the work that is done.</param>
    public static void Run(IReadOnlyList<Trial> trials, Journal journal, Func<Trial, Action<long>, Outcome> train, IStudyProgress progress)
    {
        for (var i = 0; i < trials.Count; i++)
        {
            progress.Begin(trials[i], i + 1, trials.Count);
            if (journal.Find(trials[i]) is null)
            {
                journal.Add(train(trials[i], images => progress.Done(images)));
            }
            else
            {
                progress.Done(trials[i].Work);
            }
        }
    }
}

/// <summary>Receives the progress of a study.</summary>
public interface IStudyProgress
{
    /// <summary>Is called when a trial begins.</summary>
    /// <param name="trial">The trial.</param>
    /// <param name="number">Its number, from 1.</param>
    /// <param name="count">The number of all trials.</param>
    void Begin(Trial trial, int number, int count);

    /// <summary>Is called when images have been trained on.</summary>
    /// <param name="images">Their number.</param>
    void Done(double images);
}
