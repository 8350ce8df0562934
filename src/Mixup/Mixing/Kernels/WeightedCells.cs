using System.Runtime.CompilerServices;

namespace TorchSharp.Mixup;

/// <summary>The weights of rows at a resolution.</summary>
/// <param name="OfTwo">Those of each row and its first other one.</param>
/// <param name="OfMore">1, and those of each other row beyond the first ones.</param>
/// <param name="Resized">The cells that are seen of each first other row, where it is resized to the nearest ones; null if none is.</param>
internal sealed record CellWeights(RowWeights[] OfTwo, RowWeights[] OfMore, ResizedLines?[]? Resized);

/// <summary>
/// Sums of rows by weights that vary over the extent of a sample, <c>y[i] = own[i] * x[i] + other[i] * x[sources[i]] + ...</c>, as the
/// kernels read them. A weight of 0 means that the cell beside it is not read. In a blend a cell of weight 1 is copied, whatever its type
/// and value.
/// </summary>
internal sealed class WeightedCells
{
    private static readonly NumberField One = new(1);
    private Resolved? known;

    /// <summary>The weights of each row itself.</summary>
    public required FieldPlanes Own { get; init; }

    /// <summary>The weights of the first other row of each.</summary>
    public required FieldPlanes Other { get; init; }

    /// <summary>How the first other rows are resized.</summary>
    public required ResizedRows Resized { get; init; }

    /// <summary>The other rows of each row.</summary>
    public required RowSources Sources { get; init; }

    /// <summary>The first dimension of the extent.</summary>
    public required int First { get; init; }

    /// <summary>The number of dimensions of the extent.</summary>
    public required int Dimensions { get; init; }

    /// <summary>The weights of the other rows beyond the first ones; null in a blend, which has none.</summary>
    public FieldPlanes? More { get; private init; }

    /// <summary>How the other rows beyond the first ones are resized.</summary>
    public ResizedRows? ResizedMore { get; private init; }

    /// <summary>Whether the weights of each row are a field and its rest.</summary>
    public bool IsBlend => More is null;

    /// <summary>Whether a row is resized.</summary>
    public bool Resizes => Resized.Any(0, Sources.First.Length) || ResizedMore?.Any(0, Sources.More.Length) == true;

    /// <summary>Whether each cell of the result is one of a row's own at a resolution.</summary>
    public bool CopiesAt(Extent extent) =>
        IsBlend && (!Resizes || Resized.Picks) && Own.Fields.All(field => field.IsHardAt(extent));

    /// <summary>
    /// The transpose of a blend: each row gets its own weights, and those of all rows that read it, which do not sum to one.
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

    /// <summary>The weights on the host, remembered for the resolution that was asked for last.</summary>
    /// <param name="extent">The resolution.</param>
    /// <param name="leastMean">How many cells a run of one weight must have in the mean.</param>
    public CellWeights WeightsAt(Extent extent, int leastMean)
    {
        var last = known;
        if (last is null || last.Extent != extent || last.LeastMean != leastMean)
        {
            var ofTwo = Own.Fields.Zip(Other.Fields, (own, other) => (own, Own.OfPartner, other, Other.OfPartner));
            var ofMore = Enumerable.Range(0, Sources.More.Length).Select(i => ((Field)One, false, More!.Fields[i], More.OfPartner));
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
        // Those who share a coefficient share a field, and so all that follows from it.
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
