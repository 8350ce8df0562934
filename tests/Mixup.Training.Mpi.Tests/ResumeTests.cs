namespace TorchSharp.Mixup.Training.Mpi.Tests;

/// <summary>A job that was killed goes on from its checkpoint, by the same command, to the same bits.</summary>
public sealed class ResumeTests
{
    public static TheoryData<string, int> Worlds => EqualityTests.SomeWorlds;

    [Theory]
    [MemberData(nameof(Worlds))]
    public void AKilledJobResumesToTheSameBits(string launcher, int ranks)
    {
        MpiRun.Require(launcher);
        var whole = MpiRun.Run(launcher, ranks, "resume");
        Assert.True(whole.ExitCode == 0, whole.Output);
        var folder = Directory.CreateTempSubdirectory("mixup-ranks-").FullName;
        try
        {
            Assert.NotEqual(0, MpiRun.RunIn(folder, launcher, ranks, "resume", "kill").ExitCode);
            var resumed = MpiRun.RunIn(folder, launcher, ranks, "resume");
            Assert.True(resumed.ExitCode == 0, resumed.Output);
            for (var rank = 0; rank < ranks; rank++)
            {
                Assert.Equal("2", resumed.Lines[rank]["resumes after"]);
                foreach (var (name, value) in whole.Lines[rank].Where(line => line.Key != "resumes after"))
                {
                    Assert.Equal(value, resumed.Lines[rank][name]);
                }

                Assert.Equal(whole.Lines[0]["bits"], whole.Lines[rank]["bits"]);
            }

            Assert.Equal(7, File.ReadLines(Path.Combine(folder, "log.csv")).Count()); // of rank 0 alone, with a header
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
