using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Provides the built-in rules that choose partners, for <see cref="MixupOptions.Pairing"/>.</summary>
public static class Pairing
{
    /// <summary>
    /// Gets the pairing by a random permutation (the code of the mixup paper; fastai). In a batch of two or more, no sample is its own
    /// partner.
    /// </summary>
    public static PairingRule Permutation { get; } = new PermutationPairing();

    /// <summary>
    /// Gets the pairing of the first half with the second, <c>i</c> with <c>i + B/2</c>. In an odd batch, the last sample forms a cycle of
    /// three with the last pair. It draws nothing and needs no gather. It is not random, so the data loader must shuffle.
    /// </summary>
    public static PairingRule Halves { get; } = new HalvesPairing();

    /// <summary>
    /// Gets the pairing of <c>i</c> with <c>B - 1 - i</c>, as in timm. In an odd batch, the middle sample is its own partner. It is not
    /// random, so the data loader must shuffle.
    /// </summary>
    public static PairingRule Flip { get; } = new FlipPairing();

    /// <summary>
    /// Gets the pairing of each sample with the one before it, and of the first with the last, as in torchvision. It is not random, so the
    /// data loader must shuffle. It makes no pairs, so it does not support <see cref="CoefficientPer.Pair"/>.
    /// </summary>
    public static PairingRule Roll { get; } = new RollPairing();

    /// <summary>
    /// Gets the pairing by a random permutation within each class. A sample that is alone in its class is its own partner, so it is not
    /// mixed.
    /// </summary>
    /// <remarks>
    /// The target gives the class: an id of any integer type, [B] or [B, 1], or a row of zeros and ones, [B, K]. Equal rows are one class,
    /// also rows with several ones. Any other target throws. The target is copied from a GPU once per batch.
    /// </remarks>
    public static PairingRule WithinClass { get; } = new WithinClassPairing();

    /// <summary>
    /// Gets the pairing that draws each partner uniformly from the samples of other classes. Several samples may have the same partner. In
    /// a batch of one class, each sample is its own partner, so nothing is mixed.
    /// </summary>
    /// <remarks>
    /// The class is read as for <see cref="WithinClass"/>. The target is copied from a GPU once per batch. The rule makes no pairs, so it
    /// does not support <see cref="CoefficientPer.Pair"/>.
    /// </remarks>
    public static PairingRule AcrossClasses { get; } = new AcrossClassesPairing();

    /// <summary>
    /// Makes the pairing of C-Mixup, for regression (Yao et al. 2022, "C-Mixup: Improving Generalization in Regression"). The partner of
    /// sample i is sample j with a probability proportional to <c>exp(-d(y_i, y_j)^2 / (2 bandwidth^2))</c>, where d is the Euclidean
    /// distance of their targets. Several samples may have the same partner.
    /// </summary>
    /// <param name="bandwidth">
    /// The standard deviation of the kernel, above 0, in units of the target. Default 1, as in the authors' code, for targets whose
    /// standard deviation is 1 or more. The distance includes all values of a sample, so standardize several values first: <c>(y - mean) /
    /// deviation</c>.
    /// </param>
    /// <returns>The pairing.</returns>
    /// <remarks>
    /// Partners are drawn from the batch, as by the authors' <c>get_batch_kde_mixup_idx</c>, but no sample is its own partner. The target
    /// is floating-point, [B] or [B, ...]. It is copied from a GPU once per batch; B^2 distances are computed on the host. The rule makes
    /// no pairs, so it does not support <see cref="CoefficientPer.Pair"/>.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">The bandwidth is not a finite number above 0.</exception>
    public static PairingRule SimilarTargets(double bandwidth = 1) => new SimilarTargetsPairing(bandwidth);

    /// <summary>
    /// Makes the pairing of inputs that are close by your own distance, for instance between features. The partner of sample i is sample j
    /// with a probability proportional to <c>exp(-d(i, j)^2 / (2 bandwidth^2))</c>. No sample is its own partner. Several samples may have
    /// the same partner.
    /// </summary>
    /// <param name="distances">
    /// The distance function. It takes the first input, [B, ...], before <see cref="MixupOptions.ToFloat"/>. It returns the distances from
    /// each sample to each other, [B, B]: real numbers, 0 or more. An infinite distance excludes the pair; the diagonal is ignored. For
    /// instance <c>x => cdist(x.flatten(1), x.flatten(1))</c>. It runs without gradients, and its tensors are freed.
    /// </param>
    /// <param name="bandwidth">The standard deviation of the kernel, above 0, in units of the distances.</param>
    /// <returns>The pairing.</returns>
    /// <remarks>
    /// The idea is that of k-mixup (Greenewald et al. 2021), which pairs neighbours by optimal transport instead of drawing them. The
    /// distances are copied from a GPU once per batch. The rule makes no pairs, so it does not support <see cref="CoefficientPer.Pair"/>.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="distances"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The bandwidth is not a finite number above 0.</exception>
    public static PairingRule SimilarInputs(Func<Tensor, Tensor> distances, double bandwidth) =>
        new SimilarInputsPairing(distances, bandwidth);
}
