using System.Text;

namespace TorchSharp.Mixup;

/// <summary>
/// Chooses the partner of each sample of a batch. <see cref="Pairing"/> has the built-in rules. Derive your own rule from this record. A
/// rule holds parameters only, so two rules with the same parameters are equal.
/// </summary>
public abstract record PairingRule
{
    /// <summary>
    /// Gets whether the rule can make pairs, as <see cref="CoefficientPer.Pair"/> requires. In pairs, the partner of a partner is the
    /// sample itself. A sample may also be its own partner, or three samples may form a cycle. Default false: the rule throws with
    /// <see cref="CoefficientPer.Pair"/>.
    /// </summary>
    public virtual bool MakesPairs => false;

    /// <summary>Draws the partners of a batch. It is not called for a batch of one sample, which is its own partner.</summary>
    /// <param name="drawing">The batch and the random generator. The result must depend on nothing else.</param>
    /// <returns>
    /// The partner of each of the B samples, from 0 to B - 1. Several samples may have the same partner. A sample that is its own partner
    /// gets lambda 1, so it is not mixed.
    /// </returns>
    public abstract IReadOnlyList<long> Draw(PairingDrawing drawing);

    /// <summary>Prints no member of this base: the parameters of a derived record tell all.</summary>
    /// <param name="builder">The text so far.</param>
    /// <returns>False, since nothing was printed.</returns>
    protected virtual bool PrintMembers(StringBuilder builder) => false;
}
