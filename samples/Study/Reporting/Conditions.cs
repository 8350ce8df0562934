namespace Mixup.Samples.Study;

/// <summary>How and where a study was run. A text file keeps them beside the outcomes, a line for each.</summary>
/// <param name="Command">The command line.</param>
/// <param name="Machine">The machine and the versions.</param>
/// <param name="Remark">A remark for the report, such as on an older version. Default empty.</param>
public sealed record Conditions(string Command, string Machine, string Remark = "")
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "conditions.txt";

    /// <summary>Reads the conditions of a study, or writes them if it begins.</summary>
    /// <param name="folder">The folder of the study, which exists.</param>
    /// <param name="now">The conditions of this run.</param>
    /// <returns>The conditions under which the study began.</returns>
    public static Conditions Keep(string folder, Conditions now)
    {
        if (!File.Exists(Path.Combine(folder, FileName)))
        {
            File.WriteAllText(Path.Combine(folder, FileName), $"{now.Command}\n{now.Machine}\n");
        }

        return Read(folder);
    }

    /// <summary>Reads the conditions of a study.</summary>
    /// <param name="folder">The folder of the study.</param>
    /// <exception cref="FileNotFoundException">The folder has no such file.</exception>
    /// <exception cref="InvalidDataException">The file has fewer than two lines.</exception>
    public static Conditions Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        var lines = File.Exists(path)
            ? File.ReadAllLines(path)
            : throw new FileNotFoundException($"{path} does not exist: the folder has no study. Give the --out of the study.");
        return lines.Length >= 2
            ? new Conditions(lines[0], lines[1], string.Join('\n', lines[2..]))
            : throw new InvalidDataException($"{path} has {lines.Length} lines; expected the command and the machine of the study.");
    }
}
