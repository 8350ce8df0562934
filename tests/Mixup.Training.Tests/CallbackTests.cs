using Spectre.Console;
using Spectre.Console.Testing;

namespace TorchSharp.Mixup.Training.Tests;

public sealed class CallbackTests : IDisposable
{
    private string strategyPlace = "input";
    private readonly string folder = Directory.CreateTempSubdirectory("mixup-tests-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("input")]
    [InlineData("manifold")]
    [InlineData("output")]
    public void AResumedRunEqualsTheUninterruptedOneBitForBit(string place)
    {
        strategyPlace = place;
        using var whole = Build("whole");
        whole.Learner.Fit(whole.Train, whole.Valid, epochs: 6);

        using (var first = Build("parts", stopAfter: 3))
        {
            first.Learner.Fit(first.Train, first.Valid, epochs: 6);
            Assert.Equal(3, first.Learner.History.Count);
        }

        manual_seed(999); // whatever another program had drawn meanwhile
        using var second = Build("parts");
        Checkpoint.Load(second.Learner, Path.Combine(folder, "parts", "last.ckpt"));
        second.Learner.Fit(second.Train, second.Valid, epochs: 6);

        Assert.Equal(whole.Weights, second.Weights);
        Assert.Equal(whole.Learner.History.Select(Figures), second.Learner.History.Select(Figures));
        Assert.Equal(6, File.ReadAllLines(Path.Combine(folder, "parts.csv")).Length - 1);
    }

    [Fact]
    public void APlateauSchedulerResumesToo()
    {
        Small Build() => new(callbacks: [new ModelCheckpoint(Path.Combine(folder, "plateau"))]);
        using var first = Build();
        var scheduler = optim.lr_scheduler.ReduceLROnPlateau(first.Optimizer, patience: 0, threshold: 10);
        var learner = new Learner(first.Model, first.Loss, first.Optimizer, scheduler, callbacks: first.Learner.Callbacks);
        learner.Fit(first.Train, first.Valid, epochs: 4);
        var rate = first.Optimizer.ParamGroups.First().LearningRate;
        Assert.True(rate < 0.1);

        using var second = Build();
        var resumed = new Learner(
            second.Model,
            second.Loss,
            second.Optimizer,
            optim.lr_scheduler.ReduceLROnPlateau(second.Optimizer, patience: 0, threshold: 10),
            callbacks: second.Learner.Callbacks);
        Checkpoint.Load(resumed, Path.Combine(folder, "plateau", "last.ckpt"));
        Assert.Equal(rate, second.Optimizer.ParamGroups.First().LearningRate);
        learner.Fit(first.Train, first.Valid, epochs: 1);
        resumed.Fit(second.Train, second.Valid, epochs: 5);
        Assert.Equal(first.Optimizer.ParamGroups.First().LearningRate, second.Optimizer.ParamGroups.First().LearningRate);
    }

    [Fact]
    public void TheBestEpochIsKept()
    {
        using var small = new Small([new ModelCheckpoint(folder, "validation_accuracy", MonitorMode.Max)]);
        small.Learner.Fit(small.Train, small.Valid, epochs: 5);
        var best = small.Learner.History.MaxBy(record => record["validation_accuracy"])!;
        using var restored = new Small([new ModelCheckpoint(folder, "validation_accuracy", MonitorMode.Max)]);
        Checkpoint.Load(restored.Learner, Path.Combine(folder, "best.ckpt"));
        Assert.Equal(best.Epoch, restored.Learner.History[^1].Epoch);
        restored.Model.eval();
        using var scope = NewDisposeScope();
        Assert.Equal(
            best["validation_accuracy"],
            restored.Model.call(restored.X).argmax(1).eq(restored.Y).to(ScalarType.Float32).mean().cpu().ToDouble(), 1e-6);
    }

    [Fact]
    public void ACheckpointThatDoesNotFitIsRefusedAndChangesNothing()
    {
        var path = Path.Combine(folder, "last.ckpt");
        using (var small = new Small([new ModelCheckpoint(folder), new MixupCallback(new InputMixup())]))
        {
            small.Learner.Fit(small.Train, small.Valid);
        }

        var bytes = File.ReadAllBytes(path);
        using var fresh = new Small([new ModelCheckpoint(folder), new MixupCallback(new InputMixup())]);
        var weights = fresh.Weights;
        string Refused(byte[] content, Learner? learner = null)
        {
            File.WriteAllBytes(path, content);
            var message = Assert.Throws<InvalidDataException>(() => Checkpoint.Load(learner ?? fresh.Learner, path)).Message;
            Assert.Equal(weights, fresh.Weights);
            Assert.Empty(fresh.Learner.History);
            return message;
        }

        Assert.Contains("not a checkpoint", Refused([]), StringComparison.Ordinal);
        Assert.Contains(
            "not a checkpoint", Refused("PK a zip file of something else, long enough to be read"u8.ToArray()), StringComparison.Ordinal);
        Assert.Contains("damaged", Refused(bytes[..^1]), StringComparison.Ordinal);
        var flipped = (byte[])bytes.Clone();
        flipped[bytes.Length / 2] ^= 1;
        Assert.Contains("damaged", Refused(flipped), StringComparison.Ordinal);
        using var adam = optim.Adam(fresh.Model.parameters());
        Assert.Contains(
            "it holds the state of SGD, but the learner has Adam. Build it",
            Refused(bytes, new Learner(fresh.Model, fresh.Loss, adam, callbacks: fresh.Learner.Callbacks)),
            StringComparison.Ordinal);
        Assert.Contains(
            "'mixup'",
            Refused(bytes, new Learner(fresh.Model, fresh.Loss, fresh.Optimizer, callbacks: [new ModelCheckpoint(folder)])),
            StringComparison.Ordinal);
        using var other = nn.Sequential(nn.Linear(6, 17)).to(Some.Device);
        using var sgd = optim.SGD(other.parameters(), 0.1);
        Assert.Contains(
            ", but the model has it as Float32 of shape [17, 6]. Build the model as in the saved run",
            Refused(bytes, new Learner(other, fresh.Loss, sgd, callbacks: fresh.Learner.Callbacks)),
            StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => Checkpoint.Load(fresh.Learner, Path.Combine(folder, "none")));

        File.WriteAllBytes(path, bytes);
        Checkpoint.Load(fresh.Learner, path);
        Assert.Contains(
            "already trained",
            Assert.Throws<InvalidOperationException>(() => Checkpoint.Load(fresh.Learner, path)).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void EarlyStoppingBearsSomeEpochs()
    {
        var worsening = new Recorder("AfterEpoch", state => { });
        using var small = new Small([new EarlyStopping("train_loss", MonitorMode.Max, patience: 2), worsening]);
        small.Learner.Fit(small.Train, epochs: 20);
        Assert.Equal(3, small.Learner.History.Count); // the first is the best, since the loss falls
        Assert.Throws<ArgumentOutOfRangeException>(() => new EarlyStopping(minDelta: -1));
    }

    [Fact]
    public void WithoutValidationTheTrainingLossIsWatched()
    {
        using var small = new Small([new ModelCheckpoint(folder), new EarlyStopping(patience: 1, minDelta: 100)]);
        small.Learner.Fit(small.Train, epochs: 9);
        Assert.Equal(2, small.Learner.History.Count); // no epoch gains 100
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "last.ckpt")), File.ReadAllBytes(Path.Combine(folder, "best.ckpt")));
    }

