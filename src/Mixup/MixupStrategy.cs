using System.Security.Cryptography;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What the built-in strategies share: options, the sequence of draws, and the checks of a batch.</summary>
public abstract class MixupStrategy : IMixupStrategy
{
    private ulong seed;
    private long step;

    private protected MixupStrategy(MixupOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options is { CoefficientPer: CoefficientPer.Pair, Pairing: Pairing.Roll })
        {
            throw new ArgumentException("a rolled batch has no pairs that could share a coefficient: choose Pairing.Halves or Pairing.Permutation, or one coefficient per sample or batch.", nameof(options));
        }

        Options = options;
        seed = options.Seed ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
    }

    /// <summary>How batches are mixed.</summary>
    public MixupOptions Options { get; }

    /// <inheritdoc/>
    public MixupState State
    {
        get => new(seed, step, Epoch);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            ArgumentOutOfRangeException.ThrowIfNegative(value.Step);
            ArgumentOutOfRangeException.ThrowIfEqual(value.Step, long.MaxValue);
            Epoch = value.Epoch;
            (seed, step) = (value.Seed, value.Step);
        }
    }

    /// <inheritdoc/>
    public int? Epoch
    {
        get;
        set => field = value is null or >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "epochs are counted from 0.");
    }

    /// <inheritdoc/>
    public int? Epochs
    {
        get;
        set => field = value is null or >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "training has one epoch or more; null if their number is not known.");
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

        var (method, probability) = draw is null ? Scheduled() : (null, 1);
        var drawn = draw ?? Sample(inputs, batchSize, method!, probability);
        var request = new StepRequest(inputs, target, drawn, method, Options.TargetMixing, Options.TargetKind);
        try
        {
            request.Draw.Mix.DenseFor(target, Options.TargetKind); // what is wrong with it must show before an input is overwritten
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

    /// <summary>Draws the place.</summary>
    private protected abstract MixupPlace DrawPlace(IReadOnlyList<Tensor> inputs, Method method, Random random);

    /// <summary>Opens the step of a draw. An error leaves the strategy as it was.</summary>
    private protected abstract MixupStep Open(StepRequest request);

    /// <summary>Opens a step that is mixed at the input. An error leaves nothing behind, and no input changed.</summary>
    private protected static MixupStep OpenAtInput(StepRequest request, bool overwrite, PendingMix? pending = null)
    {
        var (inputs, mix) = (request.Inputs, request.Draw.Mix);
        foreach (var input in inputs)
        {
            if (request.Method is { } method)
            {
                mix.CheckCopied(input, method.Copies);
            }

            mix.CheckBlendable(input);
        }

        if (!overwrite)
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

    /// <summary>Checks that a batch may be overwritten, if that was asked for.</summary>
    private protected bool CheckOverwrites(bool overwrites) => overwrites && Options.Outputs.RowsPerSample > 1
        ? throw new ArgumentException("Only a batch with one row for each sample can be overwritten, since more do not fit into it: leave OverwriteInput off, or choose MixupOutputs.Mixed.")
        : overwrites;

    private (Method Method, double Probability) Scheduled()
    {
        if (Options.Schedule is not { } schedule)
        {
            return (Options.Method, Options.Probability);
        }

        var (method, probability) = schedule(new SchedulePoint(Epoch, Epochs, step, Options.Method, Options.Probability));
        return method is not null && probability is >= 0 and <= 1
            ? (method, probability)
            : throw new InvalidOperationException(
                $"The schedule returned {method?.ToString() ?? "no method"} and the probability {probability} for batch {step}; expected a method, and a probability from 0 to 1. " +
                "Return point.Method and point.Probability for those of the options.");
    }

    private MixupDraw Sample(IReadOnlyList<Tensor> inputs, int batchSize, Method method, double probability)
    {
        // Streams of their own: what a method draws does not shift the place, and what one sample draws shifts no other.
        var random = new SplitMix(seed, step);
        var partners = Sampler.DrawPartners(Options, batchSize, random.Fork());
        var place = DrawPlace(inputs, method, random.Fork());
        return new MixupDraw(Sampler.Draw(Options, method, probability, inputs, partners, random), place);
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
