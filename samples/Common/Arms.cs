using TorchSharp;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Training;

namespace Mixup.Samples;

/// <summary>The arms that compete: no mixup, and mixup at its three places.</summary>
public static class Arms
{
    /// <summary>All arms, in the order of tables and legends.</summary>
    public static IReadOnlyList<string> All { get; } = ["none", "input", "manifold", "output"];

    /// <summary>
    /// The bandwidth of the arm "c-mixup", for targets in units of their standard deviation.
    /// </summary>
    public const double CMixupBandwidth = 1;

    /// <summary>What the arm of a run registers on the learner; the run's seed is the mixup's, too.</summary>
    public static IEnumerable<MixupCallback> Callbacks(Run run, torch.nn.Module model, ManifoldPlaces? places = null) =>
        Callbacks(
            run.Arm,
            new MixupOptions { Method = new Interpolation(run.Setting.Alpha ?? Interpolation.DefaultAlpha), Seed = (ulong)run.Seed },
            model,
            places);

    /// <summary>What an arm registers on the learner.</summary>
    /// <param name="arm">One of <see cref="All"/>, or "c-mixup" for regression: input mixup with similar targets.</param>
    /// <param name="options">How batches are mixed.</param>
    /// <param name="model">The model.</param>
    /// <param name="places">Where manifold mixup may mix. Default: as it finds them.</param>
    /// <param name="loss">The loss of a mixed batch. Default: the learner's own.</param>
    public static IEnumerable<MixupCallback> Callbacks(
        string arm, MixupOptions options, torch.nn.Module model, ManifoldPlaces? places = null, MixupLoss? loss = null) => arm switch
        {
            "none" => [],
            "input" => [new MixupCallback(new InputMixup(options), loss)],
            "c-mixup" => [new MixupCallback(new InputMixup(options with { Pairing = Pairing.SimilarTargets(CMixupBandwidth) }), loss)],
            "manifold" => [new MixupCallback(new ManifoldMixup(model, options, places), loss)],
            "output" => [new MixupCallback(new OutputMixup(options), loss)],
            _ => throw new ArgumentException($"there is no arm '{arm}'.", nameof(arm)),
        };
}
