using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Samples mixes: partners and fields. Pure: the same options, inputs and state give the same mix.</summary>
public static class MixSampler
{
    /// <summary>
    /// Samples a mix for a strategy of one's own: the one that a built-in strategy draws with these options in the same state.
    /// </summary>
    /// <param name="options">How the batch is mixed. <see cref="MixupOptions.Seed"/> is not read: the state has the seed.</param>
    /// <param name="inputs">The inputs of the batch, one tensor or more, each [B, ...]. Not modified.</param>
    /// <param name="state">The seed, the number of the batch, and the epoch for <see cref="MixupOptions.Schedule"/>.</param>
    /// <param name="target">
    /// The target of the batch, [B, ...], for pairings that look at it. Default null: they are refused. Not modified.
    /// </param>
    /// <param name="epochs">
    /// The number of epochs that training has, for <see cref="MixupOptions.Schedule"/>. Default null: not known.
    /// </param>
    /// <returns>The mix.</returns>
    /// <exception cref="ArgumentException">
    /// The inputs and the target do not belong to one batch, two options contradict each other, the method cannot draw for the first input,
    /// or the pairing not for the target.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of the batch or the epoch is negative.</exception>
    /// <exception cref="InvalidOperationException">
    /// The schedule returned no method, or no probability, or a pairing or method of one's own returned what it must not.
    /// </exception>
    public static Mix Sample(
        MixupOptions options, IReadOnlyList<Tensor> inputs, MixupState state, Tensor? target = null, int? epochs = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        var batchSize = Batches.Size(inputs);
        if (target is not null)
        {
            Check.HasBatch(target, batchSize, "the target", nameof(target));
        }

        ArgumentNullException.ThrowIfNull(state);
        ArgumentOutOfRangeException.ThrowIfNegative(state.Batch, nameof(state));
        ArgumentOutOfRangeException.ThrowIfNegative(state.Epoch ?? 0, nameof(state));
        options.CheckConsistent();
        return Sample(options, inputs, target, state, epochs, drawPlace: null).Mix;
    }

    /// <summary>Draws partners, then what the caller draws beside them, then fields.</summary>
    /// <param name="options">How the batch is mixed.</param>
    /// <param name="inputs">The inputs of the batch.</param>
    /// <param name="target">The target of the batch, if there is one.</param>
    /// <param name="state">The seed, and the number of the batch.</param>
    /// <param name="epochs">The number of epochs, for schedules.</param>
    /// <param name="drawPlace">Draws the place, from random numbers of its own.</param>
    /// <returns>The mix, and the method that drew it.</returns>
    internal static (Mix Mix, Method Method) Sample(
        MixupOptions options,
        IReadOnlyList<Tensor> inputs,
        Tensor? target,
        MixupState state,
        int? epochs,
        Action<Method, Random>? drawPlace)
    {
        var (method, probability) = options.ScheduledAt(state, epochs);

        // Streams of their own: what a method draws does not shift the place, and what one sample draws shifts no other.
        var random = new SplitMix(state.Seed, state.Batch);
        var partners = DrawPartners(options, inputs, target, random.Fork());
        var streamOfPlace = random.Fork();
        drawPlace?.Invoke(method, streamOfPlace);
        return (Draw(options, method, probability, inputs, partners, random), method);
    }

    private static Mix Draw(
        MixupOptions options, Method method, double probability, IReadOnlyList<Tensor> inputs, long[] partners, SplitMix random)
    {
        if (options.Outputs == MixupOutputs.Both && !method.HasSecondOutput)
        {
            throw new ArgumentException(
                $"{method} has no second output: what a resized partner lacks is nowhere. " +
                "Choose MixupOutputs.Mixed or CleanAndMixed, or another method.",
                nameof(options));
        }

        // A method may look at the inputs, and keep what it made until all fields are drawn.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var extent = method.DrawsNumbers ? null : ExtentOf(options, inputs[0]);
        var fields = DrawFields(options, method, probability, extent, inputs, partners, random);
        var isWithoutChannels = extent is not null && inputs[0].dim() == extent.Count + 1;
        return Mix.Drawn(fields, partners, options.Outputs, options.ExtentPosition, extent, isWithoutChannels);
    }

