using TorchSharp;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Training;

namespace Mixup.Samples;

/// <summary>The strategies that the samples compare: no mixup, and mixup at each of its three places.</summary>
public static class Arms
{
    /// <summary>Gets the names of all strategies, in the order of tables and legends.</summary>
    public static IReadOnlyList<string> All { get; } = ["none", "input", "manifold", "output"];

    /// <summary>
    /// The bandwidth of the strategy "c-mixup", in standard deviations of the target.
    /// </summary>
    public const double CMixupBandwidth = 1;

    /// <summary>Makes the callbacks that the strategy of a run registers on the learner. They use the seed of the run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="model">The model.</param>
    /// <param name="places">The places of manifold mixup. Default null: those that it finds.</param>
    public static IEnumerable<MixupCallback> Callbacks(Run run, torch.nn.Module model, ManifoldPlaces? places = null) =>
        Callbacks(
            run.Arm,
            new MixupOptions { Method = new Interpolation(run.Setting.Alpha ?? Interpolation.DefaultAlpha), Seed = (ulong)run.Seed },
            model,
            places);

    /// <summary>Makes the callbacks that a strategy registers on the learner.</summary>
    /// <param name="arm">One of <see cref="All"/>, or "c-mixup": input mixup of samples with similar targets, for regression.</param>
    /// <param name="options">How batches are mixed.</param>
    /// <param name="model">The model.</param>
    /// <param name="places">The places of manifold mixup. Default null: those that it finds.</param>
    /// <param name="loss">The loss of a mixed batch. Default null: the loss of the learner.</param>
    public static IEnumerable<MixupCallback> Callbacks(
        string arm, MixupOptions options, torch.nn.Module model, ManifoldPlaces? places = null, MixupLoss? loss = null) => arm switch
        {
            "none" => [],
            "input" => [new MixupCallback(new InputMixup(options), loss)],
            "c-mixup" => [new MixupCallback(new InputMixup(options with { Pairing = Pairing.SimilarTargets(CMixupBandwidth) }), loss)],
            "manifold" => [new MixupCallback(new ManifoldMixup(model, options, places), loss)],
            "output" => [new MixupCallback(new OutputMixup(options), loss)],
            _ => throw new ArgumentException(
                $"The strategy '{arm}' is unknown; expected c-mixup or one of {string.Join(", ", All)}.", nameof(arm)),
        };
}
