namespace TorchSharp.Mixup;

/// <summary>
/// How two samples are put together: draws the field of weights of a sample. A method knows nothing of where it is applied, to what, or
/// with which loss. Derive one's own from it.
/// </summary>
public abstract record Method
{
    /// <summary>
    /// Gets whether every field that the method draws has only weights of 0 and 1 on the extent that it is drawn for. Then it cuts and
    /// pastes tensors of any type, token ids included.
    /// Default false.
    /// </summary>
    public virtual bool Copies => false;

    /// <summary>
    /// Gets whether a field depends on the sample or the partner that it is for. Then those who share a draw share its random numbers, and
    /// each has a field of its own. Default false: they share the field.
    /// </summary>
    public virtual bool DependsOnSamples => false;

    /// <summary>Whether every field is a number, which needs no extent and goes with every target.</summary>
    internal virtual bool DrawsNumbers => false;

    /// <summary>Whether the rest of each pair makes a second output.</summary>
    internal virtual bool HasSecondOutput => true;

    /// <summary>Whether any field that may be drawn only copies.</summary>
    internal virtual bool MayCopy => Copies;

    /// <summary>Whether the partner may be resized by interpolation, which class ids cannot be.</summary>
    internal virtual bool MayInterpolatePartner => false;

    /// <summary>Draws a field: for a sample, a pair or a batch, as <see cref="MixupOptions.CoefficientPer"/> says.</summary>
    /// <param name="drawing">The generator, and what the fields are drawn for.</param>
    /// <returns>The field.</returns>
    public abstract Field Draw(Drawing drawing);
}
