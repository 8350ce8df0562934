using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Draws pairings and fields. Pure: the same options and generator give the same mix.</summary>
internal static class Sampler
{
    /// <summary>Draws the fields for partners that are known.</summary>
    public static Mix Draw(MixupOptions options, Method method, double probability, IReadOnlyList<Tensor> inputs, long[] partners, SplitMix random)
    {
        if (method.DrawsNumbers)
        {
            return new Mix(DrawFields(options.CoefficientPer, method, probability, null, inputs, partners, random), partners, options.Outputs, options.ExtentPosition);
        }

        // A method may look at the inputs, and keep what it made until all fields are drawn.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var extent = ExtentOf(options, inputs[0]);
        return new Mix(DrawFields(options.CoefficientPer, method, probability, extent, inputs, partners, random), partners, options.Outputs, options.ExtentPosition, extent);
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
        CoefficientPer per, Method method, double probability, Extent? extent, IReadOnlyList<Tensor> inputs, long[] partners, SplitMix random)
    {
        var fields = new Field?[partners.Length];
        var made = new Dictionary<object, object>();
        Field Draw(int sample)
        {
            var own = random.Fork();
            if (probability < 1 && own.NextDouble() >= probability)
            {
                return new NumberField(1);
            }

            return method.Draw(new Drawing(own, inputs, extent, sample, partners[sample], made))
                ?? throw new InvalidOperationException($"{method.GetType().Name}.Draw returned null; expected a field. Return new NumberField(1) for a sample that is not mixed.");
        }

        if (per == CoefficientPer.Batch)
        {
            Array.Fill(fields, Draw(0));
            return fields!;
        }

        for (var i = 0; i < fields.Length; i++)
        {
            if (fields[i] is not null)
            {
                continue;
            }

            var field = Draw(i);
            var j = (long)i;
            do
            {
                fields[j] = field;
                j = partners[j];
            }
            while (per == CoefficientPer.Pair && j != i);
        }

        return fields!;
    }
}
