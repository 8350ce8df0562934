using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes the prediction just before a loss that contains the softmax (nestordemeure's <c>OutputMixup</c>). The model runs on the plain
/// batch, and <see cref="MixupLoss"/> mixes.
/// </summary>
/// <remarks>
/// The first dimension of the prediction must be the batch. Transpose a prediction [T, B, K] before the loss.
/// </remarks>
public sealed class OutputMixup : MixupStrategy
{
    /// <summary>Initializes output mixup by interpolation, with the default options: alpha 0.4, folded.</summary>
    public OutputMixup()
        : this(new MixupOptions())
    {
    }

    /// <summary>Initializes output mixup by interpolation.</summary>
    /// <param name="alpha">Concentration of the Beta(alpha, alpha) distribution of lambda, 0 (no mixing) or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative, infinite or not a number.</exception>
    public OutputMixup(double alpha)
        : this(new MixupOptions { Method = new Interpolation(Check.Alpha(alpha)) })
    {
    }

    /// <summary>Initializes output mixup with given options.</summary>
    /// <param name="options">The options of mixing.</param>
    /// <exception cref="ArgumentException">Two options contradict each other.</exception>
    public OutputMixup(MixupOptions options)
        : base(options)
    {
    }

    private protected override MixupPlace DrawPlace(IReadOnlyList<Tensor> inputs, Method method, Random random) => MixupPlace.Output;

    private protected override MixupStep Open(StepRequest request) => request.Draw.Place == MixupPlace.Output
        ? OpenElsewhere(request, new OutputMix(request.Draw.Mix))
        : throw WrongPlace(request.Draw, MixupPlace.Output.ToString());
}
