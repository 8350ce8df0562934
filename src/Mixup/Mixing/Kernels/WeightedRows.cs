namespace TorchSharp.Mixup;

/// <summary>
/// Sums of rows by numbers, <c>y[i] = own[i] * x[i] + other[i] * x[sources[i]] + ...</c>, in the form that the kernels read. A row of
/// weight 0 is not read; if the other weight is then 1, its bits are copied.
/// </summary>
internal sealed class WeightedRows
{
    private readonly double[] own;
    private readonly double[] other;
    private readonly double[] more;

    /// <summary>Initializes a blend from the weights of each row and of its partner, and the partners.</summary>
    public WeightedRows(double[] own, double[] other, RowSources partners)
        : this(own, other, [], partners)
    {
    }

    private WeightedRows(double[] own, double[] other, double[] more, RowSources sources)
    {
        (this.own, this.other, this.more, Sources) = (own, other, more, sources);
        OnDevices = new DeviceWeights(own, other, sources.First);
    }

    /// <summary>Gets the sources of each row.</summary>
    public RowSources Sources { get; }

    /// <summary>Gets the weights of each row and of its first source as tensors.</summary>
    public DeviceWeights OnDevices { get; }

    /// <summary>
    /// Returns the weights of a row and of its first source, in the type in which a tensor is blended. Weights too small for float32 become
    /// 0.
    /// </summary>
    public (double Own, double Other) Weights(int row, bool single) =>
        single ? ((float)own[row], (float)other[row]) : (own[row], other[row]);

    /// <summary>Returns the weight of one of the sources after the first ones.</summary>
    public double WeightOfMore(long index, bool single) => single ? (float)more[index] : more[index];

    /// <summary>Returns the transpose of a blend. Each row has its own weight and those of all rows that read it.</summary>
    public WeightedRows Transpose()
    {
        var readers = Sources.Readers();
        double[] first = [.. readers.First.Select((reader, row) => readers.IsAlone(row) ? 0 : other[reader])];
        return new WeightedRows(own, first, Array.ConvertAll(readers.More, reader => other[reader]), readers);
    }
}
