namespace TorchSharp.Mixup.Tests;

/// <summary>Fields of every kind, and the plain formula with explicit weights that they are held to.</summary>
internal static class DrawnFields
{
    public const int Batch = 6;

    public static readonly long[] Partners = [2, 3, 4, 5, 1, 0];

    public static readonly string[] Kinds = ["numbers", "boxes", "hard masks", "soft masks", "some of each", "edges"];

    public static Extent Extent(int dimensions) => dimensions switch { 1 => [12], 2 => [8, 6], _ => [4, 6, 3] };

    /// <summary>A field of a kind for each of six samples.</summary>
    public static Field[] Of(string kind, int dimensions, int seed = 1)
    {
        var (extent, random) = (Extent(dimensions), new Random(seed));
        Field Box(int _) =>
            new BoxField(
                extent,
                [.. extent.Select(size => random.NextInt64(size / 2))],
                [.. extent.Select(size => random.NextInt64(size / 2, size) + 1)]);
        Field Mask(bool isHard)
        {
            using var scope = NewDisposeScope();
            var values = tensor(
                [.. Enumerable.Range(0, (int)extent.Cells).Select(_ => random.NextDouble())], [.. extent], ScalarType.Float64);
            return new MaskField(isHard ? values.gt(0.4) : values.sub(0.2).mul(1.5).clamp(0, 1)); // some weights of a soft mask are 0 and 1
        }

        Field Whole(double weight)
        {
            using var mask = full([.. extent], weight, ScalarType.Float64);
            return new MaskField(mask);
        }

        long[] origin = [.. extent.Select(_ => 0L)];
        return kind switch
        {
            "numbers" => [.. Enumerable.Range(0, Batch).Select(_ => new NumberField(random.NextDouble()))],
            "boxes" => [.. Enumerable.Range(0, Batch).Select(Box)],
            "hard masks" => [.. Enumerable.Range(0, Batch).Select(_ => Mask(true))],
            "soft masks" => [.. Enumerable.Range(0, Batch).Select(_ => Mask(false))],
            "some of each" => [new NumberField(0.3), Box(0), Mask(true), Mask(false), new NumberField(1), Box(0)],
            _ =>
                [new NumberField(0), new NumberField(1), new BoxField(extent, origin, [.. extent]), new BoxField(extent, origin, origin),
                    Whole(0), Whole(1)],
        };
    }

    /// <summary>
    /// The weights of the samples themselves in each row, to broadcast against a tensor: explicit masks in float64, or lambdas.
    /// </summary>
    public static Tensor Weights(Field[] fields, Tensor x, int? first, bool twoOutputs)
    {
        var rows = fields.Select(field =>
            first is { } from
                ? field.WeightsAt(new Extent(x.shape.AsSpan(from, Dimensions(fields))))
                : tensor(field.Lambda, ScalarType.Float64));
        var weights = stack([.. rows]);
        for (var d = 1; d < (first ?? 1); d++)
        {
            weights = weights.unsqueeze(1);
        }

        while (weights.dim() < x.dim())
        {
            weights = weights.unsqueeze(-1);
        }

        return (twoOutputs ? cat([weights, 1 - weights]) : weights).to(x.device);
    }

    /// <summary>The formula with explicit weights, in the type of the tensor.</summary>
    public static Tensor Plain(Tensor x, Tensor weights, bool twoOutputs)
    {
        var partner = x.index(TensorIndex.Tensor(tensor(Partners, device: x.device)));
        var (samples, partners) = twoOutputs ? (cat([x, x]), cat([partner, partner])) : (x, partner);
        return samples.mul(weights).add(partners.mul(weights.neg().add(1)));
    }

    private static int Dimensions(Field[] fields) => fields.Select(field => field.Extent?.Count ?? 0).Max();
}
