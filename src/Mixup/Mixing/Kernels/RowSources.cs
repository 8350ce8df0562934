namespace TorchSharp.Mixup;

/// <summary>
/// The other rows that each row reads. In a blend this is its partner. In the transpose it is every row whose partner it is, in ascending
/// order: none, one, or several.
/// </summary>
/// <example>With the partners 1, 2, 1, the transposed row 0 reads no row, row 1 reads rows 0 and 2, and row 2 reads row 1.</example>
internal sealed class RowSources
{
    private readonly bool[] isAlone;
    private readonly int[] startOfMore;
    private Step[]? walk;
    private bool? isPermutation;

    /// <summary>Initializes the sources of a blend: one partner for each row, possibly repeated.</summary>
    public RowSources(long[] partners)
        : this(partners, new bool[partners.Length], [], new int[partners.Length + 1])
    {
    }

    private RowSources(long[] first, bool[] isAlone, long[] more, int[] startOfMore)
    {
        (First, More, this.isAlone, this.startOfMore) = (first, more, isAlone, startOfMore);
        IsPairs = !first.Where((other, row) => first[other] != row).Any();
    }

    /// <summary>Gets the first source of each row. A row without sources has its own number.</summary>
    public long[] First { get; }

    /// <summary>Gets the sources after the first ones, in the order of the rows that read them.</summary>
    public long[] More { get; }

    /// <summary>Gets whether any row has several sources.</summary>
    public bool HasMore => More.Length > 0;

    /// <summary>Gets whether the first sources are a permutation.</summary>
    public bool IsPermutation => isPermutation ??= IsPairs || AreAllRead();

    /// <summary>Gets whether all first sources are mutual.</summary>
    public bool IsPairs { get; }

    /// <summary>Gets the rows in the order of cycles: the first source of a row is the next row, unless it occurred before.</summary>
    public Step[] Walk => walk ??= Cycles.Of(First);

    /// <summary>Returns whether a row has no source.</summary>
    public bool IsAlone(long row) => isAlone[row];

    /// <summary>Returns the range of the sources of a row within <see cref="More"/>.</summary>
    public (int From, int To) RangeOfMore(int row) => (startOfMore[row], startOfMore[row + 1]);

    /// <summary>Returns the sources of some rows within <see cref="More"/> in layers. A layer has at most one source of each row.</summary>
    public IEnumerable<(long[] Rows, long[] Indices)> LayersOfMore(int from, int count)
    {
        for (var layer = 0; ; layer++)
        {
            bool HasLayer(int row) => startOfMore[row] + layer < startOfMore[row + 1];
            long[] rows = [.. Enumerable.Range(from, count).Where(HasLayer).Select(row => (long)row)];
            if (rows.Length == 0)
            {
                yield break;
            }

            yield return (rows, Array.ConvertAll(rows, row => (long)startOfMore[row] + layer));
        }
    }

    /// <summary>Returns the sources of the transpose: the rows that read each row.</summary>
    public RowSources Readers()
    {
        var readers = First.Select((source, reader) => (source, reader: (long)reader)).ToLookup(pair => pair.source, pair => pair.reader);
        var (first, alone, start) = (new long[First.Length], new bool[First.Length], new int[First.Length + 1]);
        List<long> more = [];
        for (var row = 0; row < first.Length; row++)
        {
            long[] ofRow = [.. readers[row]];
            (first[row], alone[row]) = ofRow.Length > 0 ? (ofRow[0], false) : (row, true);
            more.AddRange(ofRow.Skip(1));
            start[row + 1] = more.Count;
        }

        return new RowSources(first, alone, [.. more], start);
    }

    private bool AreAllRead()
    {
        var read = new bool[First.Length];
        foreach (var source in First)
        {
            read[source] = true;
        }

        return Array.TrueForAll(read, isRead => isRead);
    }
}
