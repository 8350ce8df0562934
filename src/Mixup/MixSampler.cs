using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Samples a mix: the partners and the fields of a batch. It is deterministic: the same options, inputs and state give the same mix.
/// </summary>
public static class MixSampler
{
    /// <summary>Samples a mix for your own strategy. A built-in strategy with the same options and state draws the same mix.</summary>
    /// <param name="options">The options of mixing. <see cref="MixupOptions.Seed"/> is ignored, since the state has the seed.</param>
    /// <param name="inputs">The inputs of the batch, one tensor or more, each [B, ...]. Not modified.</param>
    /// <param name="state">The seed, the number of the batch, the rank, and the epoch for <see cref="MixupOptions.Schedule"/>.</param>
    /// <param name="target">
    /// The target of the batch, [B, ...]. Pairings by class or by similar targets need it. Not modified. Default null: such pairings throw.
    /// </param>
    /// <param name="epochs">The total number of epochs, for <see cref="MixupOptions.Schedule"/>. Default null: unknown.</param>
    /// <returns>The mix.</returns>
    /// <exception cref="ArgumentException">
    /// The inputs and the target differ in their batch size, or two options contradict each other. Or the method does not support the first
    /// input, or the pairing does not support the target.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of the batch, the epoch or the rank is negative.</exception>
    /// <exception cref="InvalidOperationException">The schedule, your own pairing or your own method returned an invalid value.</exception>
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
        ArgumentOutOfRangeException.ThrowIfNegative(state.Rank, nameof(state));
        options.CheckConsistent();
        return Sample(options, inputs, target, state, epochs, drawPlace: null).Mix;
    }

    /// <summary>Draws the partners, then the place, then the fields.</summary>
    /// <param name="options">The options of mixing.</param>
    /// <param name="inputs">The inputs of the batch.</param>
    /// <param name="target">The target of the batch, or null.</param>
    /// <param name="state">The seed, the number of the batch, and the rank.</param>
    /// <param name="epochs">The number of epochs, for schedules.</param>
    /// <param name="drawPlace">Draws the place from its own random stream, which all ranks share.</param>
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

        // Each has its own stream, so that a method's draws do not change the place, and one sample's draws do not change another's.
        var random = RankStreams.Of(state.Seed, state.Batch, state.Rank);
        var partners = DrawPartners(options, inputs, target, random.Fork().Own);
        var streamOfPlace = random.Fork().Shared;
        drawPlace?.Invoke(method, streamOfPlace);
        return (Draw(options, method, probability, inputs, partners, random), method);
    }

    private static Mix Draw(
        MixupOptions options, Method method, double probability, IReadOnlyList<Tensor> inputs, long[] partners, RankStreams random)
    {
        if (options.Outputs == MixupOutputs.Both && !method.HasSecondOutput)
        {
            throw new ArgumentException(
                $"{method} has no second output, since resizing the partner loses part of it. Choose MixupOutputs.Mixed or " +
                "CleanAndMixed, or another method.",
                nameof(options));
        }

        // A method may compute tensors from the inputs and keep them until all fields are drawn.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var extent = method.DrawsNumbers ? null : ExtentOf(options, inputs[0]);
        var fields = DrawFields(options, method, probability, extent, inputs, partners, random);
        var isWithoutChannels = extent is not null && inputs[0].dim() == extent.Count + 1;
        return Mix.Drawn(fields, partners, options.Outputs, options.ExtentPosition, extent, isWithoutChannels);
    }

    /// <summary>Gets the extent of an input; null if it has none.</summary>
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

        // A pairing may compute tensors from the batch; they are disposed after the draw.
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
        RankStreams random)
    {
        var per = options.CoefficientPer;
        var fields = new Field?[partners.Length];
        var made = new Dictionary<object, object>();
        Field Draw(long sample, RankStreams random)
        {
            var streams = random.Fork();
            if (probability < 1 && streams.NextDouble() >= probability)
            {
                return new NumberField(1);
            }

            return method.Draw(new Drawing(
                    streams.Own, streams.Shared, inputs, extent, options.ExtentPosition, (int)sample, partners[sample], made))
                ?? throw new InvalidOperationException(
                    $"{method.GetType().Name}.Draw returned null; expected a field. Return new NumberField(1) for a sample that is not " +
                    "mixed.");
        }

        // The samples that share a field: the whole batch, a cycle of partners, or one sample.
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
                // A method that depends on the samples draws for each of them, from the same random numbers.
                fields[sample] = shared is null ? Draw(sample, random) : method.DependsOnSamples ? Draw(sample, start.Copy()) : shared;
                shared ??= fields[sample];
            }
        }

        // Blending a sample with itself would round it; lambda 1 copies it.
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = partners[i] == i ? new NumberField(1) : fields[i];
        }

        return fields!;
    }
}
