using System.Collections.Concurrent;

namespace TorchSharp.Mixup.Training.Mpi.Tests;

/// <summary>One rank does something else than the others: all end, and none waits for ever. Afterwards they train together again.</summary>
public sealed class FaultTests
{
    private static readonly ConcurrentDictionary<(string, int), Lazy<MpiRun>> Runs = [];

    private const string Failed = "RankFailedException: Rank LAST failed: ";
    private const string Invalid = "InvalidOperationException: ";
    private const string NotTheSame = "InvalidOperationException: Rank 0 and rank LAST do not train the same. Rank 0 has ";
    private const string Elsewhere = "InvalidOperationException: The ranks do not do the same: rank 0 has come to ";

    // The fault, what the last rank gets, and what the others get; empty if they get the same.
    private static readonly (string Fault, string Last, string Others)[] Expected =
    [
        ("a callback throws", Invalid + "the callback failed", Failed + "System." + Invalid + "the callback failed"),
        ("the loader throws", "IOException: the disk failed", Failed + "System.IO.IOException: the disk failed"),
        ("a loader with a worker throws", "IOException: the disk failed", Failed + "System.IO.IOException: the disk failed"),
        ("a metric throws", "ArithmeticException: the metric failed", Failed + "System.ArithmeticException: the metric failed"),
        ("a metric of all throws", "ArithmeticException: the metric failed", Failed + "System.ArithmeticException: the metric failed"),
        ("the end of the fit throws", Invalid + "the end failed", Failed + "System." + Invalid + "the end failed"),
        ("a token is cancelled", "OperationCanceledException: ", "OperationCanceledException: Rank LAST was cancelled."),
        ("another model", NotTheSame + "parameter 'conv.weight'", string.Empty),
        ("another type", NotTheSame + "parameter 'conv.weight' Float64", string.Empty),
        ("another number of batches", NotTheSame + "data TensorBatches of 60", string.Empty),
        (
            "another number of batches of a source that cannot tell",
            Elsewhere + "batch 3, but rank LAST to the figures after 3 batches",
            string.Empty),
        ("other mixup options", NotTheSame + "mixup options", string.Empty),
        ("another learning rate", NotTheSame + "learning rate of a parameter group 0.1,", string.Empty),
        ("another number of epochs", NotTheSame + "epochs 3, but", string.Empty),
        ("another loss", NotTheSame + "loss CrossEntropyLoss of reduction Mean", string.Empty),
        ("another seed of the batches", NotTheSame + "data TensorBatches", string.Empty),
        ("another order of the batches", "InvalidOperationException: Rank 0 and rank LAST have different data in batch 0.", string.Empty),
        ("another callback", NotTheSame + "callback MixupCallback, but rank LAST has callback GradientClipping", string.Empty),
        ("weights that drift", "InvalidOperationException: Rank 0 and rank LAST have different weights after epoch 2.", string.Empty),
        ("another function", Elsewhere + "the start of a fit, but rank LAST to Communicator.Broadcast.", string.Empty),
    ];

    private static readonly (string Fault, int Epochs)[] Stops =
    [
        ("no fault", 3), ("no fault at the end", 3), ("evaluation on one rank alone", 3), ("steps are postponed on all ranks", 3),
        ("other seeds of mixup are one", 3),
        ("a batch is stopped before the batch", 3), ("an epoch is stopped before the batch", 2), ("a fit is stopped before the batch", 1),
        ("a batch is stopped after the backward pass", 3), ("an epoch is stopped after the backward pass", 2),
        ("a fit is stopped after the backward pass", 1),
        ("a batch is stopped before the step", 3), ("an epoch is stopped before the step", 2), ("a fit is stopped before the step", 1),
        ("a batch is stopped after the step", 3), ("an epoch is stopped after the step", 2), ("a fit is stopped after the step", 1),
        ("a batch is stopped in validation", 3), ("an epoch is stopped in validation", 2), ("a fit is stopped in validation", 1),
        ("an epoch is stopped after the epoch", 3), ("a fit is stopped after the epoch", 2), ("the last epoch is stopped after it", 3),
    ];

    public static TheoryData<string, int, string, string, string> Errors => new(
        from world in Worlds
        from expected in Expected
        select (world.Data.Item1, world.Data.Item2, expected.Fault, expected.Last, expected.Others));

    public static TheoryData<string, int, string, int> Stopped => new(
        from world in Worlds
        from stop in Stops
        select (world.Data.Item1, world.Data.Item2, stop.Fault, stop.Epochs));

    public static TheoryData<string, int> Worlds => new(("mpirun.openmpi", 2), ("mpirun.openmpi", 3), ("mpirun.mpich", 2));

    /// <summary>For faults that end the program, of which each needs a run of its own.</summary>
    public static TheoryData<string, int> SomeWorlds => EqualityTests.SomeWorlds;

    /// <summary>The rank that fails has its own exception, the others one that names it; where ranks differ, all have the same.</summary>
    [Theory]
    [MemberData(nameof(Errors))]
    public void AnErrorOfOneRankIsAnErrorOfAll(string launcher, int ranks, string fault, string last, string others)
    {
        var run = Caught(launcher, ranks);
        for (var rank = 0; rank < ranks; rank++)
        {
            var expected = rank == ranks - 1 || others.Length == 0 ? last : others;
            Assert.StartsWith(expected.Replace("LAST", $"{ranks - 1}", StringComparison.Ordinal), run.Lines[rank][fault]);
        }
    }

