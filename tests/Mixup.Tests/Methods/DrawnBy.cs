namespace TorchSharp.Mixup.Tests;

/// <summary>What a method draws.</summary>
internal static class DrawnBy
{
    /// <summary>Fields of a batch of samples of an extent, one for each.</summary>
    public static IReadOnlyList<Field> Method(Method method, int count, params long[] extent) =>
        Batch(method, zeros([count, 1, .. extent], device: Some.Device)).Fields;

    /// <summary>The draw for a batch.</summary>
    public static Mix Batch(Method method, Tensor x, CoefficientPer per = CoefficientPer.Sample, ulong seed = 11)
    {
        using var scope = NewDisposeScope();
        using var step = new InputMixup(new MixupOptions { Method = method, CoefficientPer = per, Seed = seed }).Begin(
            x, zeros(x.shape[0], ScalarType.Int64, Some.Device));
        return step.Draw.Mix;
    }

    /// <summary>The mean over fields of the weights in each cell.</summary>
    public static Tensor MeanWeights(IReadOnlyList<Field> fields) =>
        stack([.. fields.Select(field => field.WeightsAt(field.Extent!))]).mean([0]);
}
