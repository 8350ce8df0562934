using System.Text.Json;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Saves everything that training depends on after every epoch: model, optimizer, scheduler, history, torch's random state, and the state
/// of the callbacks, mixup among them. A run that is resumed from it equals the uninterrupted one bit for bit, if its batches do (see
/// <see cref="IEpochAware"/>).
/// </summary>
/// <remarks>
/// Files are data, not code. They may be of any size. Each is written beside, under a name of its own (<c>*.writing</c>), and moved into
/// place: so a kill while writing leaves the old file, and two writers of one path do not meet. The next write removes what a killed
/// process has left. A hash of the whole file is checked before anything is read from it.
/// </remarks>
public sealed class Checkpoint : IStatefulCallback
{
    private readonly string folder;
    private readonly Best best;

    /// <summary>Saves into a folder; the best epoch is that of the smallest validation loss, or without validation training loss.</summary>
    /// <param name="folder">
    /// Gets <c>last.ckpt</c> after every epoch, and <c>best.ckpt</c> whenever the loss was smaller than ever; made if need be.
    /// </param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is empty.</exception>
    public Checkpoint(string folder)
        : this(folder, new Best())
    {
    }

    /// <summary>Saves into a folder; the best epoch is told by a figure.</summary>
    /// <param name="folder">
    /// Gets <c>last.ckpt</c> after every epoch, and <c>best.ckpt</c> whenever the figure was better than ever; made if need be.
    /// </param>
    /// <param name="monitor">
    /// The name of the figure, as in <see cref="EpochRecord"/>. A fit that has no such figure fails as it begins.
    /// </param>
    /// <param name="better">Which direction is better.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> or <paramref name="monitor"/> is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="better"/> is not one of the enumeration.</exception>
    public Checkpoint(string folder, string monitor, Better better)
        : this(folder, new Best(monitor, better))
    {
    }

