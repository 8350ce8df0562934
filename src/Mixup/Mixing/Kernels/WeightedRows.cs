namespace TorchSharp.Mixup;

/// <summary>
/// Sums of rows by numbers, <c>y[i] = own[i] * x[i] + other[i] * x[sources[i]] + ...</c>, as the kernels read them. A weight of 0 means
/// that the row beside it is not read: beside it a weight of 1 copies, bit for bit.
/// </summary>
internal sealed class WeightedRows
{
    private readonly double[] own;
    private readonly double[] other;
    private readonly double[] more;

    /// <summary>Takes the weights of each row itself and of its partner, and the partners.</summary>
    public WeightedRows(double[] own, double[] other, RowSources partners)
        : this(own, other, [], partners)
    {
    }

    private WeightedRows(double[] own, double[] other, double[] more, RowSources sources)
    {
        (this.own, this.other, this.more, Sources) = (own, other, more, sources);
        OnDevices = new DeviceWeights(own, other, sources.First);
    }

    /// <summary>The other rows of each row.</summary>
    public RowSources Sources { get; }

    /// <summary>The weights of each row and of the first other one as tensors.</summary>
    public DeviceWeights OnDevices { get; }

    /// <summary>
    /// The weight of a row itself, and of the first other one, as they are in the type that a tensor is blended in: what is too small for
    /// float32 is 0 there.
    /// </summary>
    public (double Own, double Other) Weights(int row, bool single) =>
        single ? ((float)own[row], (float)other[row]) : (own[row], other[row]);

    /// <summary>The weight of one of the sources beyond the first ones.</summary>
    public double WeightOfMore(long index, bool single) => single ? (float)more[index] : more[index];

    /// <summary>The transpose of a blend: each row gets its own weight, and those of all rows that read it.</summary>
    public WeightedRows Transpose()
    {
        var readers = Sources.Readers();
        double[] first = [.. readers.First.Select((reader, row) => readers.IsAlone(row) ? 0 : other[reader])];
        return new WeightedRows(own, first, Array.ConvertAll(readers.More, reader => other[reader]), readers);
    }
}
