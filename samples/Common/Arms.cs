using TorchSharp;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Training;

namespace Mixup.Samples;

/// <summary>The arms that compete: no mixup, and mixup at its three places.</summary>
public static class Arms
{
    /// <summary>All arms, in the order of tables and legends.</summary>
    public static IReadOnlyList<string> All { get; } = ["none", "input", "manifold", "output"];

    /// <summary>What an arm registers on the learner.</summary>
    /// <param name="run">The run; its seed is the mixup's, too.</param>
    /// <param name="model">The model.</param>
    /// <param name="places">Where manifold mixup may mix. Default: as it finds them.</param>
    public static IEnumerable<MixupCallback> Callbacks(Run run, torch.nn.Module model, ManifoldPlaces? places = null)
    {
        var options = new MixupOptions { Alpha = run.Setting.Alpha, Seed = (ulong)run.Seed };
        return run.Arm switch
        {
            "none" => [],
            "input" => [new MixupCallback(new InputMixup(options))],
            "manifold" => [new MixupCallback(new ManifoldMixup(model, options, places))],
            "output" => [new MixupCallback(new OutputMixup(options))],
            _ => throw new ArgumentException($"there is no arm '{run.Arm}'.", nameof(run)),
        };
    }
}
