using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace TorchSharp.Mixup.Training;

/// <summary>
/// The files that are written beside a checkpoint and moved into place. Each has a name of its own,
/// <c>NAME.MACHINE.PROCESS.RANDOM.writing</c>, so that no two writers share one, and a writer that fails removes its file. What a killed
/// one leaves is removed by the next write of the same checkpoint, if its process ran on this machine and is gone, or if it is older than
/// a day. A file that somebody holds open is never removed.
/// </summary>
internal static class TemporaryFile
{
    private const string Extension = ".writing";
    private static readonly TimeSpan LongestWrite = TimeSpan.FromDays(1);

    /// <summary>A name that nobody else uses.</summary>
    public static string NameFor(string path)
    {
        var random = RandomNumberGenerator.GetHexString(16, lowercase: true);
        return string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.MachineName}.{Environment.ProcessId}.{random}{Extension}");
    }

    /// <summary>Finds out whether files can be made beside a path, and makes its folder if need be.</summary>
    /// <exception cref="IOException">They cannot.</exception>
    public static void Probe(string path)
    {
        path = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(path)!;
        try
        {
            Directory.CreateDirectory(folder);
            const FileOptions goes = FileOptions.DeleteOnClose;
            using var file = new FileStream(NameFor(path), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, goes);
            file.WriteByte(0);
            file.Flush(flushToDisk: true); // a full disk may say so only here
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new IOException(
                $"No checkpoint can be written to the folder '{folder}': {e.Message} Give a folder that this process can make and write " +
                "to.",
                e);
        }
    }

    /// <summary>A file of any size for what is needed for a moment only; it goes when it is closed.</summary>
    public static FileStream Spill()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        return new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
    }

    /// <summary>Removes what killed processes have left of earlier writes. Never fails.</summary>
    public static void RemoveLeftovers(string path)
    {
        try
        {
            foreach (var file in Directory.GetFiles(Path.GetDirectoryName(path)!, "*" + Extension))
            {
                if (file.StartsWith(path + ".", StringComparison.Ordinal) && IsLeftover(file, file[(path.Length + 1)..^Extension.Length]))
                {
                    Remove(file);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The folder cannot be listed.
        }
    }

    private static void Remove(string file)
    {
        try
        {
            // Its writer would hold it alone: then this fails, and it stays.
            new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // In use, gone by now, or not ours to remove.
        }
    }

    private static bool IsLeftover(string file, string name)
    {
        var parts = name.Split('.');
        if (parts.Length < 3 || !int.TryParse(parts[^2], NumberStyles.None, CultureInfo.InvariantCulture, out var process))
        {
            return false; // not a name of ours
        }

        var isOfThisMachine = string.Join('.', parts[..^2]) == Environment.MachineName;
        return (isOfThisMachine && !Runs(process)) || DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > LongestWrite;
    }

    private static bool Runs(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
