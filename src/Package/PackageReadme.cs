using System;
using System.IO;
using System.Text.RegularExpressions;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Writes the README of a package: a guide whose links and pictures work outside of the repository. With the address of the repository they
/// become absolute. Without it a link becomes its text, and a picture goes.
/// </summary>
public class PackageReadme : Task
{
    [Required]
    public string Guide { get; set; }

    [Required]
    public string Root { get; set; }

    [Required]
    public string Package { get; set; }

    public string RepositoryUrl { get; set; }

    public override bool Execute()
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(Guide));
        var root = Path.GetFullPath(Root);
        var text = Regex.Replace(File.ReadAllText(Guide), @"(!?)\[([^\]]*)\]\(([^)\s]+)\)", link =>
        {
            var target = link.Groups[3].Value;
            if (target.StartsWith("#", StringComparison.Ordinal) || target.Contains("://"))
            {
                return link.Value;
            }

            var isPicture = link.Groups[1].Value.Length > 0;
            if (string.IsNullOrEmpty(RepositoryUrl))
            {
                return isPicture ? string.Empty : link.Groups[2].Value;
            }

            var parts = target.Split('#');
            var path = Path.GetFullPath(Path.Combine(folder, parts[0])).Substring(root.Length).Replace('\\', '/').TrimStart('/');
            var anchor = parts.Length > 1 ? "#" + parts[1] : string.Empty;
            var url = $"{RepositoryUrl.TrimEnd('/')}/{(isPicture ? "raw" : "blob")}/HEAD/{path}{anchor}";
            return $"{link.Groups[1].Value}[{link.Groups[2].Value}]({url})";
        });
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(Package)));
        File.WriteAllText(Package, Regex.Replace(text, "\n{3,}", "\n\n"));
        return true;
    }
}
