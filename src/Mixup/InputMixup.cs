using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Mixes what the model is called with (Zhang, Cisse, Dauphin and Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization").</summary>
public sealed class InputMixup : MixupStrategy
{
    /// <summary>Input mixup with the default options.</summary>
    /// <param name="alpha">Concentration of the Beta distribution, 0 (no mixing) or more. Default 0.4.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative, infinite or not a number.</exception>
    public InputMixup(double alpha = 0.4)
        : this(new MixupOptions { Alpha = alpha })
    {
    }

    /// <summary>Input mixup with given options.</summary>
    /// <param name="options">How batches are mixed.</param>
    /// <exception cref="ArgumentException">Two options contradict each other.</exception>
    public InputMixup(MixupOptions options)
        : base(options)
    {
    }

    private protected override string DrawPlace(Random random) => MixupDraw.Input;

    private protected override MixupStep Open(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw draw) =>
        draw.Place == MixupDraw.Input
            ? new MixupStep(BlendAll(inputs, draw.Mix), target, draw, Options.TargetMixing, ownsInputs: true)
            : throw new ArgumentException($"the draw is for the place '{draw.Place}', but input mixup mixes only the '{MixupDraw.Input}'; replay it with the strategy that it came from.", nameof(draw));
}
