namespace TorchSharp.Mixup;

/// <summary>A row, and whether it is the last one of its cycle.</summary>
internal readonly record struct Step(int Row, bool EndsCycle);

/// <summary>
/// Orders rows by the cycles of a permutation. The partner of each row is the next row; that of the last row of a cycle is the first one. A
/// row that was read as a partner is then read as a sample while it is in cache.
/// </summary>
/// <example>The partners 2, 3, 4, 1, 0 have the cycles (0 2 4) and (1 3). The steps are 0, 2, 4 (ends), 1, 3 (ends).</example>
internal static class Cycles
{
    public static Step[] Of(ReadOnlySpan<long> partners)
    {
        var steps = new Step[partners.Length];
        var seen = new bool[partners.Length];
        var count = 0;
        for (var start = 0; start < seen.Length; start++)
        {
            for (var row = start; !seen[row]; row = (int)partners[row])
            {
                seen[row] = true;
                steps[count++] = new Step(row, EndsCycle: partners[row] == start);
            }
        }

        return steps;
    }
}
