using System.Diagnostics;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Training;
using TorchSharp.Mixup.Training.Mpi;
using static TorchSharp.torch;

namespace Mixup.Samples.Distributed;

/// <summary>Trains the network in all processes that mpirun started. One callback is all that a program needs for it.</summary>
public static class Trainer
{
    /// <summary>The samples of a batch, in all processes together.</summary>
    public const int BatchSize = 128;

    /// <summary>The learning rate of the first epoch. It falls along a cosine.</summary>
    public const double Rate = 2e-3;

    private const int EvaluationBatch = 500;

    /// <summary>Trains, and returns the figures, which are the same on all ranks but for their times.</summary>
    /// <param name="data">The data, the same on all ranks.</param>
    /// <param name="epochs">The number of epochs.</param>
    /// <param name="seed">The seed of weights, batches and mixing.</param>
    /// <param name="log">The file that the learner writes its figures to.</param>
    public static TrainingRun Run(ImageData data, int epochs, int seed, string log)
    {
        using var scope = NewDisposeScope();
        manual_seed(seed);
        using var model = new Network();
        using var loss = nn.CrossEntropyLoss();
        using var optimizer = optim.Adam(model.parameters(), Rate);
        var parallel = new DataParallel();
        var watch = new TrainingWatch();
        var learner = new Learner(
            model,
            loss,
            optimizer,
            optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs),
            [Metric.Accuracy()],
            callbacks:
            [
                parallel,
                new MixupCallback(new InputMixup(new MixupOptions { Seed = (ulong)seed })),
                new ProgressBar(),
                new CsvLog(log),
                watch,
            ]);
        var records = learner.Fit(
            new TensorBatches(data.TrainImages, data.TrainClasses, BatchSize) { Shuffle = true, Seed = (ulong)seed },
            new TensorBatches(data.TestImages, data.TestClasses, EvaluationBatch),
            epochs);
        return new TrainingRun(data.Name, parallel.Communicator.Size, get_num_threads(), seed, [.. records.Zip(watch.Seconds).Select(
            pair => new EpochFigures(
                pair.First.TrainLoss, pair.First.ValidationLoss!.Value, pair.First["validation_accuracy"], pair.First.Duration.TotalSeconds,
                data.TrainSize / pair.Second))]);
    }

    /// <summary>Times the training half of every epoch. All ranks end it together, so the time of one is that of all.</summary>
    private sealed class TrainingWatch : LearnerCallback
    {
        private readonly List<double> seconds = [];
        private long start;

        public IReadOnlyList<double> Seconds => seconds;

        public override void BeforeTrain(LearnerState state) => start = Stopwatch.GetTimestamp();

        public override void AfterTrain(LearnerState state) => seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
    }
}
