using System.Diagnostics;
using TorchSharp.Mixup.Training;
using TorchSharp.Mixup.Training.Mpi;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Ranks;

/// <summary>What happens if one rank does something else than the others.</summary>
internal static class Faults
{
    private static readonly MpiWorld World = MpiWorld.Current;

    private static bool IsOdd => World.Rank == World.Size - 1;

    /// <summary>Runs one fault that ends the program, or one after the other all that can be caught.</summary>
    public static int Run(string folder, string fault)
    {
        using var report = new Report(folder);
        switch (fault)
        {
            case "all":
                foreach (var (name, run) in Caught(folder))
                {
                    report.Add(name, Outcome(run));
                }

                return 0;
            case "one":
                report.Add(fault, Outcome(() => Fit()));
                return 0;
            case "leave":
                if (!IsOdd)
                {
                    report.Add(fault, Outcome(() => Fit()));
                }

                return 0;
            case "unhandled":
                return IsOdd ? throw new InvalidOperationException("nobody catches this") : Fit().Length;
            case "kill":
                return Fit(callbacks: [new At(2, 3, _ => Process.GetCurrentProcess().Kill())]).Length;
            case "failed fit":
                return Fit(callbacks: [new At(2, 3, _ => Throw("the forward pass failed"))]).Length;
            default:
                throw new ArgumentException($"There is no fault '{fault}'.");
        }
    }