    /// <summary>The extent of an input; null where it has none.</summary>
    private static Extent? ExtentOf(MixupOptions options, Tensor input)
    {
        var rank = (int)input.dim();
        var dimensions = options.ExtentDimensions ?? rank - 2;
        var first = rank == dimensions + 1 || options.ExtentPosition == ExtentPosition.BehindBatch ? 1 : 2;
        return dimensions > 0 && rank - dimensions is 1 or 2 && input.numel() > 0
            ? new Extent(input.shape.AsSpan(first, dimensions))
            : null;
    }

    /// <summary>Draws the partner of each sample.</summary>
    private static long[] DrawPartners(MixupOptions options, IReadOnlyList<Tensor> inputs, Tensor? target, Random random)
    {
        var batchSize = inputs[0].size(0);
        if (batchSize == 1)
        {
            return [0];
        }

        // A pairing may look at the batch, and what it makes of it ends with the draw.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (pairing, inPairs) = (options.Pairing, options.CoefficientPer == CoefficientPer.Pair);
        var partners = pairing.Draw(new PairingDrawing(random, inputs, target, inPairs))?.ToArray();
        if (partners is null || partners.Length != batchSize || partners.Any(partner => partner < 0 || partner >= batchSize))
        {
            throw new InvalidOperationException(
                $"{pairing}.Draw returned {(partners is null ? "null" : $"[{string.Join(", ", partners.Take(10))}]")}; " +
                $"expected {batchSize} partners from 0 to {batchSize - 1}. Return one for each sample.");
        }

        return !inPairs || Pairs.AreMade(partners)
            ? partners
            : throw new InvalidOperationException(
                $"{pairing}.Draw returned partners that are not each other's, such as [{string.Join(", ", partners.Take(10))}]; " +
                "expected pairs, since CoefficientPer.Pair shares coefficients among them. Let MakesPairs be false, or make pairs.");
    }

    private static Field[] DrawFields(
        MixupOptions options,
        Method method,
        double probability,
        Extent? extent,
        IReadOnlyList<Tensor> inputs,
        long[] partners,
        SplitMix random)
    {
        var per = options.CoefficientPer;
        var fields = new Field?[partners.Length];
        var made = new Dictionary<object, object>();
        Field Draw(long sample, SplitMix random)
        {
            var own = random.Fork();
            if (probability < 1 && own.NextDouble() >= probability)
            {
                return new NumberField(1);
            }

            return method.Draw(new Drawing(own, inputs, extent, options.ExtentPosition, (int)sample, partners[sample], made))
                ?? throw new InvalidOperationException(
                    $"{method.GetType().Name}.Draw returned null; expected a field. Return new NumberField(1) for a sample that is not " +
                    "mixed.");
        }

        // Those who share a field: all, a cycle of partners, or a sample alone.
        IEnumerable<long> Group(int first)
        {
            long Next(long sample) => per == CoefficientPer.Pair ? partners[sample] : sample + 1;
            for (long sample = first; sample < fields.Length && fields[sample] is null; sample = Next(sample))
            {
                yield return sample;
                if (per == CoefficientPer.Sample)
                {
                    yield break;
                }
            }
        }

        for (var first = 0; first < fields.Length; first++)
        {
            Field? shared = null;
            var start = random.Copy();
            foreach (var sample in Group(first))
            {
                // A method that looks at the samples draws for each of them, and all have the same luck.
                fields[sample] = shared is null ? Draw(sample, random) : method.DependsOnSamples ? Draw(sample, start.Copy()) : shared;
                shared ??= fields[sample];
            }
        }

        // A blend of a sample with itself is rounded, so what is not mixed is told.
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = partners[i] == i ? new NumberField(1) : fields[i];
        }

        return fields!;
    }
}
