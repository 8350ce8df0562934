using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes what the model gives, just before a loss that contains the softmax (nestordemeure's <c>OutputMixup</c>). The model itself runs on the plain batch;
/// <see cref="MixupLoss"/> does the mixing.
/// </summary>
public sealed class OutputMixup : MixupStrategy
{
    /// <summary>Output mixup by interpolation, with the default options.</summary>
    /// <param name="alpha">Concentration of the Beta distribution, 0 (no mixing) or more. Default 0.4.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative, infinite or not a number.</exception>
    public OutputMixup(double alpha = Interpolation.DefaultAlpha)
        : this(new MixupOptions { Method = new Interpolation(alpha) })
    {
    }

    /// <summary>Output mixup with given options.</summary>
    /// <param name="options">How batches are mixed.</param>
    /// <exception cref="ArgumentException">Two options contradict each other.</exception>
    public OutputMixup(MixupOptions options)
        : base(options)
    {
    }

    private protected override MixupPlace DrawPlace(IReadOnlyList<Tensor> inputs, Method method, Random random) => MixupPlace.Output;

    private protected override MixupStep Open(StepRequest request) => request.Draw.Place == MixupPlace.Output
        ? new MixupStep(request, request.Inputs, pending: new OutputMix(request.Draw.Mix))
        : throw WrongPlace(request.Draw, MixupPlace.Output.ToString());
}
