#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

/// <summary>
/// Makes libLibTorchSharp.so load where the system's libstdc++ is older than GCC 13.
/// The file wants the symbol version GLIBCXX_3.4.32 for one import alone, the no-argument initialiser
/// std::ios_base_library_init(), whose work libtorch has already done by then. The import is turned into
/// std::locale::classic(), which has the same call shape and is exported by every libstdc++.
/// </summary>
public static class OlderLinux
{
    public const string WantedVersion = "GLIBCXX_3.4.32";
    private const string WantedSymbol = "_ZSt21ios_base_library_initv";
    private const string StandInSymbol = "_ZNSt6locale7classicEv";
    private const string StandInVersion = "GLIBCXX_3.4";
    private static readonly string[] FallbackVersions =
        { "GLIBCXX_3.4.30", "GLIBCXX_3.4.29", "GLIBCXX_3.4.26", "GLIBCXX_3.4.21", "GLIBCXX_3.4.11" };

    /// <summary>The libstdc++ that this process has loaded, or the first one in the usual places; null where there is none.</summary>
    public static string? FindSystemLibrary()
    {
        const string name = "libstdc++.so.6";
        var loaded = File.Exists("/proc/self/maps")
            ? File.ReadLines("/proc/self/maps").Where(line => line.Contains(name)).Select(line => line.Substring(line.IndexOf('/')))
            : Enumerable.Empty<string>();
        var folders = new[] { "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib" };
        var usual = folders.Select(folder => Path.Combine(folder, name));
        return loaded.Concat(usual).FirstOrDefault(File.Exists);
    }

    /// <summary>Whether a library defines a symbol version: its name stands in the string table, ended by a zero.</summary>
    public static bool Defines(byte[] library, string version) => IndexOf(library, Encoding.ASCII.GetBytes("\0" + version + "\0")) >= 0;

    /// <summary>
    /// Edits the image in place; says what was done, and throws InvalidDataException where the file is not what is expected.
    /// </summary>
    /// <returns>False where the image no longer wants the version: nothing was changed.</returns>
    public static bool Patch(byte[] image, byte[] systemLibrary)
    {
        var sections = ReadSections(image);
        if (!sections.TryGetValue(".gnu.version_r", out var needs) || !sections.TryGetValue(".dynstr", out var strings)
            || !sections.TryGetValue(".dynsym", out var symbols) || !sections.TryGetValue(".gnu.version", out var versions))
        {
            throw new InvalidDataException("it has no symbol version sections");
        }

        var library = ReadNeeds(image, needs, strings).Where(aux => aux.Library == "libstdc++.so.6").ToList();
        var wanted = library.Where(aux => aux.Version == WantedVersion).ToList();
        if (wanted.Count == 0)
        {
            return false;
        }

        var fallback = FallbackVersions.Select(version => library.FirstOrDefault(aux => aux.Version == version))
            .FirstOrDefault(aux => aux != null && Defines(systemLibrary, aux.Version));
        var standIn = library.FirstOrDefault(aux => aux.Version == StandInVersion);
        if (wanted.Count != 1 || fallback is null || standIn is null)
        {
            throw new InvalidDataException("its needs of libstdc++ are not the known ones " +
                $"({string.Join(", ", library.Select(aux => aux.Version))})");
        }

        const int symbolSize = 24;
        var names = Enumerable.Range(0, symbols.Size / symbolSize).Select(
            i => (int)ReadU32(image, symbols.Offset + i * symbolSize)).ToArray();
        var users = Enumerable.Range(0, names.Length).Where(
            i => (ReadU16(image, versions.Offset + 2 * i) & 0x7fff) == wanted[0].Index).ToArray();
        if (users.Length != 1 || ReadString(image, strings.Offset + names[users[0]]) != WantedSymbol)
        {
            throw new InvalidDataException($"{WantedVersion} is wanted for something else than {WantedSymbol}");
        }

        // A linker may let one name end in another: the bytes must be this symbol's alone.
        var name = names[users[0]];
        if (names.Where((other, i) => i != users[0] && other >= name && other <= name + WantedSymbol.Length).Any())
        {
            throw new InvalidDataException($"the name {WantedSymbol} is shared with another symbol");
        }

        Array.Copy(image, fallback.Offset, image, wanted[0].Offset, 4);          // vna_hash
        Array.Copy(image, fallback.Offset + 8, image, wanted[0].Offset + 8, 4);  // vna_name
        var bytes = Encoding.ASCII.GetBytes(StandInSymbol.PadRight(WantedSymbol.Length, '\0'));
        Array.Copy(bytes, 0, image, strings.Offset + name, bytes.Length);
        BitConverter.GetBytes((ushort)standIn.Index).CopyTo(image, versions.Offset + 2 * users[0]);
        return true;
    }

