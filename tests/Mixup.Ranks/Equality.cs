using TorchSharp.Mixup.Training;
using TorchSharp.Mixup.Training.Mpi;
using static TorchSharp.torch.nn;
using static TorchSharp.torch.optim;

namespace TorchSharp.Mixup.Ranks;

/// <summary>A way to train, for any number of processes.</summary>
/// <param name="Name">The name.</param>
/// <param name="Strategy">How to mix; null: not at all.</param>
/// <param name="Loss">The loss.</param>
/// <param name="Optimizer">The optimizer of a model.</param>
/// <param name="Callbacks">Further callbacks.</param>
/// <param name="Samples">The number of samples; the last batch of 12 is uneven.</param>
/// <param name="Ignored">Whether some ids are ignored.</param>
/// <param name="OneHot">Whether targets are rows of probabilities.</param>
/// <param name="IsDense">Whether every pixel has a class.</param>
/// <param name="Scheduler">The scheduler of the learning rate, and when it steps.</param>
/// <param name="Feed">How the ranks get their batches. One process gets them plain.</param>
/// <param name="Exchanges">Whether samples are exchanged among ranks, which no sum over all of them shows.</param>
internal sealed record Case(
    string Name,
    Func<Module, IMixupStrategy>? Strategy,
    Func<Loss<Tensor, Tensor, Tensor>> Loss,
    Func<Module, Optimizer> Optimizer,
    Func<IEnumerable<LearnerCallback>>? Callbacks = null,
    int Samples = 125,
    bool Ignored = false,
    bool OneHot = false,
    bool IsDense = false,
    Func<Optimizer, (lr_scheduler.LRScheduler? Scheduler, SchedulerInterval Interval)>? Scheduler = null,
    Feed Feed = Feed.Plain,
    bool Exchanges = false);

/// <summary>How ranks get their batches.</summary>
internal enum Feed
{
    /// <summary>As tensors of all samples.</summary>
    Plain,

    /// <summary>From a source of which nothing is known.</summary>
    Unknown,

    /// <summary>Made ahead on another thread.</summary>
    Prefetched,

    /// <summary>Sharded before the learner.</summary>
    Sharded,

    /// <summary>Each rank has its own, of another size than the others'.</summary>
    Own,

    /// <summary>Mixed in the loader.</summary>
    Mixed,

    /// <summary>Mixed in the loader, from shares of a source of which nothing is known.</summary>
    MixedShares,
}

/// <summary>
/// n ranks that share batches out end with the weights and figures of one process with whole batches, after 55 steps or more. The reference
/// knows nothing of ranks but the draws.
/// </summary>
internal static class Equality
{
    private const int Epochs = 5;

    public static int Run(string folder)
    {
        using var report = new Report(folder);
        var world = MpiWorld.Current;
        var trained = new List<(Case Case, Module<Tensor, Tensor> Model, IReadOnlyList<EpochRecord> History)>();
        foreach (var one in Cases())
        {
            var model = Create(one);
            if (world.Rank > 0)
            {
                Disturb(model); // rank 0 decides
            }

            var parallel = new DataParallel { ExchangeSamples = one.Exchanges };
            trained.Add((one, model, Train(one, model, [parallel], strategy => strategy(model), one.Feed)));
            report.Add($"bits of {one.Name}", Models.Bits(model));
        }

        for (var i = world.Rank; i < trained.Count; i += world.Size)
        {
            var (one, model, history) = trained[i];
            var reference = Create(one);
            var expected = Train(one, reference, [], strategy => new ReplayedRanks(world.Size, () => strategy(reference)), Feed.Plain);
            report.Add($"weights of {one.Name}", Models.Difference(model, reference));
            report.Add($"figures of {one.Name}", expected.Zip(history, Difference).Max());
            report.Add($"change of {one.Name}", Models.Difference(reference, Create(one)));
        }

        return 0;
    }

    private static Module<Tensor, Tensor> Create(Case one) => one.IsDense ? Models.Dense() : Models.Convolutional();

