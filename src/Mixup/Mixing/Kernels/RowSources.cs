namespace TorchSharp.Mixup;

/// <summary>
/// The other rows that each row takes from. In a blend that is one, its partner. In the transpose it is every row that has it as partner,
/// in ascending order: none, one, or many.
/// </summary>
/// <example>The partners 1, 2, 1 are read so: row 0 by nobody, row 1 by rows 0 and 2, row 2 by row 1.</example>
internal sealed class RowSources
{
    private readonly bool[] isAlone;
    private readonly int[] startOfMore;
    private Step[]? walk;
    private bool? isPermutation;

    /// <summary>Takes one partner for each row: any map, with repetition.</summary>
    public RowSources(long[] partners)
        : this(partners, new bool[partners.Length], [], new int[partners.Length + 1])
    {
    }

    private RowSources(long[] first, bool[] isAlone, long[] more, int[] startOfMore)
    {
        (First, More, this.isAlone, this.startOfMore) = (first, more, isAlone, startOfMore);
        IsPairs = !first.Where((other, row) => first[other] != row).Any();
    }

    /// <summary>The first other row of each row. A row that takes from none names itself.</summary>
    public long[] First { get; }

    /// <summary>The other rows beyond the first ones, in the order of the rows that take from them.</summary>
    public long[] More { get; }

    /// <summary>Whether a row takes from several others.</summary>
    public bool HasMore => More.Length > 0;

    /// <summary>Whether the first other rows are each row once.</summary>
    public bool IsPermutation => isPermutation ??= IsPairs || AreAllRead();

    /// <summary>Whether all are each other's partner, two by two.</summary>
    public bool IsPairs { get; }

    /// <summary>The rows, chain by chain: the first other row of each is the next one, where it was not there before.</summary>
    public Step[] Walk => walk ??= Cycles.Of(First);

    /// <summary>Whether a row takes from no other.</summary>
    public bool IsAlone(long row) => isAlone[row];

    /// <summary>Where the sources of a row begin and end within <see cref="More"/>.</summary>
    public (int From, int To) RangeOfMore(int row) => (startOfMore[row], startOfMore[row + 1]);

    /// <summary>The sources of some rows within <see cref="More"/> in layers, each of which holds one of a row at most.</summary>
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

    /// <summary>The rows that read each row, of which these are the partners.</summary>
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
