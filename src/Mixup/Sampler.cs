using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Draws pairings and fields. Pure: the same options and generator give the same mix.</summary>
internal static class Sampler
{
    /// <summary>Draws the fields for partners that are known.</summary>
    public static Mix Draw(MixupOptions options, Method method, double probability, IReadOnlyList<Tensor> inputs, long[] partners, SplitMix random)
    {
        if (options.Outputs == MixupOutputs.Both && !method.HasSecondOutput)
        {
            throw new ArgumentException(
                $"{method} has no second output: what a resized partner lacks is nowhere. " +
                "Choose MixupOutputs.Mixed or CleanAndMixed, or another method.");
        }

        if (method.DrawsNumbers)
        {
            return new Mix(DrawFields(options.CoefficientPer, method, probability, null, options.ExtentPosition, inputs, partners, random), partners, options.Outputs, options.ExtentPosition);
        }

        // A method may look at the inputs, and keep what it made until all fields are drawn.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var extent = ExtentOf(options, inputs[0]);
        var fields = DrawFields(options.CoefficientPer, method, probability, extent, options.ExtentPosition, inputs, partners, random);
        return new Mix(fields, partners, options.Outputs, options.ExtentPosition, extent)
        {
            IsDrawnWithoutChannels = extent is not null && inputs[0].dim() == extent.Count + 1,
        };
    }

    /// <summary>The extent of an input; null where it has none.</summary>
    private static Extent? ExtentOf(MixupOptions options, Tensor input)
    {
        var rank = (int)input.dim();
        var dimensions = options.ExtentDimensions ?? rank - 2;
        var first = rank == dimensions + 1 || options.ExtentPosition == ExtentPosition.BehindBatch ? 1 : 2;
        return dimensions > 0 && rank - dimensions is 1 or 2 && input.numel() > 0 ? new Extent(input.shape.AsSpan(first, dimensions)) : null;
    }

    /// <summary>Draws the partner of each sample.</summary>
    public static long[] DrawPartners(MixupOptions options, int batchSize, Random random)
    {
        var partners = new long[batchSize];
        for (var i = 0; i < batchSize; i++)
        {
            partners[i] = i;
        }

        if (batchSize == 1)
        {
            return partners;
        }

        switch (options.Pairing)
        {
            case Pairing.Roll:
                for (var i = 0; i < batchSize; i++)
                {
                    partners[i] = (i + batchSize - 1) % batchSize;
                }

                break;
            case Pairing.Flip:
                Array.Reverse(partners);
                break;
            case Pairing.Halves:
                JoinPairs(partners, Enumerable.Range(0, batchSize / 2).Select(i => (i, i + (batchSize / 2))), batchSize);
                break;
            case Pairing.Permutation when options.CoefficientPer == CoefficientPer.Pair:
                var order = Enumerable.Range(0, batchSize).ToArray();
                random.Shuffle(order);
                JoinPairs(partners, Enumerable.Range(0, batchSize / 2).Select(i => (order[2 * i], order[(2 * i) + 1])), batchSize, order[^1]);
                break;
            default:
                // Sattolo 1986: one random cycle through all samples, so that none is its own partner.
                for (var i = batchSize - 1; i > 0; i--)
                {
                    var j = random.Next(i);
                    (partners[i], partners[j]) = (partners[j], partners[i]);
                }

                break;
        }

        return partners;
    }

    /// <summary>Makes partners mutual; the odd sample, the last one unless told, closes a ring of three with the last pair.</summary>
    private static void JoinPairs(long[] partners, IEnumerable<(int First, int Second)> pairs, int batchSize, int? odd = null)
    {
        var last = (First: 0, Second: 0);
        foreach (var pair in pairs)
        {
            (partners[pair.First], partners[pair.Second]) = (pair.Second, pair.First);
            last = pair;
        }

        if (batchSize % 2 == 1)
        {
            var single = odd ?? batchSize - 1;
            (partners[last.Second], partners[single]) = (single, last.First);
        }
    }

    private static Field[] DrawFields(
        CoefficientPer per, Method method, double probability, Extent? extent, ExtentPosition position, IReadOnlyList<Tensor> inputs, long[] partners, SplitMix random)
    {
        var fields = new Field?[partners.Length];
        var made = new Dictionary<object, object>();
        Field Draw(long sample, SplitMix random)
        {
            var own = random.Fork();
            if (probability < 1 && own.NextDouble() >= probability)
            {
                return new NumberField(1);
            }

            return method.Draw(new Drawing(own, inputs, extent, position, (int)sample, partners[sample], made))
                ?? throw new InvalidOperationException($"{method.GetType().Name}.Draw returned null; expected a field. Return new NumberField(1) for a sample that is not mixed.");
        }

        // Those who share a field: all, a cycle of partners, or a sample alone.
        IEnumerable<long> Group(int first)
        {
            for (long sample = first; sample < fields.Length && fields[sample] is null; sample = per == CoefficientPer.Pair ? partners[sample] : sample + 1)
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

        return fields!;
    }
}