    private sealed class Section
    {
        public int Offset;
        public int Size;
    }

    private sealed class Need
    {
        public string Library = "";
        public string Version = "";
        public int Index;
        public int Offset;
    }

    private static Dictionary<string, Section> ReadSections(byte[] image)
    {
        if (image.Length < 64 || ReadU32(image, 0) != 0x464c457f || image[4] != 2 || image[5] != 1)
        {
            throw new InvalidDataException("it is not a 64-bit little-endian ELF file");
        }

        try
        {
            int table =
                (int)ReadU64(image, 0x28), size = ReadU16(image, 0x3a), count = ReadU16(image, 0x3c), namesIndex = ReadU16(image, 0x3e);
            var names = (int)ReadU64(image, table + namesIndex * size + 0x18);
            var sections = new Dictionary<string, Section>();
            for (var i = 0; i < count; i++)
            {
                var at = table + i * size;
                sections[ReadString(image, names + (int)ReadU32(image, at))] =
                    new Section { Offset = (int)ReadU64(image, at + 0x18), Size = (int)ReadU64(image, at + 0x20) };
            }

            return sections;
        }
        catch (Exception e) when (e is ArgumentException || e is IndexOutOfRangeException)
        {
            throw new InvalidDataException("its section table is damaged");
        }
    }

    private static IEnumerable<Need> ReadNeeds(byte[] image, Section needs, Section strings)
    {
        for (int file = needs.Offset, nextFile; ; file += nextFile)
        {
            var library = ReadString(image, strings.Offset + (int)ReadU32(image, file + 4));
            for (int aux = file + (int)ReadU32(image, file + 8), next; ; aux += next)
            {
                yield return new Need
                {
                    Library = library,
                    Version = ReadString(image, strings.Offset + (int)ReadU32(image, aux + 8)),
                    Index = ReadU16(image, aux + 6),
                    Offset = aux,
                };
                next = (int)ReadU32(image, aux + 12);
                if (next == 0) break;
            }

            nextFile = (int)ReadU32(image, file + 12);
            if (nextFile == 0) yield break;
        }
    }

    private static string ReadString(byte[] image, int at) => Encoding.ASCII.GetString(image, at, Array.IndexOf(image, (byte)0, at) - at);

    private static ushort ReadU16(byte[] image, int at) => BitConverter.ToUInt16(image, at);

    private static uint ReadU32(byte[] image, int at) => BitConverter.ToUInt32(image, at);

    private static ulong ReadU64(byte[] image, int at) => BitConverter.ToUInt64(image, at);

    private static int IndexOf(byte[] image, byte[] bytes)
    {
        for (var at = Array.IndexOf(image, bytes[1], 1); at >= 0; at = Array.IndexOf(image, bytes[1], at + 1))
        {
            if (at - 1 + bytes.Length <= image.Length && !bytes.Where((expected, i) => image[at - 1 + i] != expected).Any()) return at - 1;
        }

        return -1;
    }
}

#if !MIXUP_TESTS
/// <summary>The build step round <see cref="OlderLinux"/>: patches the copy in an output folder, and nothing else.</summary>
public sealed class PatchTorchForOlderLinux : Microsoft.Build.Utilities.Task
{
    [Microsoft.Build.Framework.Required]
    public string File { get; set; } = "";

    public override bool Execute()
    {
        var library = OlderLinux.FindSystemLibrary();
        if (library is null)
        {
            Log.LogMessage(Microsoft.Build.Framework.MessageImportance.High, "libLibTorchSharp.so is left as it is: no libstdc++.so.6 " +
                "was found on this system.");
            return true;
        }

        var system = System.IO.File.ReadAllBytes(library);
        if (OlderLinux.Defines(system, OlderLinux.WantedVersion))
        {
            return true;
        }

        try
        {
            var image = System.IO.File.ReadAllBytes(File);
            if (OlderLinux.Patch(image, system))
            {
                // Written beside and moved over: the file may be a hard link into the package cache. The time stays, so that the copy step
                // sees nothing to do.
                var temporary = File + ".patched";
                System.IO.File.WriteAllBytes(temporary, image);
                System.IO.File.SetLastWriteTimeUtc(temporary, System.IO.File.GetLastWriteTimeUtc(File));
                System.IO.File.Delete(File);
                System.IO.File.Move(temporary, File);
                Log.LogMessage(Microsoft.Build.Framework.MessageImportance.Normal, $"{File}: edited for the libstdc++ of this system, " +
                    $"which lacks {OlderLinux.WantedVersion}.");
            }
        }
        catch (InvalidDataException e)
        {
            Log.LogMessage(Microsoft.Build.Framework.MessageImportance.High, $"{File} is left as it is: {e.Message}. " +
                $"It wants a newer libstdc++ than {library}.");
        }

        return true;
    }
}
#endif
