using System.Text.Json;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Saves and loads the state of a learner: model, optimizer, scheduler, history, torch's random state, and the state of the callbacks,
/// mixup among them. A run that resumes from it equals the uninterrupted one bit for bit, if its batches do (see
/// <see cref="IEpochAware"/>). <see cref="ModelCheckpoint"/> saves after every epoch.
/// </summary>
/// <remarks>
/// Files are data, not code, and may be of any size. Each is written beside under its own name (<c>*.writing</c>) and then moved into
/// place, so that a kill while writing leaves the old file, and two writers of one path do not meet. The next write removes the remains of
/// a killed process. A hash of the whole file is checked before anything is read from it.
/// </remarks>
public static class Checkpoint
{
    /// <summary>Saves the state of a learner between two epochs of a fit or after it.</summary>
    /// <param name="learner">The learner.</param>
    /// <param name="path">The file. An old one is replaced once the new one is complete.</param>
    /// <exception cref="ArgumentException">The optimizer cannot be saved, or two callbacks share a state key.</exception>
    /// <exception cref="IOException">The file cannot be written. An old one is unchanged.</exception>
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
            new CheckpointPart(JsonSerializer.SerializeToUtf8Bytes(manifest, StateJson.Options)),
            TensorTable.Of(learner.Model.state_dict()),
            OptimizerState.Of(learner.Optimizer),
            new CheckpointPart([.. torch.get_rng_state().bytes]));
    }

    /// <summary>Restores a learner that was built as the saved one was. Its next fit skips the epochs that were completed.</summary>
    /// <param name="learner">A new learner, whose scheduler has not stepped yet.</param>
    /// <param name="path">A file that <see cref="Save"/> wrote.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is not a checkpoint, is damaged, or is of another model, optimizer, scheduler or callbacks. The learner is unchanged,
    /// except for a scheduler that threw while its steps were repeated: it cannot be turned back, and another load needs a new learner.
    /// </exception>
    /// <exception cref="InvalidOperationException">The learner has already trained.</exception>
    /// <exception cref="IOException">
    /// The file cannot be read. If that happens after it was checked, as when a disk fails, the learner must be built anew.
    /// </exception>
    public static void Load(Learner learner, string path)
    {
        ArgumentNullException.ThrowIfNull(learner);
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (learner.History.Count > 0 || learner.SchedulerSteps.Count > 0)
        {
            throw new InvalidOperationException(
                "The learner has already trained, and a scheduler cannot be turned back. Build model, optimizer, scheduler and learner " +
                "anew and load then, or load the weights alone by Checkpoint.LoadWeights.");
        }

        using var scope = NewDisposeScope();
        using var file = CheckpointFile.Open(path);
        var stateful = Stateful(learner);
        var manifest = Manifest.Read(file.Manifest.Whole(), path);
        var table = TensorTable.Read(file.Model, learner.Model.state_dict(), path);
        if (manifest.Callbacks.Keys.Except(stateful.Keys).FirstOrDefault() is { } missing)
        {
            throw new InvalidDataException($"{path} holds the state of a callback '{missing}' that the learner lacks. " +
                "Register the same callbacks as in the saved run.");
        }

        if (manifest.SchedulerSteps.Count > 0 && learner.Scheduler is null)
        {
            throw new InvalidDataException($"{path} holds the steps of a scheduler, which the learner lacks. " +
                "Give it the same scheduler as in the saved run.");
        }

        OptimizerState.Check(learner.Optimizer, file.Optimizer, path);
        var randomState = file.RandomState.Whole();
        RandomState.Check(randomState, path);

        // The code that can still fail is not ours: callbacks, a scheduler, an optimizer of one's own. All but the scheduler can be turned
        // back.
        using var optimizerBefore = new OptimizerSnapshot(learner.Optimizer, isWhole: !OptimizerState.IsChecked(learner.Optimizer));
        var callbacksBefore = stateful.ToDictionary(pair => pair.Key, pair => pair.Value.SaveState());
        try
        {
            foreach (var (key, state) in manifest.Callbacks)
            {
                stateful[key].LoadState(state);
            }

            OptimizerState.LoadOptions(learner.Optimizer, file.Optimizer);
            foreach (var loss in manifest.SchedulerSteps)
            {
                learner.StepScheduler(loss);
            }

            // The scheduler's steps moved the learning rate along. The saved rate is exact, even if something else had changed it.
            OptimizerState.Load(learner.Optimizer, file.Optimizer);
        }
        catch (Exception e)
        {
            optimizerBefore.Restore();
            foreach (var (key, state) in callbacksBefore)
            {
                stateful[key].LoadState(state);
            }

            if (e is OutOfMemoryException or OperationCanceledException)
            {
                throw;
            }

            throw new InvalidDataException($"{path} does not fit this learner: {e.Message} Build it with the same optimizer, scheduler " +
                "and callbacks as in the saved run.", e);
        }

        RandomState.Restore(randomState);
        table.Copy();
        learner.Restore(manifest.History, manifest.CompletedEpochs);
    }

    /// <summary>Loads the weights and buffers of a checkpoint into a model, and nothing else.</summary>
    /// <param name="model">A model with the same names, shapes and types as the saved one, on any device.</param>
    /// <param name="path">A file that <see cref="Save"/> wrote.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is not a checkpoint, is damaged, or is of another model. The model is unchanged.
    /// </exception>
    /// <exception cref="IOException">
    /// The file cannot be read. If that happens after it was checked, as when a disk fails, the model must be built anew.
    /// </exception>
    public static void LoadWeights(nn.Module model, string path)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var scope = NewDisposeScope();
        using var file = CheckpointFile.Open(path);
        TensorTable.Read(file.Model, model.state_dict(), path).Copy();
    }

    /// <summary>Reads the state of one callback; null if the file has none.</summary>
    internal static string? StateIn(string path, string stateKey)
    {
        using var scope = NewDisposeScope();
        using var file = CheckpointFile.Open(path);
        return Manifest.Read(file.Manifest.Whole(), path).Callbacks.GetValueOrDefault(stateKey);
    }

    /// <summary>Refuses a learner whose state cannot be saved.</summary>
    internal static void ThrowIfUnsavable(Learner learner)
    {
        Stateful(learner);
        OptimizerState.Of(learner.Optimizer);
    }

    private static Dictionary<string, IStatefulCallback> Stateful(Learner learner)
    {
        var all = new Dictionary<string, IStatefulCallback>();
        foreach (var callback in learner.Callbacks.OfType<IStatefulCallback>())
        {
            if (!all.TryAdd(callback.StateKey, callback))
            {
                throw new ArgumentException(
                    $"Two callbacks save their state as '{callback.StateKey}'. Set the StateKey of one to another name.", nameof(learner));
            }
        }

        return all;
    }
}
