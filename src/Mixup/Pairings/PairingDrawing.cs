using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What a <see cref="PairingRule"/> draws with: the generator, and the batch.</summary>
public sealed class PairingDrawing
{
    private readonly Tensor? target;

    internal PairingDrawing(Random random, IReadOnlyList<Tensor> inputs, Tensor? target, bool mustMakePairs) =>
        (Random, Inputs, this.target, MustMakePairs, BatchSize) = (random, inputs, target, mustMakePairs, (int)inputs[0].size(0));

    /// <summary>Gets the generator that every draw comes from. The same seed and batch number give the same draws.</summary>
    public Random Random { get; }

    /// <summary>Gets B, the number of samples in the batch: 2 or more.</summary>
    public int BatchSize { get; }

    /// <summary>
    /// Gets the inputs of the batch, before <see cref="MixupOptions.ToFloat"/>. They must not be modified.
    /// </summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>Gets the target of the batch. It must not be modified.</summary>
    /// <exception cref="ArgumentException">There is none: a mix is sampled without a target.</exception>
    public Tensor Target => target ?? throw Check.Error(
        "target",
        "The target is null, but the pairing looks at it; expected the target of the batch. Give it to MixSampler.Sample, or choose " +
        "another pairing.");

    /// <summary>
    /// Gets whether <see cref="CoefficientPer.Pair"/> asks for pairs. Always false if <see cref="PairingRule.MakesPairs"/> is.
    /// </summary>
    public bool MustMakePairs { get; }

    /// <summary>
    /// Pairs some samples with each other at random: by a permutation in which none is its own partner, or in pairs if
    /// <see cref="MustMakePairs"/>. A single sample becomes its own partner.
    /// </summary>
    /// <param name="samples">The numbers of the samples, each of which stands there once.</param>
    /// <param name="partners">The partners of all B samples, of which those of the given ones are written.</param>
    /// <exception cref="ArgumentException">The partners are not B, or a sample is not in the batch, or stands there twice.</exception>
    public void Shuffle(IReadOnlyList<long> samples, long[] partners)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(partners);
        if (partners.Length != BatchSize)
        {
            throw new ArgumentException($"There are {partners.Length} partners; expected {BatchSize}, one for each " +
                "sample.", nameof(partners));
        }

        if (samples.Any(sample => sample < 0 || sample >= BatchSize) || samples.Distinct().Count() != samples.Count)
        {
            throw new ArgumentException(
                $"A sample stands there twice, or is not from 0 to {BatchSize - 1}; expected different samples of the batch.",
                nameof(samples));
        }

        if (MustMakePairs)
        {
            var order = samples.ToArray();
            Random.Shuffle(order);
            Pairs.Join(partners, [.. Enumerable.Range(0, order.Length / 2).Select(i => (order[2 * i], order[(2 * i) + 1]))],
                order.Length % 2 == 1 ? order[^1] : null);
            return;
        }

        // Sattolo 1986: one random cycle through all, so that none is its own partner.
        var cycle = samples.ToArray();
        for (var i = cycle.Length - 1; i > 0; i--)
        {
            var j = Random.Next(i);
            (cycle[i], cycle[j]) = (cycle[j], cycle[i]);
        }

        for (var i = 0; i < cycle.Length; i++)
        {
            partners[samples[i]] = cycle[i];
        }
    }

    /// <summary>Draws one of several with probabilities proportional to their weights.</summary>
    /// <param name="weights">The weights, finite and 0 or more, one of which is above 0.</param>
    /// <returns>The index of what was drawn, never one of weight 0.</returns>
    /// <exception cref="ArgumentException">A weight is negative or not a finite number, or none is above 0.</exception>
    public int Choose(IReadOnlyList<double> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var sum = 0.0;
        var last = -1;
        for (var i = 0; i < weights.Count; i++)
        {
            if (!(weights[i] >= 0 && double.IsFinite(sum += weights[i])))
            {
                throw new ArgumentException(
                    $"Weight {i} is {weights[i]}, and all weights up to it sum to {sum}; expected finite numbers of 0 or more.",
                    nameof(weights));
            }

            last = weights[i] > 0 ? i : last;
        }

        if (last < 0)
        {
            throw new ArgumentException("All weights are 0, or there is none; expected one above 0.", nameof(weights));
        }

        var point = Random.NextDouble() * sum;
        for (var i = 0; i < last; i++)
        {
            point -= weights[i];
            if (point < 0)
            {
                return i;
            }
        }

        return last;
    }

    /// <summary>
    /// Reads back the class of each sample: a number from 0, in the order in which classes first occur.
    /// </summary>
    /// <returns>The class of each of the B samples.</returns>
    /// <exception cref="ArgumentException">
    /// The target has no class for each sample as a whole: see <see cref="Pairing.WithinClass"/>. Or it is on the META device.
    /// </exception>
    public IReadOnlyList<int> ReadClasses() => TargetValues.Classes(Target);

    /// <summary>Reads back the target of each sample as numbers.</summary>
    /// <returns>The values of each of the B samples: one, or several in the order of memory of a contiguous target.</returns>
    /// <exception cref="ArgumentException">
    /// The target is not of a floating type, a value is not a finite number, or it is on the META device.
    /// </exception>
    public IReadOnlyList<double[]> ReadTargets() => TargetValues.Numbers(Target);
}
