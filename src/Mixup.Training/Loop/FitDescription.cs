using System.Reflection;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Describes a fit, for the comparison of ranks.</summary>
internal static class FitDescription
{
    /// <summary>Describes a fit.</summary>
    public static RankDescription Of(LearnerState state, IEnumerable<string> sources)
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
            AddProperties(description, "option of the optimizer", OptionsOf(group));
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

    private static void AddProperties(RankDescription description, string what, object? values)
    {
        var members = values?.GetType().GetFields(BindingFlags.Public | BindingFlags.Instance) ?? [];
        foreach (var member in members.OrderBy(member => member.Name, StringComparer.Ordinal))
        {
            description.Add(what, $"{member.Name} = {member.GetValue(values)}");
        }
    }

    // A derived group declares its options anew.
    private static object? OptionsOf(ParamGroup group) =>
        Array.Find(group.GetType().GetProperties(), property => property.Name == "Options")?.GetValue(group);

    private static string? Version(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
        ?? assembly.GetName().Version?.ToString();
}
