using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The built-in ways to choose partners, for <see cref="MixupOptions.Pairing"/>.</summary>
public static class Pairing
{
    /// <summary>Gets a random permutation (mixup's own code, fastai). With two samples or more, none is its own partner.</summary>
    public static PairingRule Permutation { get; } = new PermutationPairing();

    /// <summary>
    /// Gets the pairing of the first half with the second, <c>i</c> with <c>i + B/2</c>; an odd sample joins the last pair. No draw and no
    /// gather: for loaders that shuffle.
    /// </summary>
    public static PairingRule Halves { get; } = new HalvesPairing();

    /// <summary>
    /// Gets the pairing of the first with the last, <c>i</c> with <c>B - 1 - i</c>, as in timm. With an odd batch the middle sample is its
    /// own partner. For loaders that shuffle.
    /// </summary>
    public static PairingRule Flip { get; } = new FlipPairing();

    /// <summary>
    /// Gets the pairing of each with the one before it, the first with the last, as in torchvision. For loaders that shuffle. It makes no
    /// pairs, so it does not go with <see cref="CoefficientPer.Pair"/>.
    /// </summary>
    public static PairingRule Roll { get; } = new RollPairing();

    /// <summary>
    /// Gets a random permutation of the samples of each class. The only sample of its class is its own partner, so it is not mixed.
    /// </summary>
    /// <remarks>
    /// The class is that of the target: an id of any integer type, [B] or [B, 1], or a row of zeros and ones, [B, K]. Rows with several
    /// ones
    /// are of one class if they are equal. Any other target is an error. The target is read back from a GPU once for each batch.
    /// </remarks>
    public static PairingRule WithinClass { get; } = new WithinClassPairing();

    /// <summary>
    /// Gets partners drawn for each sample, all with equal probability, from the samples of other classes. Several samples may have the
    /// same
    /// partner. In a batch of one class each sample is its own partner, so nothing is mixed.
    /// </summary>
    /// <remarks>
    /// The class is found as by <see cref="WithinClass"/>. The target is read back from a GPU once for each batch. It makes no pairs, so it
    /// does not go with <see cref="CoefficientPer.Pair"/>.
    /// </remarks>
    public static PairingRule AcrossClasses { get; } = new AcrossClassesPairing();

    /// <summary>
    /// Makes the pairing of C-Mixup (Yao et al. 2022, "C-Mixup: Improving Generalization in Regression"): the partner of sample i is
    /// sample j with a probability proportional to <c>exp(-d(y_i, y_j)^2 / (2 bandwidth^2))</c>, where d is the Euclidean distance of
    /// their targets. Several samples may have the same partner.
    /// </summary>
    /// <param name="bandwidth">
    /// The standard deviation of the kernel, above 0, in units of the target. Default 1, as in the authors' code: suited to
    /// targets whose standard deviation is 1 or more. With several values for each sample the distance is over all of them, so give them
    /// one unit first: <c>(y - mean) / deviation</c>.
    /// </param>
    /// <returns>The pairing.</returns>
    /// <remarks>
    /// Partners come from the batch, as with the authors' <c>get_batch_kde_mixup_idx</c>. There a sample can be its own partner; here none
    /// is, with two samples or more. The target is of a floating type: [B], or [B, ...] with several values for each sample. It is read
    /// back
    /// from a GPU once for each batch, and takes B^2 distances on the host. It makes no pairs, so it does not go with
    /// <see cref="CoefficientPer.Pair"/>.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">The bandwidth is not a finite number above 0.</exception>
    public static PairingRule SimilarTargets(double bandwidth = 1) => new SimilarTargetsPairing(bandwidth);

    /// <summary>
    /// Makes the pairing of inputs that are close to each other by a distance of the caller's choice, such as that of their features: the
    /// partner of sample i is sample j with a probability proportional to <c>exp(-d(i, j)^2 / (2 bandwidth^2))</c>. None is its own
    /// partner.
    /// Several samples may have the same one.
    /// </summary>
    /// <param name="distances">
    /// Gets the first input, [B, ...], before <see cref="MixupOptions.ToFloat"/>, and returns the distances [B, B] from each sample to each
    /// other: real numbers, 0 or more. An
    /// infinite one excludes the pair; the diagonal is not read. Such as <c>x => cdist(x.flatten(1), x.flatten(1))</c>. It is called
    /// without gradients; all tensors that it makes are freed.
    /// </param>
    /// <param name="bandwidth">The standard deviation of the kernel, above 0, in units of the distances.</param>
    /// <returns>The pairing.</returns>
    /// <remarks>
    /// k-mixup (Greenewald et al. 2021) pairs neighbours by optimal transport; this draws them. The distances are read back from a GPU once
    /// for each batch. It makes no pairs, so it does not go with <see cref="CoefficientPer.Pair"/>.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="distances"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The bandwidth is not a finite number above 0.</exception>
    public static PairingRule SimilarInputs(Func<Tensor, Tensor> distances, double bandwidth) =>
        new SimilarInputsPairing(distances, bandwidth);
}