    private static IReadOnlyList<EpochRecord> Train(
        Case one,
        Module<Tensor, Tensor> model,
        LearnerCallback[] callbacks,
        Func<Func<Module, IMixupStrategy>, IMixupStrategy> strategy,
        Feed feed)
    {
        var (x, y) = Models.Data(one.Samples);
        var (xv, yv) = Models.Data(31);
        if (one.IsDense)
        {
            (y, yv) = (Pixels(x, y), Pixels(xv, yv));
        }

        if (one.Ignored)
        {
            y[TensorIndex.Slice(0, null, 3)] = -100;
            y[TensorIndex.Slice(0, 40)] = -100; // whole shares and whole batches, where the order is that of the data
            yv[TensorIndex.Slice(0, 11)] = -100;
        }

        if (one.OneHot)
        {
            Tensor OneHot(Tensor ids) => functional.one_hot(ids, Models.Classes).to(ScalarType.Float64);
            (y, yv) = (OneHot(y), OneHot(yv));
        }

        var mixup = one.Strategy is { } create ? strategy(create) : null;
        LearnerCallback[] mixing = mixup is null ? [] : [new MixupCallback(mixup)];
        Metric[] metrics = one.OneHot
            ? [Metric.MeanSquaredError()]
            : [Metric.Accuracy(), Metric.OfAll("in order", InOrder)];
        var optimizer = one.Optimizer(model);
        var (scheduler, interval) = one.Scheduler?.Invoke(optimizer) ?? (null, SchedulerInterval.Epoch);
        var learner = new Learner(
            model, one.Loss(), optimizer, scheduler, metrics,
            callbacks: [.. callbacks, .. mixing, .. one.Callbacks?.Invoke() ?? []])
        {
            SchedulerInterval = interval,
        };
        var (train, validation) = (new TensorBatches(x, y, 12) { Shuffle = !one.Ignored, Seed = 3 }, new TensorBatches(xv, yv, 7));
        var world = MpiWorld.Current;
        return feed switch
        {
            Feed.Unknown => learner.Fit(train.Select(batch => batch), validation.Select(batch => batch), Epochs),
            Feed.Prefetched => learner.Fit(train.Prefetch(2), validation.Prefetch(2), Epochs),
            Feed.Sharded => learner.Fit(world.Shard(train.Select(batch => batch)), world.Shard(validation), Epochs),
            Feed.Own => learner.Fit(Part(train, world).AsShard(), Part(validation, world).AsShard(), Epochs),
            Feed.Mixed => learner.Fit(mixup!.Mix(train).Prefetch(2), validation, Epochs),
            Feed.MixedShares => learner.Fit(mixup!.Mix(world.Shard(train.Select(batch => batch))), validation, Epochs),
            _ => learner.Fit(train, validation, Epochs),
        };
    }

    // One sample of each batch is on every rank but the last, which has the rest. A batch has three or more.
    private static IEnumerable<Batch> Part(IEnumerable<Batch> batches, MpiWorld world)
    {
        foreach (var batch in batches)
        {
            var (start, end) = (world.Rank, world.Rank == world.Size - 1 ? batch.Target.shape[0] : world.Rank + 1);
            yield return new Batch(batch.Inputs[0].narrow(0, start, end - start), batch.Target.narrow(0, start, end - start));
        }
    }

    // Depends on the order of the predictions.
    private static double InOrder(Tensor predictions, Tensor targets)
    {
        var count = predictions.shape[0];
        return predictions.flatten(1).sum(1).mul(targets.view(count, -1).sum(1)).dot(arange(count, ScalarType.Float64)).ToDouble();
    }

    private static Tensor Pixels(Tensor x, Tensor y) =>
        x[TensorIndex.Colon, 0].gt(0).to(ScalarType.Int64).add(y.view(-1, 1, 1)).remainder(Models.Classes);

    // Figures that are not numbers must be so in both.
    private static double Difference(EpochRecord one, EpochRecord other) => one.Values
        .Max(pair => (pair.Value, other[pair.Key]) switch
        {
            (double.NaN, double.NaN) => 0,
            var (a, b) => double.IsNaN(a - b) ? double.PositiveInfinity : Math.Abs(a - b) / Math.Max(1e-3, Math.Abs(a)),
        });

