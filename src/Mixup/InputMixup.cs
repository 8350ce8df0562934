using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes the inputs of the model (Zhang, Cisse, Dauphin and Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization").
/// </summary>
public sealed class InputMixup : MixupStrategy
{
    /// <summary>Initializes input mixup by interpolation with the default options: alpha 0.4, with lambda folded to at least 0.5.</summary>
    public InputMixup()
        : this(new MixupOptions())
    {
    }

    /// <summary>Initializes input mixup by interpolation.</summary>
    /// <param name="alpha">The parameter of the Beta(alpha, alpha) distribution of lambda: 0 (no mixing) or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative, infinite or not a number.</exception>
    public InputMixup(double alpha)
        : this(new MixupOptions { Method = new Interpolation(Check.Alpha(alpha)) })
    {
    }

    /// <summary>Initializes input mixup with options.</summary>
    /// <param name="options">The options of mixing.</param>
    /// <exception cref="ArgumentException">Two options contradict each other.</exception>
    public InputMixup(MixupOptions options)
        : base(options)
    {
    }

    /// <summary>
    /// Gets whether the model itself mixes (fastai's <c>stack_x</c>). Call it with <c>(x, x[p], lambda)</c>, the three tensors in
    /// <see cref="MixupStep.Inputs"/>; lambda has shape [B]. Default false.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The method draws boxes or masks, the outputs have more than one row per sample, or <see cref="OverwriteInput"/> is set.
    /// </exception>
    public bool StackInput
    {
        get;
        init => field = CheckStacks(value, OverwriteInput, Options.Method);
    }

    /// <summary>
    /// Gets whether the batch is mixed in place, which saves the memory of a second batch. Use it if your data loader makes a new batch
    /// every time. The inputs must not require gradients, must not be inference tensors, and must not share memory with each other, with
    /// the target, or among their own rows. If several samples have the same partner, the result is computed in a second tensor and copied
    /// back. Default false.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The outputs have more than one row per sample, <see cref="StackInput"/> is set, or <see cref="MixupOptions.ToFloat"/> is set.
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
            (true, true, _, _) => throw Check.Error("value", "A stacked input is mixed by the model itself, so nothing is " +
                "overwritten; expected one of the two options. Leave StackInput or OverwriteInput off."),
            (true, _, true, _) => throw Check.Error("value",
            "A stacked input is mixed by the model itself, but the options ask for more than one row per sample; expected one output " +
            "a pair. Leave StackInput off, or choose MixupOutputs.Mixed."),
            (true, _, _, false) => throw Check.Error("value", $"A stacked input passes only lambda to the model, but {method} draws " +
                "boxes or masks. Choose Interpolation, or leave StackInput off."),
            _ => stacks,
        };

    private IReadOnlyList<Tensor> Stack(IReadOnlyList<Tensor> inputs, Mix mix)
    {
        if (inputs.Count != 1)
        {
            throw new ArgumentException($"There are {inputs.Count} inputs; a stacked input expects one, since the model is called " +
                "with (x, x[p], lambda). Give one input, or leave StackInput off.", nameof(inputs));
        }

        if (mix.Extent is not null)
        {
            throw Check.Error("draw", $"The draw has fields over {mix.Extent}, but a stacked input passes only lambda to the model. " +
                "Replay a draw of numbers, or leave StackInput off.");
        }

        using var scope = NewDisposeScope();
        var x = (Convert(inputs) ?? inputs)[0];
        Tensor[] stacked = [mix.SelectSamples(x), mix.SelectPartners(x), mix.CreateCoefficients(x).flatten()];
        return [.. stacked.Select(tensor => tensor.DetachFromDisposeScope())];
    }
}
