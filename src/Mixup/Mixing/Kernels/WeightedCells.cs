using System.Runtime.CompilerServices;

namespace TorchSharp.Mixup;

/// <summary>The weights of rows at a resolution.</summary>
/// <param name="OfTwo">The weights of each row and of its first source.</param>
/// <param name="OfMore">1, and the weights of each source after the first ones.</param>
/// <param name="Resized">The source cells of first sources that are resized by nearest interpolation; null if none is.</param>
internal sealed record CellWeights(RowWeights[] OfTwo, RowWeights[] OfMore, ResizedLines?[]? Resized);

/// <summary>
/// Sums of rows by weights that vary over the extent, <c>y[i] = own[i] * x[i] + other[i] * x[sources[i]] + ...</c>, in the form that the
/// kernels read. A cell of weight 0 is not read. In a blend, a cell of weight 1 is copied, for any type and value.
/// </summary>
internal sealed class WeightedCells
{
    private static readonly NumberField WeightOne = new(1);
    private Resolved? known;

    /// <summary>Gets the weights of each row itself.</summary>
    public required FieldPlanes Own { get; init; }

    /// <summary>Gets the weights of the first source of each row.</summary>
    public required FieldPlanes Other { get; init; }

    /// <summary>Gets the resizing of the first sources.</summary>
    public required ResizedRows Resized { get; init; }

    /// <summary>Gets the sources of each row.</summary>
    public required RowSources Sources { get; init; }

    /// <summary>Gets the first dimension of the extent.</summary>
    public required int First { get; init; }

    /// <summary>Gets the number of dimensions of the extent.</summary>
    public required int Dimensions { get; init; }

    /// <summary>Gets the weights of the sources after the first ones; null in a blend, which has none.</summary>
    public FieldPlanes? More { get; private init; }

    /// <summary>Gets the resizing of the sources after the first ones.</summary>
    public ResizedRows? ResizedMore { get; private init; }

    /// <summary>Gets whether the weights of each row are a field and 1 minus the field.</summary>
    public bool IsBlend => More is null;

    /// <summary>Gets whether any row is resized.</summary>
    public bool Resizes => Resized.Any(0, Sources.First.Length) || ResizedMore?.Any(0, Sources.More.Length) == true;

    /// <summary>Returns whether each cell of the result is a copy at a resolution.</summary>
    public bool CopiesAt(Extent extent) =>
        IsBlend && (!Resizes || Resized.Picks) && Own.Fields.All(field => field.IsHardAt(extent));

    /// <summary>
    /// Returns the transpose of a blend. Each row has its own weights and those of all rows that read it, which do not sum to 1.
    /// </summary>
    public WeightedCells Transpose()
    {
        var readers = Sources.Readers();
        return new WeightedCells
        {
            Own = Own,
            Other = Other.Gather(readers.First.Select((reader, row) => readers.IsAlone(row) ? -1 : reader)),
            Resized = Resized.Transpose(readers.First),
            More = Other.Gather(readers.More),
            ResizedMore = Resized.Transpose(readers.More),
            Sources = readers,
            First = First,
            Dimensions = Dimensions,
        };
    }

    /// <summary>Returns the weights on the host. Those of the last resolution are cached.</summary>
    /// <param name="extent">The resolution.</param>
    /// <param name="leastMean">The number of cells that runs of one weight must have on average.</param>
    public CellWeights WeightsAt(Extent extent, int leastMean)
    {
        var last = known;
        if (last is null || last.Extent != extent || last.LeastMean != leastMean)
        {
            var ofTwo = Own.Fields.Zip(Other.Fields, (own, other) => (own, Own.OfPartner, other, Other.OfPartner));
            var ofMore = Enumerable.Range(0, Sources.More.Length).Select(i => ((Field)WeightOne, false, More!.Fields[i], More.OfPartner));
            known = last = new Resolved(
                extent,
                leastMean,
                new CellWeights(
                    Weights(ofTwo, extent, leastMean), Weights(ofMore, extent, leastMean), Resizes ? Resized.LinesAt(extent) : null));
        }

        return last.Weights;
    }

    private static RowWeights[] Weights(
        IEnumerable<(Field Own, bool IsRestOfOwn, Field Other, bool IsRestOfOther)> terms, Extent extent, int leastMean)
    {
        // Samples that share a coefficient share a field, and therefore its weights.
        Dictionary<(Field, bool, Field, bool), RowWeights> shared = new(new ByReference());
        List<RowWeights> weights = [];
        foreach (var pair in terms)
        {
            if (!shared.TryGetValue(pair, out var ofPair))
            {
                ofPair = RowWeights.Of((pair.Own, pair.IsRestOfOwn), (pair.Other, pair.IsRestOfOther), extent, leastMean);
                shared.Add(pair, ofPair);
            }

            weights.Add(ofPair);
        }

        return [.. weights];
    }

    private sealed record Resolved(Extent Extent, int LeastMean, CellWeights Weights);

    private sealed class ByReference : IEqualityComparer<(Field Own, bool, Field Other, bool)>
    {
        public bool Equals((Field Own, bool, Field Other, bool) a, (Field Own, bool, Field Other, bool) b) =>
            ReferenceEquals(a.Own, b.Own) && ReferenceEquals(a.Other, b.Other) && a.Item2 == b.Item2 && a.Item4 == b.Item4;

        public int GetHashCode((Field Own, bool, Field Other, bool) pair) =>
            HashCode.Combine(RuntimeHelpers.GetHashCode(pair.Own), RuntimeHelpers.GetHashCode(pair.Other));
    }
}
