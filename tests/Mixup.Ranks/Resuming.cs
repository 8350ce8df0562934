using System.Diagnostics;
using TorchSharp.Mixup.Training;
using TorchSharp.Mixup.Training.Mpi;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Ranks;

/// <summary>
/// A fit with everything that is random, which resumes if there is a checkpoint. With the option <c>kill</c> its last rank is killed in the
/// middle of the third epoch.
/// </summary>
internal static class Resuming
{
    public static int Run(string folder, string[] options)
    {
        using var report = new Report(folder);
        var world = MpiWorld.Current;
        manual_seed(1);
        var model = Sequential(
            ("conv", Conv2d(2, 4, 3)), ("norm", BatchNorm2d(4)), ("drop", Dropout(0.3)), ("flatten", Flatten()),
            ("head", Linear(64, Models.Classes))).to(ScalarType.Float64);
        manual_seed(100 + world.Rank); // each rank drops other activations
        var (x, y) = Models.Data(70);
        var checkpoint = new ModelCheckpoint(Path.Combine(folder, "checkpoints")) { RestoreBest = true };
        LearnerCallback[] kill = options.Contains("kill") ? [new Kill()] : [];
        var learner = new Learner(
            model, CrossEntropyLoss(), optim.Adam(model.parameters(), 1e-2), callbacks:
            [
                new DataParallel { ExchangeSamples = true }, new MixupCallback(new ManifoldMixup(model, new MixupOptions { Seed = 3 })),
                checkpoint, new CsvLog(Path.Combine(folder, "log.csv")), new EarlyStopping(4), .. kill,
            ]);
        if (File.Exists(checkpoint.LastPath))
        {
            Checkpoint.Load(learner, checkpoint.LastPath);
        }

        report.Add("resumes after", learner.ResumesAfter ?? 0);
        learner.Fit(new TensorBatches(x, y, 12) { Shuffle = true }, new TensorBatches(x, y, 30), epochs: 6);
        report.Add("bits", Models.Bits(model));
        foreach (var record in learner.History)
        {
            report.Add($"epoch {record.Epoch}", record.Values.Aggregate(string.Empty, (text, pair) => $"{text} {pair.Key} {pair.Value:R}"));
        }

        return 0;
    }

    private sealed class Kill : LearnerCallback
    {
        public override void BeforeStep(LearnerState state)
        {
            if (MpiWorld.Current.Rank == MpiWorld.Current.Size - 1 && (state.Epoch, state.BatchIndex) == (2, 3))
            {
                Process.GetCurrentProcess().Kill();
            }
        }
    }
}
