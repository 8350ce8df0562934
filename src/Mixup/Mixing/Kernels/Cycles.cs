namespace TorchSharp.Mixup;

/// <summary>A row, and whether the cycle of the permutation that it belongs to ends with it.</summary>
internal readonly record struct Step(int Row, bool EndsCycle);

/// <summary>
/// The rows in the order of a permutation's cycles: the partner of each row is the next one, and that of the last row of a cycle is its
/// first. So what was just read as a partner is read again as a sample while it is still in cache.
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
