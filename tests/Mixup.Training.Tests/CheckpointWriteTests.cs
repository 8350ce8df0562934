using System.Diagnostics;

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
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, typeof(CheckpointWriteTests).Assembly.GetName().Name!), ["-explicit", "only", "-method", $"*.{nameof(WritesUntilItIsKilled)}"])
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

            SpinWait.SpinUntil(() => File.Exists(path + ".writing") || child.HasExited); // it is at its next file
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
    public void AWriteThatFailsLeavesTheOldFile()
    {
        using var small = new Small();
        var path = Path.Combine(folder, "full.ckpt");
        Checkpoint.Save(small.Learner, path);
        var before = File.ReadAllBytes(path);
        Directory.CreateDirectory(path + ".writing"); // nothing can be written there
        Assert.ThrowsAny<Exception>(() => Checkpoint.Save(small.Learner, path));
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Large enough for a write to take its time.</summary>
    private sealed class LargeLearner : IDisposable
    {
        private readonly Modules.Linear model = nn.Linear(2_000, 1_000);
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