    private static void Disturb(Module model)
    {
        using var noGrad = no_grad();
        foreach (var parameter in model.parameters())
        {
            parameter.add_(1);
        }
    }

    private static IEnumerable<Case> Cases()
    {
        Func<Module, Optimizer> sgd = model => SGD(model.parameters(), 0.05, momentum: 0.9);
        Func<Loss<Tensor, Tensor, Tensor>> plain = () => CrossEntropyLoss();
        Func<Loss<Tensor, Tensor, Tensor>> weighted = () => CrossEntropyLoss(tensor(new[] { 1.0, 3, 0.5, 2, 0.1 }), ignore_index: -100);
        Func<Loss<Tensor, Tensor, Tensor>> sum = () => CrossEntropyLoss(reduction: Reduction.Sum);
        (MixupOutputs, string)[] allOutputs =
            [(MixupOutputs.Mixed, "mixed"), (MixupOutputs.Both, "both"), (MixupOutputs.CleanAndMixed(), "clean and mixed")];
        yield return new Case("no mixing", null, plain, sgd);
        foreach (var (method, methodName) in new (Method, string)[] { (new Interpolation(0.8), "interpolation"), (new CutMix(), "CutMix") })
        {
            var places = (method is CutMix ? ManifoldPlaces.Named("conv", "act") : ManifoldPlaces.Named("act", "hidden")).WithInput();
            foreach (var (outputs, outputsName) in allOutputs)
            {
                var options = new MixupOptions { Method = method, Outputs = outputs, Seed = 5 };
                yield return new Case($"input {methodName} {outputsName}", _ => new InputMixup(options), plain, sgd);
                yield return new Case(
                    $"manifold {methodName} {outputsName}", model => new ManifoldMixup(model, options, places), plain, sgd);
                yield return new Case($"output {methodName} {outputsName}", _ => new OutputMixup(options), plain, sgd);
            }
        }

        Func<Module, IMixupStrategy> input = _ => new InputMixup(new MixupOptions { Method = new Interpolation(0.8), Seed = 5 });
        Func<Module, IMixupStrategy> clean = _ => new InputMixup(new MixupOptions { Outputs = MixupOutputs.CleanAndMixed(), Seed = 5 });
        var two = new OneOf(new Interpolation(0.8), new CutMix());
        Func<Module, IMixupStrategy> oneOf =
            _ => new InputMixup(new MixupOptions { Method = two, CoefficientPer = CoefficientPer.Batch, Seed = 5 });
        yield return new Case("one of two methods", oneOf, plain, sgd);
        yield return new Case("a last batch of one sample", input, plain, sgd, Samples: 121);
        yield return new Case("a sum", input, sum, model => SGD(model.parameters(), 0.004));
        yield return new Case("class weights and ignored ids", input, weighted, sgd, Ignored: true);
        yield return new Case("class weights and ignored ids, not mixed", null, weighted, sgd, Ignored: true);
        yield return new Case("class weights and ignored ids, clean and mixed", clean, weighted, sgd, Ignored: true);
        yield return new Case("a class of weight 0", input, () => CrossEntropyLoss(weight: tensor(new[] { 0.0, 1, 0, 2, 0 })), sgd);
        yield return new Case("probabilities", input, () => BCEWithLogitsLoss(), model => SGD(model.parameters(), 0.5), OneHot: true);
        yield return new Case("accumulation", input, plain, sgd, () => [new GradientAccumulation(3)]);
        yield return new Case(
            "accumulation of class weights and ignored ids", input, weighted, sgd, () => [new GradientAccumulation(3)], Ignored: true);
        yield return new Case(
            "accumulation of sums", input, sum, model => SGD(model.parameters(), 0.002), () => [new GradientAccumulation(3)]);
        yield return new Case("clipping", input, plain, sgd, () => [new GradientClipping(0.05)]);
        yield return new Case(
            "accumulation and clipping",
            input,
            weighted,
            sgd,
            () => [new GradientAccumulation(2), new GradientClipping(0.05)],
            Ignored: true);
        foreach (var method in new Method[] { new Interpolation(0.8), new CutMix(), new FMix() })
        {
            var options = new MixupOptions { Method = method, Seed = 5, ExtentDimensions = 2 };
            yield return new Case(
                $"pixels under {method.GetType().Name}", _ => new InputMixup(options), weighted, sgd, Ignored: true, IsDense: true);
        }

        yield return new Case(
            "a plateau and early stopping",
            input,
            plain,
            model => SGD(model.parameters(), 0.5),
            () => [new EarlyStopping(2)],
            Scheduler: optimizer => (lr_scheduler.ReduceLROnPlateau(optimizer, factor: 0.5, patience: 0), SchedulerInterval.Epoch));
        yield return new Case(
            "a schedule of batches",
            input,
            plain,
            sgd,
            Scheduler: optimizer => (lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps: 55), SchedulerInterval.Batch));
        Func<IEnumerable<LearnerCallback>> half = () => [new Altering { Computed = (loss, _) => loss * 0.5 }];
        Func<IEnumerable<LearnerCallback>> around = () => [new Altering { Function = (loss, p) => loss + (0.1 * p.pow(2).mean()) }];
        Func<IEnumerable<LearnerCallback>> penalty = () => [new Altering { Computed = (loss, model) => loss + Altering.Penalty(model) }];
        Func<IEnumerable<LearnerCallback>> late = () => [new Altering { Late = (loss, model) => loss + Altering.Penalty(model) }];
        yield return new Case("clean and mixed, a loss that is scaled", clean, plain, sgd, half);
        yield return new Case("clean and mixed, a function around the loss", clean, plain, sgd, around);
        yield return new Case("clean and mixed, a penalty and a last batch of one sample", clean, plain, sgd, penalty, Samples: 121);
        yield return new Case("clean and mixed, a late penalty and ignored ids", clean, weighted, sgd, late, Ignored: true);
        yield return new Case("a penalty and a last batch of one sample", input, plain, sgd, penalty, Samples: 121);
        yield return new Case("a sum and a penalty", input, sum, model => SGD(model.parameters(), 0.004), penalty);
        yield return new Case("a sum that is scaled", input, sum, model => SGD(model.parameters(), 0.004), half, Samples: 121);
        foreach (var feed in new[] { Feed.Unknown, Feed.Prefetched, Feed.Sharded, Feed.Mixed, Feed.MixedShares })
        {
            yield return new Case($"batches that are {feed}", input, plain, sgd, Feed: feed);
        }

