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

    private protected override MixupPlace DrawPlace(IReadOnlyList<Tensor> inputs, Random random) => MixupPlace.Input;

    private protected override MixupStep Open(StepRequest request)
    {
        if (request.Draw.Place != MixupPlace.Input)
        {
            throw WrongPlace(request.Draw, MixupPlace.Input.ToString());
        }

        return Options.StackInput
            ? new MixupStep(request, Stack(request.Inputs, request.Draw.Mix), ownsInputs: true, isStacked: true)
            : OpenAtInput(request);
    }

    private static IReadOnlyList<Tensor> Stack(IReadOnlyList<Tensor> inputs, Mix mix)
    {
        if (inputs.Count != 1)
        {
            throw new ArgumentException($"there are {inputs.Count} inputs, but a stacked input is one: the network is called with (x, x[p], lambda).", nameof(inputs));
        }

        if (mix.Extent is not null)
        {
            throw new ArgumentException($"The draw has fields over {mix.Extent}, but a stacked input tells the network lambda alone. Replay a draw of numbers, or leave StackInput off.");
        }

        // Aliases, so that the step can free all three alike.
        using var scope = NewDisposeScope();
        return [inputs[0].alias().DetachFromDisposeScope(), mix.Partner(inputs[0]).DetachFromDisposeScope(), mix.CoefficientsFor(inputs[0]).flatten().DetachFromDisposeScope()];
    }
}
