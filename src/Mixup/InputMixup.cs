using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes what the model is called with (Zhang, Cisse, Dauphin and Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization").
/// </summary>
public sealed class InputMixup : MixupStrategy
{
    /// <summary>Initializes input mixup by interpolation, with the default options: alpha 0.4, folded.</summary>
    public InputMixup()
        : this(new MixupOptions())
    {
    }

    /// <summary>Initializes input mixup by interpolation.</summary>
    /// <param name="alpha">Concentration of the Beta(alpha, alpha) distribution of lambda, 0 (no mixing) or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative, infinite or not a number.</exception>
    public InputMixup(double alpha)
        : this(new MixupOptions { Method = new Interpolation(Check.Alpha(alpha)) })
    {
    }

    /// <summary>Initializes input mixup with given options.</summary>
    /// <param name="options">How batches are mixed.</param>
    /// <exception cref="ArgumentException">Two options contradict each other.</exception>
    public InputMixup(MixupOptions options)
        : base(options)
    {
    }

    /// <summary>
    /// Gets whether the model mixes by itself: it is called with <c>(x, x[p], lambda)</c>, lambda of shape [B] (fastai's <c>stack_x</c>).
    /// Read the three from <see cref="MixupStep.Inputs"/>. Default false.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The method draws boxes or masks, or there is more than one row for each sample, or the input is overwritten.
    /// </exception>
    public bool StackInput
    {
        get;
        init => field = CheckStacks(value, OverwriteInput, Options.Method);
    }

    /// <summary>
    /// Gets whether the caller's batch is written over instead of kept: no memory but for the coefficients, for loaders that make a batch
    /// and forget it. Default false. The inputs must not require gradients, must not be inference tensors, and must not share memory with
    /// each other, with the target, or among their own rows. If several samples have one partner, the result is made beside the batch and
    /// copied into it.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// There is more than one row for each sample, the input is stacked, or bytes become floating values.
    /// </exception>
    public bool OverwriteInput
    {
        get;
        init
        {
            CheckStacks(StackInput, value, Options.Method);
            field = CheckOverwrites(value);
        }
    }

    internal override bool MixesAtInput => true;

    private protected override MixupPlace DrawPlace(IReadOnlyList<Tensor> inputs, Method method, Random random) => MixupPlace.Input;

    private protected override MixupStep Open(StepRequest request)
    {
        if (request.Draw.Place != MixupPlace.Input)
        {
            throw WrongPlace(request.Draw, MixupPlace.Input.ToString());
        }

        CheckStacks(StackInput, OverwriteInput, request.Method ?? Options.Method);
        return StackInput
            ? new MixupStep(request, Stack(request.Inputs, request.Draw.Mix), ownsInputs: true, isStacked: true)
            : OpenAtInput(request, OverwriteInput);
    }

    private bool CheckStacks(bool stacks, bool overwrites, Method method) =>
        (stacks, overwrites, Options.Outputs.RowsPerSample > 1, method.DrawsNumbers) switch
        {
            (true, true, _, _) => throw Check.Error("value", "A stacked input is mixed by the network itself, so nothing is overwritten: " +
                "leave StackInput or OverwriteInput off."),
            (true, _, true, _) => throw Check.Error("value",
            "A stacked input is mixed by the network itself: that goes with one output a " +
                "pair. Leave StackInput off, or choose MixupOutputs.Mixed."),
            (true, _, _, false) => throw Check.Error("value", "A stacked input tells the network lambda alone, which no box or mask of " +
                $"{method} follows from: choose Interpolation, or leave StackInput off."),
            _ => stacks,
        };

    private IReadOnlyList<Tensor> Stack(IReadOnlyList<Tensor> inputs, Mix mix)
    {
        if (inputs.Count != 1)
        {
            throw new ArgumentException($"There are {inputs.Count} inputs, but a stacked input is one: the network is called with (x, " +
                "x[p], lambda).", nameof(inputs));
        }

        if (mix.Extent is not null)
        {
            throw Check.Error("draw", $"The draw has fields over {mix.Extent}, but a stacked input tells the network lambda alone. " +
                "Replay a draw of numbers, or leave StackInput off.");
        }

        using var scope = NewDisposeScope();
        var x = (Convert(inputs) ?? inputs)[0];
        Tensor[] stacked = [mix.SelectSamples(x), mix.SelectPartners(x), mix.CreateCoefficients(x).flatten()];
        return [.. stacked.Select(tensor => tensor.DetachFromDisposeScope())];
    }
}
