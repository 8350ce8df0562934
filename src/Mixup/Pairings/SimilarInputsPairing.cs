using System.Globalization;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

internal sealed record SimilarInputsPairing : PairingRule
{
    public SimilarInputsPairing(Func<Tensor, Tensor> distances, double bandwidth)
    {
        ArgumentNullException.ThrowIfNull(distances);
        (Distances, Bandwidth) = (distances, Similarity.Checked(bandwidth));
    }

    public Func<Tensor, Tensor> Distances { get; }

    public double Bandwidth { get; }

    public override IReadOnlyList<long> Draw(PairingDrawing drawing)
    {
        var (distances, batch) = (Read(drawing.Inputs[0]), drawing.BatchSize);
        return Similarity.Draw(drawing, Bandwidth, (i, j) => distances[(i * batch) + j]);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"SimilarInputs {{ Distances = {Distances.Method.Name}, Bandwidth = {Bandwidth} }}");

    private double[] Read(Tensor input)
    {
        var batch = input.size(0);
        if (input.device_type == DeviceType.META)
        {
            throw Check.Error(
                "inputs",
                "The first input is on the META device, which holds no values to look at. Give the batch on another device, or choose " +
                "a pairing that does not look at inputs.");
        }

        var distances = Distances(input) ?? throw Check.Error(
            "inputs", $"The distances of the pairing are null; expected a tensor [{batch}, {batch}]. Return the distances from each " +
            "sample to each other.");
        if (!distances.shape.SequenceEqual([batch, batch])
            || distances.dtype is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64 or ScalarType.Bool)
        {
            throw Check.Error(
                "inputs",
                $"The distances of the pairing are {distances.dtype} {Check.Shape(distances)} for inputs {Check.Shape(input)}; " +
                $"expected real numbers [{batch}, {batch}]. Return the distances from each sample to each other, for instance by " +
                "cdist(f, f) of features f of shape [B, F].");
        }

        distances = distances.is_sparse ? distances.to_dense() : distances;
        var values = distances.detach().to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
        bool IsOff(int i) => i % (batch + 1) != 0 && !(values[i] >= 0);
        return !Enumerable.Range(0, values.Length).Any(IsOff)
            ? values
            : throw Check.Error(
                "inputs",
                "A distance of the pairing is negative or not a number; expected 0 or more. " +
                "Correct the function, or return infinity for pairs that must not be mixed.");
    }
}
