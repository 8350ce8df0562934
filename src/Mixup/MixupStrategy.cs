using System.Security.Cryptography;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The base class of the built-in strategies. It holds the options and the sequence of draws, and checks each batch.</summary>
public abstract class MixupStrategy : IMixupStrategy
{
    private ulong seed;
    private long batch;

    private protected MixupStrategy(MixupOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.CheckConsistent();
        Options = options;
        seed = options.Seed ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
    }

    /// <summary>Gets the options of mixing.</summary>
    public MixupOptions Options { get; }

    /// <inheritdoc/>
    public MixupState State
    {
        get
        {
            var next = DrawAhead.Current?.NextOf(this) ?? (seed, batch);
            return new(next.Seed, next.Batch, Epoch, Rank);
        }

        set
        {
            ArgumentNullException.ThrowIfNull(value);
            ArgumentOutOfRangeException.ThrowIfNegative(value.Batch, nameof(value));
            ArgumentOutOfRangeException.ThrowIfEqual(value.Batch, long.MaxValue, nameof(value));
            ArgumentOutOfRangeException.ThrowIfNegative(value.Epoch ?? 0, nameof(value));
            ArgumentOutOfRangeException.ThrowIfNegative(value.Rank, nameof(value));
            (Epoch, Rank) = (value.Epoch, value.Rank);
            (seed, batch) = (value.Seed, value.Batch);
        }
    }

