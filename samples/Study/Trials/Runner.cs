namespace Mixup.Samples.Study;

/// <summary>Runs what has not been run, and writes each outcome down at once.</summary>
public static class Runner
{
    /// <summary>Runs all trials of a grid.</summary>
    /// <param name="trials">In this order, each once.</param>
    /// <param name="journal">What was run before, and where outcomes go.</param>
    /// <param name="train">Trains one; calls back with the images that passed.</param>
    /// <param name="progress">Told of every trial that begins, by its number from 1, and of the work that was done.</param>
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

/// <summary>Who is told how far the study is.</summary>
public interface IStudyProgress
{
    /// <summary>A trial begins.</summary>
    void Begin(Trial trial, int number, int count);

    /// <summary>Images passed through training.</summary>
    void Done(double images);
}
