namespace TorchSharp.Mixup;

/// <summary>Where tensors with channels have the extent that fields lie over.</summary>
public enum ExtentPosition
{
    /// <summary>The last dimensions: [B, C, H, W], [B, C, T].</summary>
    Trailing,

    /// <summary>The dimensions directly behind the batch, before the channels: [B, H, W, C], [B, T, F].</summary>
    BehindBatch,
}
