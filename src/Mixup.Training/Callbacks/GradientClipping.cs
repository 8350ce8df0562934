using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// Limits the gradients of the optimizer's parameters before every step, as torch's <c>clip_grad_norm_</c> and <c>clip_grad_value_</c> do
/// (Pascanu et al. 2013, algorithm 1).
/// </summary>
public sealed class GradientClipping : LearnerCallback
{
    private readonly Action<IEnumerable<TorchSharp.Modules.Parameter>> clip;

    /// <summary>Scales all gradients together, so that their norm is at most a limit.</summary>
    /// <param name="maxNorm">The largest norm, above 0.</param>
    /// <param name="normType">The p of the p-norm, above 0. Default 2. Infinity gives the largest absolute value.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is not above 0, or not a number.</exception>
    public GradientClipping(double maxNorm, double normType = 2)
        : this(parameters => nn.utils.clip_grad_norm_(parameters, maxNorm, normType))
    {
        ThrowIfNotPositive(maxNorm, nameof(maxNorm));
        ThrowIfNotPositive(normType, nameof(normType));
    }

    private GradientClipping(Action<IEnumerable<TorchSharp.Modules.Parameter>> clip) => this.clip = clip;

    /// <summary>Creates a callback that limits each value of each gradient by itself.</summary>
    /// <param name="maxValue">The largest absolute value, above 0.</param>
    /// <returns>The callback.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxValue"/> is not above 0, or not a number.</exception>
    public static GradientClipping ByValue(double maxValue)
    {
        ThrowIfNotPositive(maxValue, nameof(maxValue));
        return new GradientClipping(parameters => nn.utils.clip_grad_value_(parameters, maxValue));
    }

    /// <inheritdoc/>
    public override void BeforeStep(LearnerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        using var scope = NewDisposeScope();

        // Not those of the model: a part that the optimizer does not train keeps its gradients, which would grow from step to step.
        TorchSharp.Modules.Parameter[] trained = [.. state.Learner.Optimizer.parameters().Where(parameter => parameter.grad is not null)];
        if (trained.Length > 0)
        {
            clip(trained);
        }
    }

    private static void ThrowIfNotPositive(double value, string name)
    {
        if (!(value > 0))
        {
            throw new ArgumentOutOfRangeException(name, value, "The value must be above 0.");
        }
    }
}