    /// <inheritdoc/>
    public int? Epoch
    {
        get;
        set => field = value is null or >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The epoch is negative; epochs are counted from 0. Give 0 " +
                "or more, or null if the epoch is unknown.");
    }

    /// <inheritdoc/>
    public int? Epochs
    {
        get;
        set => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(value), value, "Training has one epoch or more. Give 1 or more, or null if their number is not known.");
    }

    /// <inheritdoc/>
    public int Rank
    {
        get;
        set => field = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(value), value, "The rank is negative; ranks are counted from 0. Give the number of this process, or 0 for one " +
                "process.");
    }

    /// <inheritdoc/>
    public MixupStep Begin(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw? draw = null)
    {
        CheckAhead();
        var batchSize = Batches.Size(inputs);
        MixedInputs.ThrowIfMixed(inputs);
        ArgumentNullException.ThrowIfNull(target);
        Check.HasBatch(target, batchSize, "the target", nameof(target));
        if (draw is not null && draw.Mix.BatchSize != batchSize)
        {
            throw new ArgumentException(
                $"The draw is for {draw.Mix.BatchSize} samples, but the batch has {batchSize}. " +
                "Replay it on the batch that it was drawn for.",
                nameof(draw));
        }

        var state = State;
        if (draw is null && state.Batch == long.MaxValue - 1)
        {
            throw new InvalidOperationException(
                "The strategy has drawn for as many batches as it can count. Set State with another seed and batch 0.");
        }

        var request = draw is null
            ? Sample(inputs, target, state)
            : new StepRequest(inputs, target, draw, null, Options.TargetMixing, Options.TargetKind);
        try
        {
            request.MakeTarget(target); // an invalid target must throw before an input is overwritten
            var opened = Open(request).OpenedBy(this);
            if (draw is null)
            {
                Count(state);
            }

            return opened;
        }
        catch
        {
            if (request.OwnsDraw)
            {
                request.Draw.Mix.Release();
            }

            throw;
        }
    }

    /// <summary>Draws the place.</summary>
    private protected abstract MixupPlace DrawPlace(IReadOnlyList<Tensor> inputs, Method method, Random random);

    /// <summary>Opens the step of a draw. An exception leaves the strategy unchanged.</summary>
    private protected abstract MixupStep Open(StepRequest request);

    /// <summary>Opens a step that is mixed at the input. An exception leaves no tensor undisposed and no input changed.</summary>
    private protected MixupStep OpenAtInput(StepRequest request, bool overwrite, PendingMix? pending = null)
    {
        var (inputs, mix) = (request.Inputs, request.Draw.Mix);
        Tensor Blend(Tensor input) =>
            Options.ToFloat is { } toFloat && ToFloat.Takes(input) ? mix.Blend(input, toFloat) : mix.Blend(input);

        foreach (var input in inputs)
        {
            if (request.Method is { } method)
            {
                Blendable.CheckCopied(input, mix.Finder, method.Copies);
            }

            mix.CheckBlendable(input, "inputs");
            CheckConvertible(input);
        }

        if (!overwrite)
        {
            return new MixupStep(request, [.. inputs.Select(Blend)], ownsInputs: true, pending: pending);
        }

        SharedMemory.CheckOverwritable(inputs, request.Target, mix);
        foreach (var input in inputs)
        {
            mix.BlendInPlace(input);
        }

        return new MixupStep(request, inputs, pending: pending);
    }

    /// <summary>
    /// Opens a step that is mixed after the input. Only byte inputs are converted. An exception leaves no tensor undisposed.
    /// </summary>
    private protected MixupStep OpenElsewhere(StepRequest request, PendingMix pending) =>
        Convert(request.Inputs) is { } converted
            ? new MixupStep(request, converted, ownsInputs: true, pending: pending)
            : new MixupStep(request, request.Inputs, pending: pending);

    /// <summary>
    /// Converts byte inputs to floating-point tensors and makes views of the others; null if there is nothing to convert.
    /// </summary>
    private protected IReadOnlyList<Tensor>? Convert(IReadOnlyList<Tensor> inputs)
    {
        if (Options.ToFloat is not { } toFloat || !inputs.Any(ToFloat.Takes))
        {
            return null;
        }

        foreach (var input in inputs)
        {
            CheckConvertible(input);
        }

        return [.. inputs.Select(input => ToFloat.Takes(input) ? toFloat.Apply(input) : input.alias())];
    }

    private void CheckConvertible(Tensor input)
    {
        if (ToFloat.Takes(input))
        {
            Options.ToFloat?.ScaleFor(input, "inputs");
        }
    }

    /// <summary>Checks the option <c>OverwriteInput</c> against the other options.</summary>
    private protected bool CheckOverwrites(bool value) => (value, Options.Outputs.RowsPerSample > 1, Options.ToFloat is not null) switch
    {
        (true, true, _) => throw new ArgumentException(
            "The options ask for more than one row per sample, which do not fit into the batch; only one row for each sample can be " +
            "overwritten. " +
            "Leave OverwriteInput off, or choose MixupOutputs.Mixed.",
            nameof(value)),
        (true, _, true) => throw new ArgumentException(
            "Bytes converted to floating-point values do not fit into the batch, so it cannot be overwritten. " +
            "Leave OverwriteInput or MixupOptions.ToFloat off.",
            nameof(value)),
        _ => value,
    };

    /// <summary>Counts a draw: immediately, or, if the source is prefetched, when the consumer takes the batch.</summary>
    private void Count(MixupState drawn)
    {
        if (DrawAhead.Current is { } ahead)
        {
            ahead.Count(this, (drawn.Seed, drawn.Batch + 1), new DrawnAhead(() => Count(drawn)));
            return;
        }

        if ((seed, batch, Rank) != (drawn.Seed, drawn.Batch, drawn.Rank) || (Options.Schedule is not null && Epoch != drawn.Epoch))
        {
            throw new InvalidOperationException(
                "The strategy was used elsewhere while its batches were prefetched: it drew for another batch, or its state, epoch or " +
                $"rank was set. This batch was drawn as number {drawn.Batch} of epoch {drawn.Epoch?.ToString() ?? "unknown"} and rank " +
                $"{drawn.Rank}, but the strategy is at {State}. End that enumeration first, or give the other batches a strategy of " +
                "their own.");
        }

        batch++;
    }

    /// <summary>Gets whether every step is mixed when it is opened, so that a data loader can mix.</summary>
    internal virtual bool MixesAtInput => false;

    private void CheckAhead()
    {
        if (DrawAhead.Current is not null && !MixesAtInput)
        {
            throw new InvalidOperationException(
                $"{GetType().Name} mixes when the model runs, which a prefetched source cannot do. Prefetch the plain batches and " +
                "begin the step in the training loop, or use InputMixup.");
        }
    }

    private StepRequest Sample(IReadOnlyList<Tensor> inputs, Tensor target, MixupState state)
    {
        var place = MixupPlace.Input;
        var (mix, method) = MixSampler.Sample(
            Options, inputs, target, state, Epochs, (method, random) => place = DrawPlace(inputs, method, random));
        return new StepRequest(inputs, target, new MixupDraw(mix, place), method, Options.TargetMixing, Options.TargetKind);
    }

    /// <summary>Makes the error for a draw of another strategy.</summary>
    private protected static ArgumentException WrongPlace(MixupDraw draw, string expected) =>
        new(
            $"The draw is for the place {draw.Place}, but this strategy mixes at {expected}. " +
            "Replay it with the strategy that it came from.",
            nameof(draw));
}