    private static IEnumerable<(string Name, Func<string> Run)> Caught(string folder)
    {
        var broken = new Metric("broken", (p, t) => IsOdd ? Throw<Tensor>("the metric failed") : p.sum(1));
        var brokenOfAll = Metric.OfAll("broken", (p, t) => IsOdd ? Throw<double>("the metric failed") : 1);
        yield return ("no fault", () => Fit());
        yield return ("a callback throws", () => Fit(callbacks: [new At(1, 2, _ => Throw("the callback failed"))]));
        yield return ("the loader throws", () => Fit(train: batches => Broken(batches, IsOdd)));
        yield return ("a loader with a worker throws", () => Fit(train: batches => Broken(batches, IsOdd).Prefetch(2)));
        yield return ("a metric throws", () => Fit(metrics: [broken]));
        yield return ("a metric of all throws", () => Fit(metrics: [brokenOfAll]));
        yield return ("the end of the fit throws", () => Fit(callbacks: [new AtEnd()]));
        yield return ("the checkpoint cannot be written", () =>
        {
            var file = Path.Combine(folder, "a file");
            File.WriteAllText(file, string.Empty);
            return Fit(callbacks: [new ModelCheckpoint(file)]);
        }
        );
        yield return ("a token is cancelled", () =>
        {
            using var source = new CancellationTokenSource();
            return Fit(callbacks: [new At(1, 2, _ => source.Cancel())], token: source.Token);
        }
        );
        foreach (var (moment, raise) in new (string, Func<int, Action<LearnerState>, LearnerCallback>)[]
        {
            ("before the batch", (epoch, stop) => new At(epoch, 2, stop)),
            ("after the backward pass", (epoch, stop) => new At(epoch, 2, stop) { AfterBackwardInstead = true }),
            ("before the step", (epoch, stop) => new At(epoch, 2, stop) { BeforeStepInstead = true }),
            ("after the step", (epoch, stop) => new At(epoch, 2, stop) { AfterStepInstead = true }),
            ("in validation", (epoch, stop) => new At(epoch, 1, stop) { InValidation = true }),
            ("after the epoch", (epoch, stop) => new At(epoch, 0, stop) { AfterEpochInstead = true }),
        })
        {
            if (moment != "after the epoch")
            {
                yield return ($"a batch is stopped {moment}", () => Fit(callbacks: [raise(1, state => state.StopBatch())]));
            }

            yield return ($"an epoch is stopped {moment}", () => Fit(callbacks: [raise(1, state => state.StopEpoch())]));
            yield return ($"a fit is stopped {moment}", () => Fit(callbacks: [raise(1, state => state.StopFit())]));
        }

        yield return (
            "the last epoch is stopped after it",
            () => Fit(callbacks: [new At(2, 0, state => state.StopFit()) { AfterEpochInstead = true }]));
        yield return ("steps are postponed on all ranks", () => Fit(callbacks: [new GradientAccumulation(2)]));
        yield return ("another model", () => Fit(model: IsOdd ? Sequential(("flatten", Flatten()), ("head", Linear(72, 5))) : null));
        yield return ("another type", () => Fit(model: IsOdd ? Models.Convolutional(type: ScalarType.Float32) : null));
        yield return ("another number of batches", () => Fit(samples: IsOdd ? 40 : 60));
        yield return (
            "another number of batches of a source that cannot tell",
            () => Fit(train: batches => batches.Take(IsOdd ? 3 : 4).Where(_ => true)));
        yield return ("other mixup options", () => Fit(strategy: new InputMixup(IsOdd ? 0.3 : 0.4)));
        yield return ("other seeds of mixup are one", () => Fit(strategy: new InputMixup()));
        yield return ("another learning rate", () => Fit(rate: IsOdd ? 0.2 : 0.1));
        yield return ("another number of epochs", () => Fit(epochs: IsOdd ? 4 : 3));
        yield return ("another loss", () => Fit(loss: CrossEntropyLoss(reduction: IsOdd ? Reduction.Sum : Reduction.Mean)));
        yield return ("another seed of the batches", () => Fit(seed: IsOdd ? 2u : 1u));
        yield return ("another order of the batches", () => Fit(train: _ => InOrder(IsOdd ? [1, 0, 2] : [0, 1, 2])));
        yield return ("another callback", () => Fit(callbacks: IsOdd ? [new GradientClipping(1)] : [new EarlyStopping()]));
        yield return ("weights that drift", () => Fit(callbacks: [new At(1, 2, state =>
        {
            using var noGrad = no_grad();
            state.Learner.Model.parameters().First().mul_(1.001);
        })]));
        yield return ("another function", () =>
        {
            if (IsOdd)
            {
                World.Broadcast(Models.Convolutional());
                return string.Empty;
            }

            return Fit();
        }
        );
        yield return (
            "evaluation on one rank alone",
            () => Fit(callbacks: [new At(1, 0, state => state.Learner.Evaluate(Data(20, 1))) { AfterEpochInstead = true }]));
        yield return ("evaluation of the training batches after the training half", () =>
        {
            var data = Data(60, 1);
            var losses = new List<double>();
            Fit(train: _ => data, callbacks: [new AfterTraining(state => losses.Add(state.Learner.Evaluate(data).Loss))]);
            return string.Join(' ', losses);
        }
        );
        yield return ("exchanged samples of other shapes", () =>
        {
            var model = Sequential(("pool", AdaptiveAvgPool1d(4)), ("flatten", Flatten()), ("head", Linear(4, 5))).to(ScalarType.Float64);
            var parallel = new DataParallel { ExchangeSamples = true };
            var learner = new Learner(model, CrossEntropyLoss(), optim.SGD(model.parameters(), 0.1), callbacks: [parallel]);
            var batch = new Batch(ones(4, 1, IsOdd ? 9 : 8, dtype: ScalarType.Float64), zeros(4, ScalarType.Int64));
            return $"{learner.Fit(new[] { batch }.AsShard()).Count}";
        }
        );
        yield return ("a nested fit fails on all ranks, and a callback catches it", () => Fit(callbacks: [new AfterTraining(_ =>
        {
            try
            {
                Fit(callbacks: [new AfterTraining(_ => throw new ArithmeticException("the inner fit failed"))]);
            }
            catch (ArithmeticException)
            {
            }
        })]));
        yield return ("a step that one rank leaves out", Steps);
        yield return ("no fault at the end", () => Fit());
    }

    private static string Outcome(Func<string> run)
    {
        try
        {
            return run();
        }
        catch (Exception e)
        {
            return $"{e.GetType().Name}: {e.Message}";
        }
    }

    private static void Throw(string message) => throw new InvalidOperationException(message);