        yield return new Case("batches of one's own", null, weighted, sgd, Ignored: true, Feed: Feed.Own);
        yield return new Case("exchanged samples", null, weighted, sgd, Ignored: true, Exchanges: true);
        yield return new Case("exchanged samples of one's own", null, plain, sgd, Feed: Feed.Own, Exchanges: true);
        foreach (var (name, optimizer) in Optimizers())
        {
            yield return new Case($"optimizer {name}", input, plain, optimizer);
        }
    }

    // Every optimizer that a checkpoint knows.
    private static IEnumerable<(string Name, Func<Module, Optimizer> Make)> Optimizers() =>
    [
        ("SGD", model => SGD(model.parameters(), 0.05, momentum: 0.9, nesterov: true, weight_decay: 1e-3)),
        ("Adam", model => Adam(model.parameters(), 1e-2, amsgrad: true)),
        ("AdamW", model => AdamW(model.parameters(), 1e-2)),
        ("Adamax", model => Adamax(model.parameters(), 1e-2)),
        ("NAdam", model => NAdam(model.parameters(), 1e-2)),
        ("RAdam", model => RAdam(model.parameters(), 1e-2)),
        ("Adagrad", model => Adagrad(model.parameters(), 1e-2)),
        ("Adadelta", model => Adadelta(model.parameters(), 1)),
        ("RMSProp", model => RMSProp(model.parameters(), 1e-3, momentum: 0.5, centered: true)),
        ("Rprop", model => Rprop(model.parameters(), 1e-3)),
        ("ASGD", model => ASGD(model.parameters(), 1e-2)),
    ];
}
