namespace TorchSharp.Mixup;

/// <summary>The position of the extent in tensors with channels.</summary>
public enum ExtentPosition
{
    /// <summary>The last dimensions: [B, C, H, W], [B, C, T].</summary>
    Trailing,

    /// <summary>The dimensions directly after the batch, before the channels: [B, H, W, C], [B, T, F].</summary>
    BehindBatch,
}
