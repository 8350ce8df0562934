namespace TorchSharp.Mixup.Training.Mpi.Tests;

/// <summary>No mpirun is one process, half of a set-up is an error. These need no MPI.</summary>
public sealed class SetupTests
{
    [Fact]
    public void WithoutMpirunThereIsOneProcessAndALineThatSaysSo()
    {
        var run = Alone([]);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("mpirun did not start several processes of this program, so it trains in one.", run.Output);
        Assert.StartsWith("3 epochs, ", run.Lines[0]["one"]);
    }

    [Fact]
    public void TwoLaunchersAreAnError()
    {
        var run = Alone(new() { ["OMPI_COMM_WORLD_SIZE"] = "2", ["PMI_SIZE"] = "2" });
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("Both OMPI_COMM_WORLD_SIZE and PMI_SIZE are set", run.Output);
    }

    [Theory]
    [InlineData("OMPI_COMM_WORLD_SIZE")]
    [InlineData("PMI_SIZE")]
    public void HalfASetUpIsAnError(string variable)
    {
        // As under an mpirun whose library is missing, or is not the one that is loaded.
        var run = Alone(new() { [variable] = "2" });
        Assert.NotEqual(0, run.ExitCode);
        Assert.True(
            run.Output.Contains("none of its libraries can be loaded", StringComparison.Ordinal)
                || run.Output.Contains("MPI_ERRORS_ARE_FATAL", StringComparison.Ordinal) // a library without the rest of its MPI
                || run.Output.Contains("mpirun started 2 processes, but", StringComparison.Ordinal),
            run.Output);
        Assert.Empty(run.Lines[0]);
    }

    [Fact]
    public void AnUnknownChoiceIsAnError()
    {
        var run = Alone(new() { ["MIXUP_MPI"] = "pvm" });
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("MIXUP_MPI is 'pvm'; expected openmpi or mpich.", run.Output);
    }

    private static MpiRun Alone(Dictionary<string, string> environment)
    {
        var folder = Directory.CreateTempSubdirectory("mixup-ranks-").FullName;
        try
        {
            return MpiRun.Alone(folder, environment, "fault", "one");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
