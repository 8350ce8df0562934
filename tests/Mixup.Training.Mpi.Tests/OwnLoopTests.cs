using System.Globalization;

namespace TorchSharp.Mixup.Training.Mpi.Tests;

/// <summary>The calls of a loop of one's own, on real processes.</summary>
public sealed class OwnLoopTests
{
    public static TheoryData<string, int> Worlds => EqualityTests.Worlds;

    [Theory]
    [MemberData(nameof(Worlds))]
    public void CallsDoWhatTheySay(string launcher, int ranks)
    {
        MpiRun.Require(launcher);
        var run = MpiRun.Run(launcher, ranks, "primitives");
        Assert.True(run.ExitCode == 0, run.Output);
        for (var rank = 0; rank < ranks; rank++)
        {
            var lines = run.Lines[rank];
            Assert.StartsWith($"rank {rank} of {ranks}, {(launcher == "mpirun.mpich" ? "MPICH" : "Open MPI")}", lines["world"]);
            Assert.Equal("True", lines["broadcast"]);
            foreach (var type in new[] { "Float64", "Float32", "Float16", "BFloat16" })
            {
                // n-fold integers below the 8 bits of bfloat16's significand but for their factor, divided by n before they are summed.
                Assert.InRange(double.Parse(lines[$"average in {type}"], CultureInfo.InvariantCulture), 0, type switch
                {
                    "Float64" => 1e-12,
                    "Float32" => 1e-4,
                    "Float16" => 0.25,
                    _ => 2,
                });
            }

            // Half types are rounded after each of n products and sums, each time by at most half a unit in the last place.
            foreach (var (type, unit) in new[] { ("Float16", 1.0 / 1024), ("BFloat16", 1.0 / 128) })
            {
                var parts = lines[$"rounding in {type}"].Split(' ');
                Assert.InRange(double.Parse(parts[0], CultureInfo.InvariantCulture), 0, ranks * unit);
                Assert.Equal(["Infinity", "Infinity", "NaN"], parts[1..]);
            }

            // A gradient on rank 1 alone, of weight 5 among the weights 0, 5, 5...; one that rank 0 has, with weight 0; and none anywhere.
            Assert.Equal("2 6 True", lines["missing gradients"]);
            Assert.InRange(double.Parse(lines["many buckets"], CultureInfo.InvariantCulture), 0, 1e-3);
            Assert.Equal(
                (ranks, rank) switch
                {
                    (2, 0) => "0,1,2,3,4 0,1,2 1",
                    (2, 1) => "5,6,7,8,9 3,4,5 A batch has 3 samples, fewer than two for each",
                    (3, 0) => "0,1,2,3 0,1 1",
                    (3, 1) => "4,5,6 2,3 A batch has 3 samples, fewer than two for each",
                    _ => "7,8,9 4,5 A batch has 3 samples, fewer than two for each",
                },
                lines["shards"]);
            Assert.InRange(double.Parse(lines["own loop"], CultureInfo.InvariantCulture), 0, 1e-9);
            Assert.Equal(run.Lines[0]["strategy"], lines["strategy"]);
            Assert.EndsWith("True", lines["strategy"]);
            Assert.Equal($"1 {40 - (4 * rank)}", lines["own"]);
        }

        // Samples are exchanged: none is lost, each goes with its class, every rank sees all classes, and partners come from other ranks.
        string[][] exchanged = [.. run.Lines.Select(lines => lines["exchange"].Split(' '))];
        Assert.All(exchanged, parts => Assert.Equal(["True", $"{ranks}", "True"], parts[1..]));
        Assert.Equal(Enumerable.Range(0, 60 * ranks), exchanged.SelectMany(parts => parts[0].Split(',')).Select(int.Parse).Order());
    }
}
