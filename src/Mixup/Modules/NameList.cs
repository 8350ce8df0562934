namespace TorchSharp.Mixup;

/// <summary>A list of names within an error message.</summary>
internal static class NameList
{
    /// <summary>The number of names that are written at most.</summary>
    public const int Most = 10;

    /// <summary>Joins names by commas. Of a long list the first ones are written, and the number of the others.</summary>
    public static string Of(IEnumerable<string> names)
    {
        string[] all = [.. names];
        var rest = all.Length > Most ? $" and {all.Length - Most} more" : string.Empty;
        return string.Join(", ", all.Take(Most)) + rest;
    }
}
