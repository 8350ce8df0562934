namespace TorchSharp.Mixup.Training;

/// <summary>A source of batches whose order depends on the epoch, so that a resumed run sees the batches that it would have seen.</summary>
public interface IEpochAware
{
    /// <summary>Gets or sets the epoch, from 0, of the next enumeration. The learner sets it.</summary>
    int Epoch { get; set; }
}
