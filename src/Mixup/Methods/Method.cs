using System.Text;

namespace TorchSharp.Mixup;

/// <summary>
/// Combines two samples by drawing a field of weights. A method is independent of the place, the tensors and the loss to which its fields
/// are applied. Derive your own method from this record.
/// </summary>
public abstract record Method
{
    /// <summary>
    /// Gets whether all weights of all fields are 0 or 1 on the extent of the draw. Such a method supports tensors of any type, including
    /// token ids. Default false.
    /// </summary>
    public virtual bool Copies => false;

    /// <summary>
    /// Gets whether a field depends on the data of the sample or the partner. If true, samples that share a coefficient share only its
    /// random numbers, and each has its own field. Default false: they share the field.
    /// </summary>
    public virtual bool DependsOnSamples => false;

    /// <summary>Gets whether every field is a number, which needs no extent and supports every target.</summary>
    internal virtual bool DrawsNumbers => false;

    /// <summary>Gets whether the second combination of each pair can be returned.</summary>
    internal virtual bool HasSecondOutput => true;

    /// <summary>Gets whether the method can draw a field that only copies.</summary>
    internal virtual bool MayCopy => Copies;

    /// <summary>Gets whether the method can resize the partner by interpolation, which class ids do not support.</summary>
    internal virtual bool MayInterpolatePartner => false;

    /// <summary>Draws a field for a sample, a pair or a batch; <see cref="MixupOptions.CoefficientPer"/> selects which.</summary>
    /// <param name="drawing">The random generator, the extent, the sample and its partner.</param>
    /// <returns>The field.</returns>
    public abstract Field Draw(Drawing drawing);

    /// <summary>Prints no member of this base: the parameters of a derived record tell all.</summary>
    /// <param name="builder">The text so far.</param>
    /// <returns>False, since nothing was printed.</returns>
    protected virtual bool PrintMembers(StringBuilder builder) => false;
}
