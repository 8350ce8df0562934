using System.Diagnostics;
using TorchSharp.Modules;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Whatever happens while a checkpoint is written, there is a whole one.</summary>
public sealed class CheckpointWriteTests : IDisposable
{
    private const string PathVariable = "MIXUP_CHECKPOINT_OF_CHILD";
    private readonly string folder = Directory.CreateTempSubdirectory("mixup-writes-").FullName;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(9)]
    public void AProcessThatIsKilledWhileItWritesLeavesAWholeFile(int saves)
    {
        var path = Path.Combine(folder, "killed.ckpt");
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, typeof(CheckpointWriteTests).Assembly.GetName().Name!),
            ["-explicit", "only", "-method", $"*.{nameof(WritesUntilItIsKilled)}"])
        {
            RedirectStandardOutput = true,
            Environment = { [PathVariable] = path },
        };
        using (var child = Process.Start(start)!)
        {
            for (var seen = 0; seen < saves;)
            {
                var line = child.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the child ended by itself");
                seen += line == "saved" ? 1 : 0;
            }

            SpinWait.SpinUntil(() => Directory.GetFiles(folder, "*.writing").Length > 0 || child.HasExited); // it is at its next file
            child.Kill();
            child.WaitForExit();
        }

        using var fresh = new LargeLearner();
        Checkpoint.Load(fresh.Learner, path);
        Checkpoint.Save(fresh.Learner, path);
        Assert.Equal([path], Directory.GetFiles(folder));
    }

    // Not a test of its own: what the test above starts and kills.
    [Fact(Explicit = true)]
    public void WritesUntilItIsKilled()
    {
        var path = Environment.GetEnvironmentVariable(PathVariable);
        Assert.NotNull(path);
        using var large = new LargeLearner();
        while (true)
        {
            Checkpoint.Save(large.Learner, path);
            Console.WriteLine("saved");
        }
    }

    [Fact]
    public void AWriteThatFailsInItsMidstLeavesTheOldFileAndNoOther()
    {
        var path = Path.Combine(folder, "full.ckpt");
        var fails = false;
        using var small = new Small(_ => [], scheduler: false, dropout: false, parameters => new OwnOptimizer(parameters, writer =>
        {
            writer.Write(7L);
            if (fails && Directory.GetFiles(folder, "*.writing").Length > 0)
            {
                throw new IOException("the disk is full"); // when the model has been written already
            }
        }));
        Checkpoint.Save(small.Learner, path);
        var before = File.ReadAllBytes(path);
        fails = true;
        Assert.Equal("the disk is full", Assert.Throws<IOException>(() => Checkpoint.Save(small.Learner, path)).Message);
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(folder));
        fails = false;
        Checkpoint.Save(small.Learner, path);
        Assert.Equal([path], Directory.GetFiles(folder));
    }

    [Fact]
    public void AStateThatChangesWhileItIsWrittenIsNotMovedIntoPlace()
    {
        var path = Path.Combine(folder, "changing.ckpt");
        var length = 0;
        using var small = new Small(
            _ =>
                [], scheduler: false, dropout: false, parameters =>
                    new OwnOptimizer(parameters, writer => writer.Write(new byte[length++])));
        var error = Assert.Throws<InvalidOperationException>(() => Checkpoint.Save(small.Learner, path));
        Assert.Contains("while they are saved", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public async Task TwoWritersOfOnePathDoNotMeet()
    {
        const int saves = 12;
        var path = Path.Combine(folder, "shared.ckpt");
        using var start = new Barrier(3);
        Task Writes() => Task.Run(() =>
        {
            using var large = new LargeLearner();
            start.SignalAndWait();
            for (var i = 0; i < saves; i++)
            {
                Checkpoint.Save(large.Learner, path);
            }
        });
        var writers = Task.WhenAll(Writes(), Writes());
        start.SignalAndWait();
        var reads = 0;
        while (!writers.IsCompleted)
        {
            if (File.Exists(path))
            {
                using var reader = new LargeLearner();
                Checkpoint.Load(reader.Learner, path); // whole at any time
                reads++;
            }
        }

        await writers;
        Assert.InRange(reads, 1, int.MaxValue);
        Assert.Equal([path], Directory.GetFiles(folder));
    }

    [Fact]
    public void WhatAKilledWriterLeftIsRemovedAndWhatIsInUseIsNot()
    {
        using var small = new Small();
        var path = Path.Combine(folder, "last.ckpt");
        var (here, gone) = (Environment.MachineName, int.MaxValue); // no process has this id
        string Left(string name, int days = 0)
        {
            var file = Path.Combine(folder, name);
            File.WriteAllText(file, "half of a checkpoint");
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddDays(-days));
            return file;
        }

        var (killed, old) = (Left($"last.ckpt.{here}.{gone}.0123abcd.writing"), Left($"last.ckpt.elsewhere.17.0123abcd.writing", days: 2));
        string[] kept =
        [
            Left($"last.ckpt.elsewhere.{gone}.0123abcd.writing"), // of another machine: it may still be written
            Left($"last.ckpt.{here}.{Environment.ProcessId}.0123abcd.writing"),
            Left($"best.ckpt.{here}.{gone}.0123abcd.writing", days: 9), // of another checkpoint
            Left("last.ckpt.mine.writing", days: 9), // not one of ours
            Left($"last.ckpt.{here}.{gone}.ffffffff.writing"),
        ];
        using (new FileStream(kept[^1], FileMode.Open, FileAccess.Write, FileShare.None))
        {
            Checkpoint.Save(small.Learner, path);
        }

        Assert.False(File.Exists(killed) || File.Exists(old));
        Assert.Equal(kept.Append(path).Order(), Directory.GetFiles(folder).Order());
        Checkpoint.Save(small.Learner, path);
        Assert.False(File.Exists(kept[^1])); // nobody holds it any more
    }

    [Fact]
    public void AFolderThatCannotBeWrittenIsSaidBeforeTheFirstEpoch()
    {
        var file = Path.Combine(folder, "a file");
        File.WriteAllText(file, "not a folder");
        var inner = Path.Combine(file, "checkpoints");
        using var small = new Small([new ModelCheckpoint(inner)]);
        var (before, recorder) = (small.Weights, new Recorder());
        var learner = new Learner(small.Model, small.Loss, small.Optimizer, callbacks: [.. small.Learner.Callbacks, recorder]);
        var error = Assert.Throws<IOException>(() => learner.Fit(small.Train));
        Assert.Contains($"'{inner}'", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Give a folder", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("BeforeEpoch", recorder.Events);
        Assert.Equal(before, small.Weights);

        // Where it can be written, nothing is left of the attempt.
        var good = Path.Combine(folder, "new", "checkpoints");
        var looks = new Recorder("BeforeEpoch", _ => Assert.Empty(Directory.GetFiles(good)));
        new Learner(small.Model, small.Loss, small.Optimizer, callbacks: [new ModelCheckpoint(good), looks]).Fit(small.Train);
        Assert.Equal(["best.ckpt", "last.ckpt"], Directory.GetFiles(good).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("optimizer without a state")]
    [InlineData("optimizer that cannot save it")]
    [InlineData("two of one key")]
    public void WhatCannotBeSavedIsSaidBeforeTheFirstEpoch(string kind)
    {
        Func<IEnumerable<Parameter>, optim.Optimizer>? optimizer = kind switch
        {
            "optimizer without a state" => parameters => optim.LBFGS(parameters),
            "optimizer that cannot save it" =>
                parameters => new OwnOptimizer(parameters, _ => throw new NotSupportedException("Not this one.")),
            _ => null,
        };
        var expected = kind switch
        {
            "optimizer without a state" => "LBFGS",
            "optimizer that cannot save it" => "Not this one.",
            _ => "'checkpoint'",
        };
        var recorder = new Recorder();
        List<LearnerCallback> callbacks = [new ModelCheckpoint(folder), recorder];
        if (kind == "two of one key")
        {
            callbacks.Add(new ModelCheckpoint(Path.Combine(folder, "other")));
        }

        using var small = new Small(_ => callbacks, scheduler: false, dropout: false, optimizer);
        var error = Assert.Throws<ArgumentException>(() => small.Learner.Fit(small.Train));
        Assert.Contains(expected, error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("BeforeEpoch", recorder.Events);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Large enough for a write to take its time.</summary>
    private sealed class LargeLearner : IDisposable
    {
        private readonly Linear model = nn.Linear(2_000, 1_000);
        private readonly optim.Optimizer optimizer;

        public LargeLearner()
        {
            optimizer = optim.SGD(model.parameters(), 0.1);
            Learner = new Learner(model, nn.CrossEntropyLoss(), optimizer);
        }

        public Learner Learner { get; }

        public void Dispose()
        {
            optimizer.Dispose();
            model.Dispose();
        }
    }
}