    [Theory]
    [MemberData(nameof(Worlds))]
    public void ACheckpointThatCannotBeWrittenIsAnErrorOfAll(string launcher, int ranks)
    {
        var run = Caught(launcher, ranks);
        const string fault = "the checkpoint cannot be written";
        Assert.StartsWith("IOException: ", run.Lines[0][fault]);
        Assert.All(run.Lines[1..], lines => Assert.StartsWith("RankFailedException: Rank 0 failed: System.IO.IOException", lines[fault]));
    }

    /// <summary>What one rank stops, all stop at the same point: they complete as many epochs, and have the same weights.</summary>
    [Theory]
    [MemberData(nameof(Stopped))]
    public void AStopOnOneRankIsAStopOnAll(string launcher, int ranks, string fault, int epochs)
    {
        var run = Caught(launcher, ranks);
        Assert.StartsWith($"{epochs} epochs, ", run.Lines[0][fault]);
        Assert.All(run.Lines, lines => Assert.Equal(run.Lines[0][fault], lines[fault]));
    }

    /// <summary>Evaluate is each rank's own work on whatever it gives: here on the whole of the training batches.</summary>
    [Theory]
    [MemberData(nameof(Worlds))]
    public void AnEvaluationWithinAFitSeesWholeBatches(string launcher, int ranks)
    {
        const string name = "evaluation of the training batches after the training half";
        var run = Caught(launcher, ranks);
        Assert.All(run.Lines, lines => Assert.Equal(run.Lines[0][name], lines[name]));
    }

    [Theory]
    [MemberData(nameof(Worlds))]
    public void SamplesOfOtherShapesCannotBeExchanged(string launcher, int ranks)
    {
        var run = Caught(launcher, ranks);
        Assert.All(
            run.Lines,
            lines => Assert.Contains("samples of different shapes or types in batch 0", lines["exchanged samples of other shapes"]));
    }

    [Theory]
    [MemberData(nameof(Worlds))]
    public void AFitWithinAFitMayFailOnAllRanks(string launcher, int ranks)
    {
        var run = Caught(launcher, ranks);
        Assert.All(
            run.Lines, lines => Assert.StartsWith("3 epochs, ", lines["a nested fit fails on all ranks, and a callback catches it"]));
    }

    /// <summary>Gradients of two steps must never be averaged, whatever the rank that failed does then.</summary>
    [Theory]
    [MemberData(nameof(Worlds))]
    public void AStepThatOneRankLeavesOutIsAnErrorOfTheOthers(string launcher, int ranks)
    {
        var lines = Caught(launcher, ranks).Lines[0]["a step that one rank leaves out"].Split(", ");
        Assert.Equal("step 0: 0", lines[0]);
        Assert.StartsWith($"RankFailedException: Rank {ranks - 1} failed: System.ArgumentException: The weight is NaN", lines[1]);
        Assert.Equal("step 2: 2", lines[^1]);
    }

    /// <summary>Faults leave nothing behind: the last fit ends as the first one did.</summary>
    [Theory]
    [MemberData(nameof(Worlds))]
    public void AfterFaultsRanksTrainAsBefore(string launcher, int ranks)
    {
        var run = Caught(launcher, ranks);
        Assert.Equal(run.Lines[0]["no fault"], run.Lines[0]["no fault at the end"]);
    }

    [Theory]
    [MemberData(nameof(SomeWorlds))]
    public void AProgramThatEndsTooEarlyIsAnErrorOfTheOthers(string launcher, int ranks)
    {
        MpiRun.Require(launcher);
        var run = MpiRun.Run(launcher, ranks, "fault", "leave");
        Assert.Equal(0, run.ExitCode);
        Assert.All(run.Lines[..^1], lines => Assert.StartsWith($"RankFailedException: Rank {ranks - 1} ended its program", lines["leave"]));
    }

    [Theory]
    [MemberData(nameof(SomeWorlds))]
    public void AnExceptionThatNobodyCatchesEndsAllRanks(string launcher, int ranks)
    {
        MpiRun.Require(launcher);
        var run = MpiRun.Run(launcher, ranks, "fault", "unhandled");
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("nobody catches this", run.Output);
    }

    [Theory]
    [MemberData(nameof(SomeWorlds))]
    public void AFitThatFailsOnOneRankEndsAllRanksWithItsError(string launcher, int ranks)
    {
        MpiRun.Require(launcher);
        var run = MpiRun.Run(launcher, ranks, "fault", "failed fit");
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("the forward pass failed", run.Output);
    }

    [Theory]
    [MemberData(nameof(SomeWorlds))]
    public void ARankThatIsKilledEndsTheJob(string launcher, int ranks)
    {
        MpiRun.Require(launcher);
        Assert.NotEqual(0, MpiRun.Run(launcher, ranks, "fault", "kill").ExitCode);
    }

    /// <summary>Ranks of two versions of the library, as after an update of some machines.</summary>
    [Theory]
    [MemberData(nameof(SomeWorlds))]
    public void AnotherVersionIsAnError(string launcher, int ranks)
    {
        MpiRun.Require(launcher);
        var run = MpiRun.RunVersions(launcher, ranks);
        Assert.True(run.ExitCode == 0, run.Output);
        Assert.All(run.Lines, lines => Assert.Contains("Rank 0 has version of TorchSharp.Mixup.Training 0.1.0", lines["one"]));
    }

    private static MpiRun Caught(string launcher, int ranks)
    {
        MpiRun.Require(launcher);
        var run = Runs.GetOrAdd((launcher, ranks), _ => new(() => MpiRun.Run(launcher, ranks, "fault", "all"))).Value;
        Assert.True(run.ExitCode == 0, run.Output);
        return run;
    }
}
