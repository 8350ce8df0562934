namespace TorchSharp.Mixup;

/// <summary>
/// A sequence that converts the items of another one. It exposes its source, so that code can read the number of batches there, or set the
/// epoch.
/// </summary>
public interface IDerivedSequence
{
    /// <summary>Gets the source sequence.</summary>
    object Source { get; }
}
