using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The rows of a combination with a weight of 0, for <see cref="TorchKernel"/>. It computes all rows in the same way, which is wrong for
/// these: 0 times infinity is NaN, and 0 plus -0.0 is 0.0. Such a row is a copy of another row, a multiple of one, or zero. The host knows
/// which rows these are, so it replaces only them.
/// </summary>
internal sealed class SingleTerms
{
    private readonly List<(long Row, long Source)> copies = [];
    private readonly List<(long Row, long Source, double Weight)> multiples = [];
    private readonly List<long> zeros = [];
    private Tensor? copied;
    private Tensor? multiplied;

    private SingleTerms()
    {
    }

    /// <summary>Gets whether the combination is the identity.</summary>
    public bool IsIdentity { get; private init; }

    /// <summary>Finds the rows, with weights in the type in which a tensor is blended.</summary>
    public static SingleTerms Of(WeightedRows combination, Tensor x)
    {
        var single = Check.AccumulationType(x) == ScalarType.Float32;
        var partners = combination.Sources.First;
        var own = 0;
        var rows = new SingleTerms();
        for (var row = 0; row < partners.Length; row++)
        {
            switch (combination.Weights(row, single))
            {
                case (1, 0): rows.copies.Add((row, row)); own++; break;
                case (0, 1): rows.copies.Add((row, partners[row])); break;
                case (0, 0): rows.zeros.Add(row); break;
                case (var weight, 0): rows.multiples.Add((row, row, weight)); break;
                case (0, var weight): rows.multiples.Add((row, partners[row], weight)); break;
            }
        }

        return own < partners.Length ? rows : new SingleTerms { IsIdentity = true };
    }

    /// <summary>Computes the rows before their sources are overwritten.</summary>
    public SingleTerms Compute(Tensor x)
    {
        Tensor Rows(IEnumerable<long> sources) => x.index(TensorIndex.Tensor(Index(sources, x)));
        copied = copies.Count > 0 ? Rows(copies.Select(copy => copy.Source)) : null;
        if (multiples.Count > 0)
        {
            double[] weights = [.. multiples.Select(multiple => multiple.Weight)];
            var shape = Check.Broadcast(multiples.Count, 0, x.dim());
            var factors = tensor(weights, shape, Check.AccumulationType(x)).to(x.device, non_blocking: true);
            multiplied = Rows(multiples.Select(multiple => multiple.Source)).mul(factors).RoundedTo(x.dtype);
        }

        return this;
    }

    /// <summary>Writes the rows to the result.</summary>
    public void WriteTo(Tensor result)
    {
        if (copied is not null)
        {
            result.index_copy_(0, Index(copies.Select(copy => copy.Row), result), copied);
        }

        if (multiplied is not null)
        {
            result.index_copy_(0, Index(multiples.Select(multiple => multiple.Row), result), multiplied);
        }

        if (zeros.Count > 0)
        {
            result.index_fill_(0, Index(zeros, result), 0);
        }
    }

    private static Tensor Index(IEnumerable<long> rows, Tensor x) => tensor(rows.ToArray()).to(x.device, non_blocking: true);
}
