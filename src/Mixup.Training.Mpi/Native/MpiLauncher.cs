namespace TorchSharp.Mixup.Training.Mpi;

/// <summary>What the environment says about the program that started this process: which MPI it is of, and how many it started.</summary>
/// <param name="Name">The name of the MPI.</param>
/// <param name="Variable">The variable that tells.</param>
/// <param name="Size">The number of processes; null if the launcher does not say.</param>
/// <param name="Libraries">The library to load; the other MPI's must not be loaded beside.</param>
internal sealed record MpiLauncher(string Name, string Variable, int? Size, MpiLibraryName[] Libraries)
{
    private const string Choice = "MIXUP_MPI";
    private static readonly string[] MpichFiles = ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib"];
    private static readonly MpiLibraryName Standard = new("libmpi_abi.so.0", _ => MpiAbi.Standard);

    /// <summary>Finds the launcher; null if none started this process.</summary>
    /// <exception cref="InvalidOperationException">Two launchers claim this process, or the variable that chooses names none.</exception>
    public static MpiLauncher? Find()
    {
        var openMpi = First("OMPI_COMM_WORLD_SIZE", "PMIX_RANK");
        var mpich = First("PMI_SIZE", "PMI_RANK", "PMI_FD");
        switch (Environment.GetEnvironmentVariable(Choice))
        {
            case null or "":
                break;
            case "openmpi":
                mpich = null;
                openMpi ??= Choice;
                break;
            case "mpich":
                openMpi = null;
                mpich ??= Choice;
                break;
            case var other:
                throw new InvalidOperationException($"{Choice} is '{other}'; expected openmpi or mpich.");
        }

        return (openMpi, mpich) switch
        {
            (null, null) => null,
            ({ } first, { } second) => throw new InvalidOperationException(
                $"Both {first} and {second} are set, so Open MPI and MPICH both claim to have started this process. Set {Choice} to " +
                "openmpi or mpich, whichever mpirun did."),
            ({ } first, null) => new("Open MPI", first, SizeIn("OMPI_COMM_WORLD_SIZE"), [
                new("libmpi.so.40", MpiAbi.OpenMpi), new("libmpi.40.dylib", MpiAbi.OpenMpi), Standard]),
            (null, { } second) => new("MPICH", second, SizeIn("PMI_SIZE"), [
                .. Array.ConvertAll(MpichFiles, file => new MpiLibraryName(file, _ => MpiAbi.Mpich)), Standard]),
        };
    }

    private static string? First(params string[] variables) =>
        Array.Find(variables, name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)));

    private static int? SizeIn(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), out var size) && size > 0 ? size : null;
}

/// <summary>A library and the handles of its ABI.</summary>
/// <param name="File">The file name, with the version of its ABI.</param>
/// <param name="Abi">Makes the handles from a function that returns the address of an export.</param>
internal sealed record MpiLibraryName(string File, Func<Func<string, nint>, MpiAbi> Abi);
