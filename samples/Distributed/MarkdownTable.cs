namespace Mixup.Samples.Distributed;

/// <summary>Writes tables that can be read on a terminal and pasted into a README.</summary>
internal static class MarkdownTable
{
    /// <summary>Writes a table whose columns have equal widths.</summary>
    /// <param name="header">The headings.</param>
    /// <param name="rows">The cells of each row, as many as headings.</param>
    /// <param name="words">The number of first columns that hold words, and are aligned to the left. Default 0.</param>
    /// <returns>The lines.</returns>
    public static IEnumerable<string> Of(IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows, int words = 0)
    {
        IReadOnlyList<string>[] all = [header, .. rows];
        int[] widths = [.. header.Select((_, column) => Math.Max(4, all.Max(row => row[column].Length)))];
        string Line(IReadOnlyList<string> row) => "| " + string.Join(
            " | ", row.Select((cell, i) => i < words ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))) + " |";
        var rule = "| " + string.Join(
            " | ", widths.Select((width, i) => i < words ? new string('-', width) : new string('-', width - 1) + ":")) + " |";
        return [Line(header), rule, .. all.Skip(1).Select(Line)];
    }
}
