namespace TorchSharp.Mixup.Training;

/// <summary>The epoch of the fit that runs here. It reaches sources behind LINQ, where <see cref="IEpochAware"/> does not.</summary>
internal static class EpochOfFit
{
    private static readonly AsyncLocal<int?> Epoch = new();

    /// <summary>The epoch, from 0; null outside of a fit.</summary>
    public static int? Current
    {
        get => Epoch.Value;
        set => Epoch.Value = value;
    }
}