    private Checkpoint(string folder, Best best)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        (this.folder, this.best) = (folder, best);
    }

    /// <summary>The checkpoint of the last completed epoch.</summary>
    public string LastPath => Path.Combine(folder, "last.ckpt");

    /// <summary>The checkpoint of the best epoch.</summary>
    public string BestPath => Path.Combine(folder, "best.ckpt");

    /// <summary>After those that have a state: 80.</summary>
    public int Order => 80;

    /// <inheritdoc/>
    public string StateKey => "checkpoint";

    /// <summary>Writes the state of a learner between two epochs of a fit, or after it: as a callback does after every epoch.</summary>
    /// <param name="learner">The learner.</param>
    /// <param name="path">The file; replaced if it exists, once the new one is whole.</param>
    /// <exception cref="ArgumentException">The optimizer cannot be saved, or two callbacks share a state key.</exception>
    /// <exception cref="IOException">The file cannot be written. An old one is as it was.</exception>
    public static void Save(Learner learner, string path)
    {
        ArgumentNullException.ThrowIfNull(learner);
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var scope = NewDisposeScope();
        var manifest = new Manifest(
            learner.CompletedEpochs,
            [.. learner.History],
            [.. learner.SchedulerSteps],
            Stateful(learner).ToDictionary(pair => pair.Key, pair => pair.Value.SaveState()));
        CheckpointFile.Write(
            path,
            new CheckpointPart(JsonSerializer.SerializeToUtf8Bytes(manifest, Best.Json)),
            TensorTable.Of(learner.Model.state_dict()),
            OptimizerState.Of(learner.Optimizer),
            new CheckpointPart([.. torch.get_rng_state().bytes]));
    }

    /// <summary>Restores a learner that was built as the saved one was. Its next fit skips the epochs that were completed.</summary>
    /// <param name="learner">A new learner: its scheduler has not stepped yet.</param>
    /// <param name="path">A file that <see cref="Save"/> wrote.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is not a checkpoint, is damaged, or is of another model, optimizer, scheduler or callbacks. The learner is as it was, but
    /// for a scheduler that threw while its steps were repeated: it cannot be turned back, and another load asks for a new learner.
    /// </exception>
    /// <exception cref="InvalidOperationException">The learner has already trained.</exception>
    /// <exception cref="IOException">
    /// The file cannot be read. If that comes after it was checked, as when a disk fails, the learner has to be built anew.
    /// </exception>
    public static void Load(Learner learner, string path)
    {
        ArgumentNullException.ThrowIfNull(learner);
        if (learner.History.Count > 0 || learner.SchedulerSteps.Count > 0)
        {
            throw new InvalidOperationException("The learner has already trained, and a scheduler cannot be turned back: build model, " +
                "optimizer, scheduler and learner anew, and load then.");
        }

        using var scope = NewDisposeScope();
        using var file = CheckpointFile.Open(path);
        var stateful = Stateful(learner);
        var manifest = Manifest.Read(file.Manifest.Whole(), path);
        var table = TensorTable.Read(file.Model, learner.Model.state_dict(), path);
        if (manifest.Callbacks.Keys.Except(stateful.Keys).FirstOrDefault() is { } missing)
        {
            throw new InvalidDataException($"{path} holds the state of a callback '{missing}' that the learner lacks; " +
                "register the same callbacks as in the saved run.");
        }

        if (manifest.SchedulerSteps.Count > 0 && learner.Scheduler is null)
        {
            throw new InvalidDataException($"{path} holds the steps of a scheduler, which the learner lacks; " +
                "give it the same scheduler as in the saved run.");
        }

        OptimizerState.Check(learner.Optimizer, file.Optimizer, path);
        var randomState = file.RandomState.Whole();
        RandomState.Check(randomState, path);

        // What is left to fail is code that is not ours: callbacks, a scheduler, an optimizer of one's own. All but the scheduler can be
        // turned back.
        using var optimizerBefore = new OptimizerSnapshot(learner.Optimizer);
        var callbacksBefore = stateful.ToDictionary(pair => pair.Key, pair => pair.Value.SaveState());
        try
        {
            foreach (var (key, state) in manifest.Callbacks)
            {
                stateful[key].LoadState(state);
            }

            OptimizerState.LoadOptions(learner.Optimizer, file.Optimizer);
            foreach (var metric in manifest.SchedulerSteps)
            {
                learner.StepScheduler(metric);
            }

            // The replay moved the learning rate along; the saved one is exact, whatever else had changed it.
            OptimizerState.Load(learner.Optimizer, file.Optimizer);
        }
        catch (Exception e)
        {
            optimizerBefore.Restore();
            foreach (var (key, state) in callbacksBefore)
            {
                stateful[key].LoadState(state);
            }

            throw new InvalidDataException($"{path} does not fit this learner: {e.Message} Build it with the same optimizer, scheduler " +
                "and callbacks as in the saved run.", e);
        }

        RandomState.Restore(randomState);
        table.Copy();
        learner.Restore(manifest.History, manifest.CompletedEpochs);
    }

    /// <summary>Checks, before the first epoch is paid for, that the state can be saved and the folder be written.</summary>
    /// <param name="state">The state of the loop.</param>
    /// <exception cref="ArgumentException">
    /// There is no such figure, the optimizer cannot be saved, or two callbacks share a state key.
    /// </exception>
    /// <exception cref="IOException">The folder cannot be made or written.</exception>
    public void BeforeFit(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        best.Check(state);
        Stateful(state.Learner);
        OptimizerState.Of(state.Learner.Optimizer);
        TemporaryFile.Probe(LastPath);
    }

    /// <inheritdoc/>
    public void AfterEpoch(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Record is not { } record)
        {
            return;
        }

        var improved = best.Improves(record);
        Save(state.Learner, LastPath);
        if (improved)
        {
            Save(state.Learner, BestPath);
        }
    }

    /// <inheritdoc/>
    public string SaveState() => JsonSerializer.Serialize(best.Value, Best.Json);

    /// <inheritdoc/>
    public void LoadState(string state) => best.Value = Best.Read<double?>(state, "a checkpoint callback");

    private static Dictionary<string, IStatefulCallback> Stateful(Learner learner)
    {
        var all = new Dictionary<string, IStatefulCallback>();
        foreach (var callback in learner.Callbacks.OfType<IStatefulCallback>())
        {
            if (!all.TryAdd(callback.StateKey, callback))
            {
                throw new ArgumentException($"Two callbacks keep their state as '{callback.StateKey}'; register one of each.");
            }
        }

        return all;
    }
}

/// <summary>What a checkpoint holds that is not a tensor.</summary>
internal sealed record Manifest(
    int CompletedEpochs, IReadOnlyList<EpochRecord> History, IReadOnlyList<double> SchedulerSteps, Dictionary<string, string> Callbacks)
{
    public static Manifest Read(byte[] json, string path)
    {
        try
        {
            var manifest = JsonSerializer.Deserialize<Manifest>(json, Best.Json);
            if (manifest is { CompletedEpochs: >= 0, History: not null, SchedulerSteps: not null, Callbacks: not null }
                && manifest.History.All(IsWhole) && !manifest.Callbacks.ContainsValue(null!))
            {
                return manifest;
            }
        }
        catch (Exception e) when (e is JsonException or ArgumentException or NotSupportedException)
        {
            throw new InvalidDataException($"{path} is damaged: its manifest cannot be read ({e.Message}).", e);
        }

        throw new InvalidDataException($"{path} is damaged: its manifest is not complete.");
    }

    private static bool IsWhole(EpochRecord? record) => record is { Epoch: >= 0, TrainMetrics: not null, ValidMetrics: not null };
}