    private static T Throw<T>(string message) => throw new ArithmeticException(message);
    // The mean gradients of three steps; the gradient is the number of the step. The last rank leaves the second step out, as a program
    // that skips a batch whose loss is not a number.
    private static string Steps()
    {
        using var weight = new Modules.Parameter(zeros(1, ScalarType.Float64));
        return string.Join(", ", Enumerable.Range(0, 3).Select(step => Outcome(() =>
        {
            weight.grad = full(1, step, ScalarType.Float64);
            World.AverageGradients([weight], IsOdd && step == 1 ? double.NaN : 1);
            return $"step {step}: {weight.grad!.item<double>()}";
        })));
    }

    private static TensorBatches Data(int samples, ulong seed)
    {
        var (x, y) = Models.Data(samples);
        return new TensorBatches(x, y, 12) { Shuffle = true, Seed = seed };
    }

    private static IEnumerable<Batch> InOrder(int[] order)
    {
        var (x, y) = Models.Data(36);
        foreach (var part in order)
        {
            yield return new Batch(x.narrow(0, 12 * part, 12), y.narrow(0, 12 * part, 12));
        }
    }

    private static IEnumerable<Batch> Broken(IEnumerable<Batch> batches, bool breaks)
    {
        foreach (var batch in batches.Take(breaks ? 2 : int.MaxValue))
        {
            yield return batch;
        }

        if (breaks)
        {
            throw new IOException("the disk failed");
        }
    }

    /// <summary>
    /// Trains, and returns the number of completed epochs and a hash of the weights, by which the test sees that all ranks have the same.
    /// </summary>
    private static string Fit(
        Module<Tensor, Tensor>? model = null, int epochs = 3, int samples = 60, ulong seed = 1, double rate = 0.1,
        Func<IEnumerable<Batch>, IEnumerable<Batch>>? train = null, IMixupStrategy? strategy = null,
        Loss<Tensor, Tensor, Tensor>? loss = null, LearnerCallback[]? callbacks = null, Metric[]? metrics = null,
        CancellationToken token = default)
    {
        model ??= Models.Convolutional();
        var learner = new Learner(
            model, loss ?? CrossEntropyLoss(), optim.SGD(model.parameters(), rate, momentum: 0.5), metrics: metrics ?? [Metric.Accuracy()],
            callbacks:
            [
                new DataParallel(), new MixupCallback(strategy ?? new InputMixup(new MixupOptions { Seed = 1 })), .. callbacks ?? [],
            ]);
        var data = Data(samples, seed);
        var records = learner.Fit(train?.Invoke(data) ?? data, Data(20, 1), epochs, token);
        return $"{records.Count} epochs, {Models.Bits(model)[..16]}";
    }

    /// <summary>Does something on the last rank at one moment.</summary>
    private sealed class At(int epoch, int batch, Action<LearnerState> act) : LearnerCallback
    {
        public bool AfterBackwardInstead { get; init; }

        public bool BeforeStepInstead { get; init; }

        public bool AfterStepInstead { get; init; }

        public bool InValidation { get; init; }

        public bool AfterEpochInstead { get; init; }

        private bool IsElsewhere => AfterBackwardInstead || BeforeStepInstead || AfterStepInstead || AfterEpochInstead;

        public override void BeforeBatch(LearnerState state) => Act(state, !IsElsewhere && state.IsTraining != InValidation);

        public override void AfterBackward(LearnerState state) => Act(state, AfterBackwardInstead);

        public override void BeforeStep(LearnerState state) => Act(state, BeforeStepInstead);

        public override void AfterStep(LearnerState state) => Act(state, AfterStepInstead);

        public override void AfterEpoch(LearnerState state)
        {
            if (AfterEpochInstead && IsOdd && state.Epoch == epoch)
            {
                act(state);
            }
        }

        private void Act(LearnerState state, bool isHere)
        {
            if (isHere && IsOdd && (state.Epoch, state.BatchIndex) == (epoch, batch))
            {
                act(state);
            }
        }
    }

    /// <summary>Does something after every training half, on all ranks.</summary>
    private sealed class AfterTraining(Action<LearnerState> act) : LearnerCallback
    {
        public override void AfterTrain(LearnerState state) => act(state);
    }

    private sealed class AtEnd : LearnerCallback
    {
        public override void AfterFit(LearnerState state)
        {
            if (IsOdd)
            {
                throw new InvalidOperationException("the end failed");
            }
        }
    }
}
