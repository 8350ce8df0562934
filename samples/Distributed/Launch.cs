using System.Globalization;

namespace Mixup.Samples.Distributed;

/// <summary>
/// The variables that the launchers of Open MPI and MPICH set. They can be read before MPI starts, so that a refused command line needs no
/// other process, and prints one line.
/// </summary>
internal static class Launch
{
    /// <summary>Gets whether this is rank 0, which prints.</summary>
    public static bool IsFirst => Number("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK") is null or 0;

    /// <summary>Gets the number of ranks on this machine; null if the launcher does not say.</summary>
    public static int? RanksHere => Number("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS");

    private static int? Number(params string[] variables) => variables.Select(Environment.GetEnvironmentVariable)
        .Select(value => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : (int?)null)
        .FirstOrDefault(number => number is not null);
}