    [Fact]
    public void WhatCannotBeWatchedIsSaidBeforeTheFirstEpoch()
    {
        using var small = new Small([new EarlyStopping("validation_accuracy", MonitorMode.Max)]);
        var before = small.Weights;
        Assert.Contains("The values are train_loss, train_accuracy;",
            Assert.Throws<ArgumentException>(() => small.Learner.Fit(small.Train)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Equal(before, small.Weights);
        Assert.Single(small.Learner.Fit(small.Train, small.Valid));
    }

    [Fact]
    public void AFitThatIsRefusedDoesNotSpendTheCheckpoint()
    {
        var path = Path.Combine(folder, "spent.ckpt");
        using (var small = new Small())
        {
            small.Learner.Fit(small.Train, small.Valid, epochs: 2);
            Checkpoint.Save(small.Learner, path);
        }

        using var resumed = new Small([new EarlyStopping("validation_accuracy", MonitorMode.Max)]);
        Checkpoint.Load(resumed.Learner, path);
        Assert.Throws<ArgumentException>(() => resumed.Learner.Fit(resumed.Train, epochs: 3));
        Assert.Equal(2, Assert.Single(resumed.Learner.Fit(resumed.Train, resumed.Valid, epochs: 3)).Epoch);
        Assert.Equal([0, 1, 2], resumed.Learner.History.Select(record => record.Epoch));
    }

    [Fact]
    public void TheCsvHoldsEveryFigure()
    {
        var path = Path.Combine(folder, "logs", "log.csv");
        using var small = new Small([new CsvLog(path)]);
        small.Learner.Fit(small.Train, small.Valid, epochs: 2);
        var lines = File.ReadAllLines(path);
        Assert.Equal("epoch,train_loss,validation_loss,train_accuracy,validation_accuracy,learning_rate,seconds", lines[0]);
        Assert.Equal(3, lines.Length);
        Assert.Equal(
            small.Learner.History[1].TrainLoss, double.Parse(lines[2].Split(',')[1], System.Globalization.CultureInfo.InvariantCulture));

        // A fit that is refused leaves the log of the last one.
        using var refused = new Small(
            [new Recorder("BeforeFit", _ => throw new InvalidOperationException("not today"), order: 90), new CsvLog(path)]);
        Assert.Throws<InvalidOperationException>(() => refused.Learner.Fit(refused.Train, refused.Valid));
        Assert.Equal(lines, File.ReadAllLines(path));

        // A second fit goes on, here without validation; a new learner begins anew.
        small.Learner.Fit(small.Train, epochs: 2);
        var more = File.ReadAllLines(path);
        Assert.Equal(lines, more[..3]);
        Assert.Equal(["0", "1", "2", "3"], more[1..].Select(line => line.Split(',')[0]));
        Assert.All(more[3..], line => Assert.Equal(["", ""], [line.Split(',')[2], line.Split(',')[4]]));
        using var anew = new Small([new CsvLog(path)]);
        anew.Learner.Fit(anew.Train);
        Assert.Equal(2, File.ReadAllLines(path).Length);
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void TensorBoardGetsAFile()
    {
        using var small = new Small([new TensorBoardLog(Path.Combine(folder, "board"))]);
        small.Learner.Fit(small.Train, small.Valid);
        var file = Assert.Single(Directory.GetFiles(Path.Combine(folder, "board")));
        var text = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file));
        Assert.Contains("validation_accuracy", text, StringComparison.Ordinal);
        Assert.Contains("learning_rate", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ASecondFitGoesOnInTheStepsOfTensorBoard()
    {
        var board = Path.Combine(folder, "board");
        using var small = new Small([new TensorBoardLog(board)]);
        Assert.False(Directory.Exists(board)); // a log that logs nothing leaves nothing
        small.Learner.Fit(small.Train, epochs: 2);
        small.Learner.Fit(small.Train, epochs: 2);
        Assert.Equal([0, 1, 2, 3], Steps(Assert.Single(Directory.GetFiles(board)), "train_loss"));
    }

    /// <summary>The steps of a scalar in an event file: records of length, checksum, event and checksum.</summary>
    private static List<long> Steps(string file, string tag)
    {
        var steps = new List<long>();
        using var reader = new BinaryReader(File.OpenRead(file));
        while (reader.BaseStream.Position < reader.BaseStream.Length)
        {
            var length = reader.ReadInt64();
            reader.ReadInt32();
            var record = Tensorboard.Event.Parser.ParseFrom(reader.ReadBytes((int)length));
            reader.ReadInt32();
            steps.AddRange((record.Summary?.Value ?? []).Where(value => value.Tag == tag).Select(_ => record.Step));
        }

        return steps;
    }

    [Fact]
    public void TheProgressBarReachesItsEndWithinEightyColumns()
    {
        using var console = new TestConsole().Width(80).Interactive().EmitAnsiSequences();
        using var small = new Small([new ProgressBar(console)]);
        small.Learner.Fit(small.Train, small.Valid, epochs: 2);
        var output = System.Text.RegularExpressions.Regex.Replace(console.Output, "\x1b\\[[0-9;?]*[a-zA-Z]", string.Empty);
        Assert.Contains("epoch 2/2 ", output, StringComparison.Ordinal);
        Assert.Contains("100%", output, StringComparison.Ordinal);
        Assert.DoesNotContain("...", output, StringComparison.Ordinal); // nothing is cut
        Assert.All(output.Split('\n', '\r').Where(line => line.Contains('%')), line =>
        {
            Assert.InRange(line.Length, 1, 80);
            Assert.Matches("epoch [12]/2( loss [0-9.]+)? .*[0-9]+%", line); // one line has it all
        });
    }

    [Fact]
    public void RedirectedProgressIsOneLineForEachEpoch()
    {
        using var console = new TestConsole().Width(40); // a line is not broken
        using var small = new Small([new ProgressBar(console)]);
        small.Learner.Fit(small.Train, small.Valid, epochs: 3);
        var lines = console.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.All(lines, line => Assert.Matches(
            @"^epoch [123]/3  loss [0-9.]+, validation [0-9.]+  accuracy [0-9.]+, validation [0-9.]+  [0-9.]+ s$", line.TrimEnd()));
        Assert.All(lines, line => Assert.InRange(line.Length, 1, 80));
    }

    [Fact]
    public void AResumedFitSaysFromWhereItGoesOn()
    {
        var path = Path.Combine(folder, "half.ckpt");
        using (var small = new Small())
        {
            small.Learner.Fit(small.Train, epochs: 2);
            Checkpoint.Save(small.Learner, path);
        }

        using var console = new TestConsole().Width(80);
        using var resumed = new Small([new ProgressBar(console)]);
        Assert.Null(resumed.Learner.ResumesAfter);
        Checkpoint.Load(resumed.Learner, path);
        Assert.Equal(2, resumed.Learner.ResumesAfter);
        Assert.Equal(2, Assert.Single(resumed.Learner.Fit(resumed.Train, epochs: 3)).Epoch);
        Assert.StartsWith("Resumes after epoch 2 of 3.", console.Output, StringComparison.Ordinal);
        Assert.Null(resumed.Learner.ResumesAfter);

        using var done = new Small([new ProgressBar(console)]);
        Checkpoint.Load(done.Learner, path);
        Assert.Empty(done.Learner.Fit(done.Train, epochs: 2));
        Assert.Contains("Nothing is left to train", console.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void TheProgressBarGoesWithAnException()
    {
        using var console = new TestConsole().Width(160).Interactive();
        using var small = new Small(
            [new ProgressBar(console), new Recorder("AfterLoss", _ => throw new InvalidOperationException("boom"))]);
        Assert.Throws<InvalidOperationException>(() => small.Learner.Fit(small.Train));
        console.Progress().Start(context => context.AddTask("the console is free again"));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("nonsense")]
    [InlineData("{\"Seed\":1,\"Step\":-4,\"Epoch\":1}")]
    [InlineData("{\"Seed\":1,\"Step\":4,\"Epoch\":-1}")]
    [InlineData("{\"Seed\":1,\"Step\":4}")]
    public void AMixupStateMustBeOne(string state)
    {
        var strategy = new InputMixup(new MixupOptions { Seed = 5 });
        var before = strategy.State;
        Assert.Throws<FormatException>(() => new MixupCallback(strategy).LoadState(state));
        Assert.Equal(before, strategy.State);
    }

    private static string Figures(EpochRecord record) => string.Join(' ', record.Values.Append(new("lr", record.LearningRate)));

    private IMixupStrategy Strategy(nn.Module model)
    {
        var options = new MixupOptions { Seed = 8, Schedule = Schedules.Ramp(0.1, 3, alpha => new Interpolation(alpha)) };
        return strategyPlace switch
        {
            "input" => new InputMixup(options),
            "output" => new OutputMixup(options),
            _ => new ManifoldMixup(model, options),
        };
    }

    private Small Build(string name, int? stopAfter = null) => new(
        model => [
            new MixupCallback(Strategy(model)),
            new ModelCheckpoint(Path.Combine(folder, name)),
            new CsvLog(Path.Combine(folder, name + ".csv")),
            new EarlyStopping(patience: 50),
            new Recorder("AfterEpoch", state => { if (state.Epoch + 1 == stopAfter) { state.StopFit(); } }, order: 99),
        ],
        scheduler: true,
        dropout: true);

    [Fact]
    public void ALogThatCannotBeWrittenFailsBeforeTheFirstEpoch()
    {
        var begun = new Recorder("BeforeTrain");
        using var small = new Small([new CsvLog(folder), begun]);
        Assert.Contains(
            "is a folder", Assert.Throws<IOException>(() => small.Learner.Fit(small.Train)).Message, StringComparison.Ordinal);
        Assert.DoesNotContain("BeforeTrain", begun.Events);
    }
}
