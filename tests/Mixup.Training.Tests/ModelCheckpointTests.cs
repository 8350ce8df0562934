namespace TorchSharp.Mixup.Training.Tests;

/// <summary>Weights alone, the best epoch, and several checkpoints on one learner.</summary>
public sealed class ModelCheckpointTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("mixup-model-checkpoint-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void WeightsGoIntoAModelAlone()
    {
        using var trained = new Small([new ModelCheckpoint(folder)]);
        trained.Learner.Fit(trained.Train, epochs: 2);
        using var other = new Small();
        Checkpoint.LoadWeights(other.Model, Path.Combine(folder, "last.ckpt"));
        Assert.Equal(trained.Weights, other.Weights);
        Assert.Null(other.Learner.ResumesAfter);
        Assert.Empty(other.Learner.History);

        using var narrower = nn.Sequential(nn.Linear(6, 15));
        var before = narrower.parameters().First().cpu().data<float>().ToArray();
        Assert.Throws<InvalidDataException>(() => Checkpoint.LoadWeights(narrower, Path.Combine(folder, "last.ckpt")));
        Assert.Equal(before, narrower.parameters().First().cpu().data<float>().ToArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheBestEpochIsPutBackIfAsked(bool restore)
    {
        List<(double Loss, float[] Weights)> epochs = [];
        Small? small = null;
        var worsening = new Recorder("AfterEpoch", state => epochs.Add((state.Record!.ValidationLoss!.Value, small!.Weights)), order: 70);
        var raise = new Recorder(
            "BeforeEpoch", state => state.Learner.Optimizer.ParamGroups.First().LearningRate = 0.1 * (1 + (9 * state.Epoch)));
        using (small = new Small([new ModelCheckpoint(folder) { RestoreBest = restore }, worsening, raise]))
        {
            small.Learner.Fit(small.Train, small.Valid, epochs: 5);
            var best = epochs.MinBy(epoch => epoch.Loss).Weights;
            Assert.NotEqual(best, epochs[^1].Weights);
            Assert.Equal(restore ? best : epochs[^1].Weights, small.Weights);
        }
    }

    [Fact]
    public void AFitThatFailsKeepsItsWeights()
    {
        using var small = new Small(
            [new ModelCheckpoint(folder) { RestoreBest = true }, new Recorder("BeforeEpoch", state =>
            {
                if (state.Epoch == 2)
                {
                    throw new TimeoutException("boom");
                }
            })]);
        Assert.Throws<TimeoutException>(() => small.Learner.Fit(small.Train, small.Valid, epochs: 3));
        using var last = new Small();
        Checkpoint.LoadWeights(last.Model, Path.Combine(folder, "last.ckpt"));
        Assert.Equal(last.Weights, small.Weights);
    }

    [Fact]
    public void AnOldFileOfAnotherRunIsNeverPutBack()
    {
        using (var old = new Small([new ModelCheckpoint(folder)]))
        {
            old.Learner.Fit(old.Train, old.Valid, epochs: 3);
        }

        // No epoch of this run ends, so that it has no best one.
        using var small = new Small([new ModelCheckpoint(folder) { RestoreBest = true }, new Recorder("BeforeTrain", s => s.StopFit())]);
        var before = small.Weights;
        small.Learner.Fit(small.Train, small.Valid);
        Assert.Equal(before, small.Weights);
    }

    [Fact]
    public void ALearnerMayHaveSeveral()
    {
        string Sub(string name) => Path.Combine(folder, name);
        ModelCheckpoint[] Build() =>
            [new ModelCheckpoint(Sub("loss")), new ModelCheckpoint(Sub("accuracy"), "validation_accuracy", MonitorMode.Max)];
        using (var small = new Small(Build()))
        {
            small.Learner.Fit(small.Train, small.Valid, epochs: 3);
        }

        using var resumed = new Small(Build());
        Checkpoint.Load(resumed.Learner, Path.Combine(Sub("accuracy"), "last.ckpt"));
        Assert.Equal(3, Assert.Single(resumed.Learner.Fit(resumed.Train, resumed.Valid, epochs: 4)).Epoch);
    }

    [Theory]
    [InlineData(true)] // the folder has another run's best epoch
    [InlineData(false)] // it has none
    public void TheBestEpochBeforeALoadedCheckpointMustBeAtHand(bool other)
    {
        string Sub(string name) => Path.Combine(folder, name);
        using (var first = new Small([new ModelCheckpoint(Sub("first"))]))
        {
            first.Learner.Fit(first.Train, first.Valid, epochs: 2);
        }

        if (other)
        {
            using var second = new Small([new ModelCheckpoint(Sub("second"))]);
            second.Learner.Fit(second.Valid, second.Train, epochs: 1);
        }

        using (var resumed = new Small([new ModelCheckpoint(Sub("second")) { RestoreBest = true }]))
        {
            Checkpoint.Load(resumed.Learner, Path.Combine(Sub("first"), "last.ckpt"));
            Assert.Contains(
                "is not the best epoch before this fit",
                Assert.Throws<InvalidOperationException>(() => resumed.Learner.Fit(resumed.Train, resumed.Valid, epochs: 3)).Message,
                StringComparison.Ordinal);

            File.Copy(Path.Combine(Sub("first"), "best.ckpt"), Path.Combine(Sub("second"), "best.ckpt"), overwrite: true);
            Assert.Single(resumed.Learner.Fit(resumed.Train, resumed.Valid, epochs: 3));
            Assert.Single(resumed.Learner.Fit(resumed.Train, resumed.Valid)); // the file of this learner is its own
        }
    }
}
