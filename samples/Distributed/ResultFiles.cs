namespace Mixup.Samples.Distributed;

/// <summary>The files of a folder of results: one for each number of processes.</summary>
internal static class ResultFiles
{
    /// <summary>Finds the files of one kind.</summary>
    /// <param name="folder">The folder, which may be missing.</param>
    /// <param name="prefix">The beginning of their names.</param>
    public static string[] Find(string folder, string prefix) =>
        Directory.Exists(folder) ? Directory.GetFiles(folder, prefix + "*.csv") : [];
}
