using System.Text.Json;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Saves everything that training depends on after every epoch: model, optimizer, scheduler, history, torch's random state, and the state of the callbacks,
/// mixup among them. A run that is resumed from it equals the uninterrupted one bit for bit, if its batches do (see <see cref="IEpochAware"/>).
/// </summary>
/// <remarks>
/// Files are data, not code. They are written beside and moved into place, so that a kill while writing leaves the old one, and checked by a hash before anything
/// is read from them.
/// </remarks>
public sealed class Checkpoint : IStatefulCallback
{
    private readonly string folder;
    private readonly Best best;

    /// <summary>Saves into a folder.</summary>
    /// <param name="folder">Gets <c>last.ckpt</c> after every epoch, and <c>best.ckpt</c> whenever the figure was better than ever; made if need be.</param>
    /// <param name="monitor">The name of the figure, as in <see cref="EpochRecord"/>. Default: the validation loss.</param>
    /// <param name="better">Which direction is better. Default: smaller.</param>
    public Checkpoint(string folder, string monitor = "valid_loss", Better better = Better.Smaller)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        this.folder = folder;
        best = new Best(monitor, better, 0);
    }

    /// <summary>The checkpoint of the last completed epoch.</summary>
    public string LastPath => Path.Combine(folder, "last.ckpt");

    /// <summary>The checkpoint of the best epoch.</summary>
    public string BestPath => Path.Combine(folder, "best.ckpt");

    /// <summary>After those that have a state: 80.</summary>
    public int Order => 80;

    /// <inheritdoc/>
    public string StateKey => "checkpoint";

    /// <summary>Writes the state of a learner between two epochs.</summary>
    /// <param name="learner">The learner.</param>
    /// <param name="path">The file; replaced if it exists, once the new one is whole.</param>
    /// <param name="completedEpochs">How many epochs of the fit are done.</param>
    /// <exception cref="ArgumentException">The optimizer cannot be saved, or two callbacks share a state key.</exception>
    public static void Save(Learner learner, string path, int completedEpochs)
    {
        ArgumentNullException.ThrowIfNull(learner);
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var scope = NewDisposeScope();
        var manifest = new Manifest(
            completedEpochs,
            [.. learner.History],
            [.. learner.SchedulerSteps],
            Stateful(learner).ToDictionary(pair => pair.Key, pair => pair.Value.SaveState()));
        CheckpointFile.Write(path, new CheckpointContent(
            JsonSerializer.SerializeToUtf8Bytes(manifest, Best.Json),
            TensorTable.Save(learner.Model.state_dict()),
            SaveOptimizer(learner.Optimizer),
            [.. torch.get_rng_state().bytes]));
    }

    /// <summary>Restores a learner that was built as the saved one was. Its next fit skips the epochs that were completed.</summary>
    /// <param name="learner">A new learner: its scheduler has not stepped yet.</param>
    /// <param name="path">A file that <see cref="Save"/> wrote.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not a checkpoint, is damaged, or is of another model or optimizer. The learner is as it was.</exception>
    /// <exception cref="InvalidOperationException">The learner has already trained.</exception>
    public static void Load(Learner learner, string path)
    {
        ArgumentNullException.ThrowIfNull(learner);
        if (learner.History.Count > 0 || learner.SchedulerSteps.Count > 0)
        {
            throw new InvalidOperationException("the learner has already trained, and a scheduler cannot be turned back: build model, optimizer, scheduler and learner anew, and load then.");
        }

        using var scope = NewDisposeScope();
        var content = CheckpointFile.Read(path);
        var stateful = Stateful(learner);
        var manifest = Manifest.Read(content.Manifest, path);
        var table = TensorTable.Read(content.Model, learner.Model.state_dict(), path);
        if (manifest.Callbacks.Keys.Except(stateful.Keys).FirstOrDefault() is { } missing)
        {
            throw new InvalidDataException($"{path} holds the state of a callback '{missing}' that the learner lacks; register the same callbacks as in the saved run.");
        }

        // From here on every step can be undone: what can fail comes first, what cannot comes last.
        var optimizerBefore = SaveOptimizer(learner.Optimizer);
        var callbacksBefore = stateful.ToDictionary(pair => pair.Key, pair => pair.Value.SaveState());
        try
        {
            foreach (var (key, state) in manifest.Callbacks)
            {
                stateful[key].LoadState(state);
            }

            LoadOptimizer(learner.Optimizer, content.Optimizer);
            RandomState.Restore(content.RandomState);
        }
        catch (Exception e)
        {
            LoadOptimizer(learner.Optimizer, optimizerBefore);
            foreach (var (key, state) in callbacksBefore)
            {
                stateful[key].LoadState(state);
            }

            throw new InvalidDataException($"{path} does not fit this learner: {e.Message} Build it with the same optimizer and callbacks as in the saved run.", e);
        }

        foreach (var metric in manifest.SchedulerSteps)
        {
            learner.StepScheduler(metric);
        }

        // The replay moved the learning rate along; the saved one is exact, whatever else had changed it.
        LoadOptimizer(learner.Optimizer, content.Optimizer);
        table.CopyTo(learner.Model.state_dict());
        learner.Restore(manifest.History, manifest.CompletedEpochs);
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
        Save(state.Learner, LastPath, state.Epoch + 1);
        if (improved)
        {
            Save(state.Learner, BestPath, state.Epoch + 1);
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
                throw new ArgumentException($"two callbacks keep their state as '{callback.StateKey}'; register one of each.");
            }
        }

        return all;
    }

    private static byte[] SaveOptimizer(Optimizer optimizer)
    {
        var helper = optimizer as OptimizerHelper ?? throw new ArgumentException($"{optimizer.GetType().Name} has no state that can be saved.");
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        helper.save_state_dict(writer);
        writer.Flush();
        return stream.ToArray();
    }

    private static void LoadOptimizer(Optimizer optimizer, byte[] state)
    {
        using var reader = new BinaryReader(new MemoryStream(state, writable: false));
        using var scope = NewDisposeScope();
        try
        {
            ((OptimizerHelper)optimizer).load_state_dict(reader);
        }
        finally
        {
            // What is left are the optimizer's own buffers, which outlive every scope.
            scope.Detach(scope.DisposablesView.ToArray());
        }
    }
}

/// <summary>What a checkpoint holds that is not a tensor.</summary>
internal sealed record Manifest(int CompletedEpochs, IReadOnlyList<EpochRecord> History, IReadOnlyList<double> SchedulerSteps, Dictionary<string, string> Callbacks)
{
    public static Manifest Read(byte[] json, string path)
    {
        try
        {
            var manifest = JsonSerializer.Deserialize<Manifest>(json, Best.Json);
            if (manifest is { CompletedEpochs: >= 0, History: not null, SchedulerSteps: not null, Callbacks: not null } && manifest.History.All(IsWhole) && !manifest.Callbacks.ContainsValue(null!))
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
