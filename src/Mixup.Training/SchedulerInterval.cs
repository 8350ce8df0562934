namespace TorchSharp.Mixup.Training;

/// <summary>Specifies when a learning rate scheduler steps.</summary>
public enum SchedulerInterval
{
    /// <summary>After every epoch.</summary>
    Epoch,

    /// <summary>After every optimizer step, as one-cycle schedules need it.</summary>
    Batch,
}
