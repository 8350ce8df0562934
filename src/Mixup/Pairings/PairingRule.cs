namespace TorchSharp.Mixup;

/// <summary>
/// How the partner of each sample of a batch is chosen. <see cref="Pairing"/> has the built-in rules; derive from this for one of your own.
/// A rule holds parameters only, so two with the same parameters are equal.
/// </summary>
public abstract record PairingRule
{
    /// <summary>
    /// Gets whether the rule makes pairs where <see cref="CoefficientPer.Pair"/> asks for them: the partner of a partner is the sample
    /// itself, but a sample may stand alone, and one may join a pair to a ring of three. Default false: the rule is refused there.
    /// </summary>
    public virtual bool MakesPairs => false;

    /// <summary>Draws the partners of a batch. It is not called for a batch of one sample, which is its own partner.</summary>
    /// <param name="drawing">The batch, and what to draw with. The result must depend on nothing else.</param>
    /// <returns>
    /// The partner of each of the B samples, from 0 to B - 1. Several samples may have the same one, and a sample may be its own: its
    /// lambda
    /// is then 1, so it is not mixed.
    /// </returns>
    public abstract IReadOnlyList<long> Draw(PairingDrawing drawing);
}
