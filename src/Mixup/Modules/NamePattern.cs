using System.Text.RegularExpressions;

namespace TorchSharp.Mixup;

/// <summary>
/// A pattern of module names: <c>*</c> for any characters but a dot, <c>?</c> for one of these, <c>**</c> for any characters. As in paths,
/// <c>a.**.b</c> also matches <c>a.b</c>.
/// </summary>
internal sealed class NamePattern
{
    private readonly Regex regex;

    public NamePattern(string text)
    {
        Text = text;

        // The pattern comes from the user, so an engine that never backtracks.
        var translated = Regex.Replace(text, @"\*\*+\.|\*\*+|\*|\?|[^*?]+", part => part.Value switch
        {
            "*" => "[^.]*",
            "?" => "[^.]",
            ['*', '*', .., '.'] => IsAtStartOfName(part) ? @"(?:.*\.)?" : @".*\.",
            ['*', ..] => ".*",
            var literal => Regex.Escape(literal),
        });
        regex = new Regex($@"\A{translated}\z", RegexOptions.Singleline | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
    }

    /// <summary>The pattern as it was written.</summary>
    public string Text { get; }

    /// <summary>Whether a name has this pattern as a whole. Case counts.</summary>
    public bool Matches(string name) => regex.IsMatch(name);

    /// <summary>The same pattern with each <c>*</c> across dots.</summary>
    public NamePattern AcrossDots() => new(Regex.Replace(Text, @"\*+", "**"));

    /// <summary>Orders names by their likeness to the pattern: those with the fewest letters to change come first.</summary>
    public IEnumerable<string> OrderByLikeness(IEnumerable<string> names)
    {
        var letters = Text.Replace("*", string.Empty, StringComparison.Ordinal);
        return names.OrderBy(name => EditDistance(letters.ToUpperInvariant(), name.ToUpperInvariant()));
    }

    private static bool IsAtStartOfName(Match part) => part.Index == 0 || part.Result("$`").EndsWith('.');

    // Levenshtein, one row at a time.
    private static int EditDistance(string from, string to)
    {
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[^1];
    }
}
