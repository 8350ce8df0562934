namespace TorchSharp.Mixup;

/// <summary>
/// A sequence that is made of another one, item by item. Whoever wants to know something of the source, such as its number of batches, or
/// to tell it something, such as the epoch, finds it here.
/// </summary>
public interface IDerivedSequence
{
    /// <summary>Gets the sequence that this one is made of.</summary>
    object Source { get; }
}
