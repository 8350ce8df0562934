using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>What a rank is about to train, line by line, so that an error can name the first difference between two ranks.</summary>
internal sealed class RankDescription
{
    private readonly List<string> lines = [];

    /// <summary>Describes a model.</summary>
    public static RankDescription OfModel(nn.Module model) => new RankDescription().Add(model);

    /// <summary>Describes a fit.</summary>
    public static RankDescription OfFit(LearnerState state, IEnumerable<string> sources)
    {
        using var scope = NewDisposeScope();
        var learner = state.Learner;
        var description = new RankDescription();
        foreach (var type in new[] { typeof(Learner), typeof(MixupLoss), typeof(torch) })
        {
            description.Add("version of", $"{type.Assembly.GetName().Name} {Version(type.Assembly)}");
        }

        description.Add("libtorch", __version__);
        description.Add(learner.Model);
        description.Add("optimizer", learner.Optimizer.GetType().Name);
        foreach (var group in learner.Optimizer.ParamGroups)
        {
            description.Add("learning rate of a parameter group", group.LearningRate);
        }

        foreach (var group in learner.Optimizer.ParamGroups.OfType<ParamGroup>())
        {
            description.Add("parameters in a group", group.Parameters.Count());
            description.AddProperties("option of the optimizer", OptionsOf(group));
        }

        description.Add("state of the optimizer", OptimizerState.Fingerprint(learner.Optimizer));
        description.Add("scheduler", learner.Scheduler?.GetType().Name ?? "none");
        description.Add("interval of the scheduler", learner.SchedulerInterval);
        description.Add("loss", $"{learner.Loss.GetType().Name} of reduction {learner.Loss.reduction}");
        description.AddAll("metric", learner.Metrics);
        var callbacks = learner.Callbacks.Where(callback => !callback.RunsOnFirstRankAlone);
        description.AddAll("callback", callbacks.Select(callback => callback.GetType().Name));
        foreach (var strategy in learner.Callbacks.OfType<MixupCallback>().Select(callback => callback.Strategy))
        {
            description.Add("strategy", strategy.GetType().Name);
            description.Add("mixup options", strategy is MixupStrategy { Options: var options } ? options with { Seed = null } : null);
        }

        description.Add("epochs", state.Epochs);
        description.Add("completed epochs, from a checkpoint", state.FirstEpoch);
        description.AddAll("data", sources);
        return description;
    }

    /// <summary>Compares the descriptions of all ranks, which have met before.</summary>
    /// <exception cref="InvalidOperationException">Two differ. All ranks throw the same error.</exception>
    public void Compare(Communicator communicator)
    {
        var own = Encoding.UTF8.GetBytes(string.Join('\n', lines));
        var fingerprint = new Fingerprint();
        fingerprint.Add(own);
        (ulong Hash, long Length)[] all = new (ulong, long)[communicator.Size];
        (ulong, long)[] mine = [(fingerprint.Value, own.Length)];
        communicator.Gather(MemoryMarshal.AsBytes(mine.AsSpan()), MemoryMarshal.AsBytes(all.AsSpan()));
        var other = Array.FindIndex(all, one => one != all[0]);
        if (other < 0)
        {
            return;
        }

        string Text(int rank)
        {
            var bytes = communicator.Rank == rank ? own : new byte[all[rank].Length];
            communicator.SendAll(bytes, rank);
            return Encoding.UTF8.GetString(bytes);
        }

        throw communicator.Meetings.Known(new InvalidOperationException(Difference(Text(0).Split('\n'), Text(other).Split('\n'), other)));
    }

    private static string Difference(string[] first, string[] second, int rank)
    {
        var line = 0;
        while (line < first.Length && line < second.Length && first[line] == second[line])
        {
            line++;
        }

        string At(string[] lines) => line < lines.Length ? lines[line] : "nothing more";
        return $"Rank 0 and rank {rank} do not train the same. Rank 0 has {At(first)}, but rank {rank} has {At(second)}. " +
            "Start the same program with the same options on all ranks.";
    }

    private RankDescription Add(nn.Module model)
    {
        using var scope = NewDisposeScope();
        Add("model", model.GetType().Name);
        foreach (var (name, tensor) in model.state_dict())
        {
            var kind = tensor.requires_grad ? "parameter" : "buffer or frozen parameter";
            lines.Add($"{kind} '{name}' {tensor.dtype} {Shapes.Text(tensor)}");
        }

        return this;
    }

    private void Add(string what, object? value) => lines.Add(FormattableString.Invariant($"{what} {value}").ReplaceLineEndings(" "));

    private void AddAll(string what, IEnumerable<object> values)
    {
        foreach (var value in values)
        {
            Add(what, value);
        }
    }

    private void AddProperties(string what, object? values)
    {
        var members = values?.GetType().GetFields(BindingFlags.Public | BindingFlags.Instance) ?? [];
        foreach (var member in members.OrderBy(member => member.Name, StringComparer.Ordinal))
        {
            Add(what, $"{member.Name} = {member.GetValue(values)}");
        }
    }

    // A derived group declares its options anew.
    private static object? OptionsOf(ParamGroup group) =>
        Array.Find(group.GetType().GetProperties(), property => property.Name == "Options")?.GetValue(group);

    private static string? Version(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
        ?? assembly.GetName().Version?.ToString();
}
