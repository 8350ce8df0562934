namespace TorchSharp.Mixup.Training;

/// <summary>Specifies which values of a monitored figure are better.</summary>
public enum MonitorMode
{
    /// <summary>Smaller values are better, as of a loss.</summary>
    Min,

    /// <summary>Larger values are better, as of an accuracy.</summary>
    Max,
}
