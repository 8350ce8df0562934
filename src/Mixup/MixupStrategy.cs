using System.Security.Cryptography;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What the built-in strategies share: options, the sequence of draws, and the checks of a batch.</summary>
public abstract class MixupStrategy : IMixupStrategy
{
    private ulong seed;
    private long step;
    private double alpha;

    private protected MixupStrategy(MixupOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options is { CoefficientPer: CoefficientPer.Pair, Pairing: Pairing.Roll })
        {
            throw new ArgumentException("a rolled batch has no pairs that could share a coefficient: choose Pairing.Halves or Pairing.Permutation, or one coefficient per sample or batch.", nameof(options));
        }

        if (options.StackInput && (this is not InputMixup || options.Outputs.RowsPerSample > 1))
        {
            throw new ArgumentException("a stacked input is mixed by the network itself: that goes with input mixup, and with one output a pair.", nameof(options));
        }

        if (options.OverwriteInput && (this is OutputMixup || options.Outputs.RowsPerSample > 1 || options.StackInput))
        {
            throw new ArgumentException("only a batch that is mixed at the input, with one output a pair, can be overwritten: leave OverwriteInput off.", nameof(options));
        }

        if (options.Method is not null && (!options.Fold || options.Alpha != new MixupOptions().Alpha))
        {
            throw new ArgumentException("Alpha and Fold belong to the default method and do nothing beside another: set them on the method, such as new Interpolation(0.2) { Fold = false }.", nameof(options));
        }

        if (options is { StackInput: true, Method.DrawsNumbers: false })
        {
            throw new ArgumentException("a stacked input tells the network lambda alone, which no box or mask follows from: choose Interpolation, or leave StackInput off.", nameof(options));
        }

        Options = options;
        alpha = options.Alpha;
        seed = options.Seed ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
    }

    /// <summary>How batches are mixed.</summary>
    public MixupOptions Options { get; }

    /// <inheritdoc/>
    public double Alpha
    {
        get => alpha;
        set => alpha = Options.Method is null || value.Equals(alpha)
            ? Check.Alpha(value)
            : throw new InvalidOperationException($"Alpha belongs to the method {Options.Method}, which does not change. Make a strategy with another method.");
    }

    /// <inheritdoc/>
    public MixupState State
    {
        get => new(seed, step, alpha);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            ArgumentOutOfRangeException.ThrowIfNegative(value.Step);
            ArgumentOutOfRangeException.ThrowIfEqual(value.Step, long.MaxValue);
            alpha = Check.Alpha(value.Alpha);
            (seed, step) = (value.Seed, value.Step);
        }
    }

    /// <inheritdoc/>
    public MixupStep Begin(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(target);
        var batchSize = CheckBatch(inputs, target, draw);
        if (draw is null && step == long.MaxValue - 1)
        {
            throw new InvalidOperationException("The strategy has drawn for as many batches as it can count. Set State with another seed and step 0.");
        }

        var request = new StepRequest(inputs, target, draw ?? Sample(inputs, batchSize), draw is null, Options.TargetMixing, Options.TargetsAreWhole);
        try
        {
            request.Draw.Mix.CheckWhole(target, Options.TargetsAreWhole);
            var opened = Open(request);
            step += draw is null ? 1 : 0;
            return opened;
        }
        catch
        {
            if (request.OwnsDraw)
            {
                request.Draw.Mix.Dispose();
            }

            throw;
        }
    }

    /// <summary>Draws the place, after coefficients and pairing.</summary>
    private protected abstract MixupPlace DrawPlace(IReadOnlyList<Tensor> inputs, Random random);

    /// <summary>Opens the step of a draw. An error leaves the strategy as it was.</summary>
    private protected abstract MixupStep Open(StepRequest request);

    /// <summary>Opens a step that is mixed at the input. An error leaves nothing behind, and no input changed.</summary>
    private protected MixupStep OpenAtInput(StepRequest request, PendingMix? pending = null)
    {
        var (inputs, mix) = (request.Inputs, request.Draw.Mix);
        foreach (var input in inputs)
        {
            if (request.OwnsDraw)
            {
                mix.CheckCopied(input, Options.Method is { Copies: true });
            }

            mix.CheckBlendable(input);
        }

        if (!Options.OverwriteInput)
        {
            return new MixupStep(request, [.. inputs.Select(mix.Blend)], ownsInputs: true, pending: pending);
        }

        SharedMemory.CheckOverwritable(inputs, request.Target, mix);
        foreach (var input in inputs)
        {
            mix.BlendInPlace(input);
        }

        return new MixupStep(request, inputs, pending: pending);
    }

    private MixupDraw Sample(IReadOnlyList<Tensor> inputs, int batchSize)
    {
        var random = new SplitMix(seed, step);
        return new MixupDraw(Sampler.Draw(Options, alpha, inputs, batchSize, random), DrawPlace(inputs, random));
    }

    /// <summary>The error for a draw that another strategy made.</summary>
    private protected static ArgumentException WrongPlace(MixupDraw draw, string expected) =>
        new($"The draw is for the place {draw.Place}, but this strategy mixes at {expected}. Replay it with the strategy that it came from.", nameof(draw));

    private static int CheckBatch(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw)
    {
        if (inputs.Count == 0 || inputs.Contains(null))
        {
            throw new ArgumentException("there must be one input tensor or more, and none may be null.", nameof(inputs));
        }

        if (inputs[0].dim() == 0)
        {
            throw new ArgumentException("the input is a scalar tensor; its first dimension must be the batch.", nameof(inputs));
        }

        var batchSize = checked((int)inputs[0].size(0));
        if (batchSize == 0)
        {
            throw new ArgumentException($"the batch is empty (shape {Check.Shape(inputs[0])}): mixing needs one sample or more. Drop empty batches in the loader.", nameof(inputs));
        }

        foreach (var input in inputs)
        {
            Check.HasBatch(input, batchSize, "an input");
        }

        Check.HasBatch(target, batchSize, "the target");
        return draw is null || draw.Mix.BatchSize == batchSize
            ? batchSize
            : throw new ArgumentException($"the draw is of {draw.Mix.BatchSize} samples, but the batch has {batchSize}; replay it on the batch that it was drawn for.", nameof(draw));
    }
}
