using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The fields of all output rows of a mix: the weights of the samples and of the partners.</summary>
internal sealed class RowFields(IReadOnlyList<Field> fields, MixupOutputs outputs)
{
    private readonly FieldPlanes ofSamples = new(fields, ofPartner: false);
    private readonly FieldPlanes ofPartners = new(fields, ofPartner: true);

    /// <summary>Gets whether any partner is resized.</summary>
    public bool AnyResizes { get; } = fields.Any(field => field is ResizedBoxField);

    /// <summary>Gets whether any partner is resized by interpolation, which blends its cells.</summary>
    public bool AnyInterpolates { get; } = fields.Any(field => field is ResizedBoxField { Resizing: not Resizing.Nearest });

    /// <summary>Returns whether every weight is 0 or 1 at a resolution.</summary>
    public bool IsHardAt(Extent extent) => fields.All(field => field.IsHardAt(extent));

    /// <summary>Returns a field that blends at a resolution; null if all copy.</summary>
    public Field? FindSoft(Extent extent) => fields.FirstOrDefault(field => !field.IsHardAt(extent));

    /// <summary>
    /// Returns whether any field cuts and pastes at a resolution. A field that keeps or replaces the whole sample does not count.
    /// </summary>
    public bool AnyPastesAt(Extent extent) =>
        fields.Any(field => field.Extent is not null && field.Lambda is > 0 and < 1 && field.IsHardAt(extent));

    /// <summary>Returns the weights of the samples and of the partners in each row, which broadcast against a tensor.</summary>
    public (Tensor Own, Tensor Partner) Planes(ExtentWithin within, ScalarType type, Device device)
    {
        Tensor Of(FieldPlanes planes) => planes.Of(0, fields.Count, within, type, device);
        var (sample, partner) = (Of(ofSamples), Of(ofPartners));
        return outputs.RowsPerSample == 1 ? (sample, partner)
            : outputs.MixedWeight is not null ? (cat([ones_like(sample), sample]), cat([zeros_like(partner), partner]))
            : (cat([sample, partner]), cat([partner, sample]));
    }

    /// <summary>Resizes the partners of fields that resize. Any type is supported if none is interpolated.</summary>
    public Tensor Resized(Tensor partners, ExtentWithin within) => AnyResizes
        ? new ResizedRows(outputs.MixedWeight is null ? fields : [.. fields, .. fields], transposed: false).Apply(partners, 0, within)
        : partners;

    /// <summary>Returns the map that blends tensors whose extent begins at a dimension.</summary>
    public LinearMap MapAt(int first, int dimensions, long[] partners)
    {
        LinearMap Of(FieldPlanes sample, FieldPlanes partner) =>
            new FieldCombination(sample, partner, new ResizedRows(fields, transposed: false), partners, first, dimensions);
        return outputs.RowsPerSample == 1 ? Of(ofSamples, ofPartners)
            : outputs.MixedWeight is not null ? new StackedMaps(new Identity(), Of(ofSamples, ofPartners))
            : new StackedMaps(Of(ofSamples, ofPartners), Of(ofPartners, ofSamples));
    }
}
