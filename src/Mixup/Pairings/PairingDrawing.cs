using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The context of <see cref="PairingRule.Draw"/>: the random generator and the batch.</summary>
public sealed class PairingDrawing
{
    private readonly Tensor? target;

    internal PairingDrawing(Random random, IReadOnlyList<Tensor> inputs, Tensor? target, bool mustMakePairs) =>
        (Random, Inputs, this.target, MustMakePairs, BatchSize) = (random, inputs, target, mustMakePairs, (int)inputs[0].size(0));

    /// <summary>Gets the random generator for all draws. The same seed, batch number and rank give the same numbers.</summary>
    public Random Random { get; }

    /// <summary>Gets the number of samples in the batch, 2 or more.</summary>
    public int BatchSize { get; }

    /// <summary>Gets the inputs of the batch, before <see cref="MixupOptions.ToFloat"/>. Do not modify them.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>Gets the target of the batch. Do not modify it.</summary>
    /// <exception cref="ArgumentException">The mix is sampled without a target.</exception>
    public Tensor Target => target ?? throw Check.Error(
        "target",
        "The target is null, but the pairing reads it; expected the target of the batch. Give it to MixSampler.Sample, or choose " +
        "another pairing.");

    /// <summary>
    /// Gets whether the rule must make pairs, since <see cref="CoefficientPer.Pair"/> is set. Always false if
    /// <see cref="PairingRule.MakesPairs"/> is false.
    /// </summary>
    public bool MustMakePairs { get; }

    /// <summary>
    /// Pairs some samples with each other at random: in pairs if <see cref="MustMakePairs"/> is true, otherwise by a permutation without
    /// fixed points. A single sample becomes its own partner.
    /// </summary>
    /// <param name="samples">The numbers of the samples, each at most once.</param>
    /// <param name="partners">
    /// The partners of all samples of the batch, of length B. The method writes those of <paramref name="samples"/>.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The length of <paramref name="partners"/> is not B, or a sample is not in the batch or occurs twice.
    /// </exception>
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
                $"A sample occurs twice, or is not from 0 to {BatchSize - 1}; expected different samples of the batch.",
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

        // Sattolo 1986: one random cycle through all samples, so that no sample is its own partner.
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

    /// <summary>Draws an index with a probability proportional to its weight.</summary>
    /// <param name="weights">The weights: finite, 0 or more, at least one above 0.</param>
    /// <returns>The index, never one of weight 0.</returns>
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
    /// Reads the class of each sample, which copies the target from a GPU. Classes are numbered from 0 in the order in which they first
    /// occur.
    /// </summary>
    /// <returns>The class of each of the B samples.</returns>
    /// <exception cref="ArgumentException">
    /// The target does not hold one class per sample (see <see cref="Pairing.WithinClass"/>), or it is on the META device.
    /// </exception>
    public IReadOnlyList<int> ReadClasses() => TargetValues.Classes(Target);

    /// <summary>Reads the target of each sample as numbers, which copies the target from a GPU.</summary>
    /// <returns>The values of each of the B samples, in the memory order of a contiguous target.</returns>
    /// <exception cref="ArgumentException">
    /// The target is not floating-point, has no values or a value that is not finite, or is on the META device.
    /// </exception>
    public IReadOnlyList<double[]> ReadTargets() => TargetValues.Numbers(Target);
}
