using TorchSharp.Mixup.Training;
using TorchSharp.Mixup.Training.Mpi;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Ranks;

/// <summary>The calls of a loop of one's own.</summary>
internal static class Primitives
{
    public static int Run(string folder)
    {
        using var report = new Report(folder);
        var world = MpiWorld.Current;
        report.Add("world", world);
        report.Add("broadcast", Broadcast(world));
        foreach (var type in new[] { ScalarType.Float64, ScalarType.Float32, ScalarType.Float16, ScalarType.BFloat16 })
        {
            report.Add($"average in {type}", Average(world, type));
        }

        foreach (var type in new[] { ScalarType.Float16, ScalarType.BFloat16 })
        {
            report.Add($"rounding in {type}", Rounding(world, type));
        }

        report.Add("missing gradients", Missing(world));
        report.Add("many buckets", Buckets(world));
        report.Add("shards", Shards(world));
        report.Add("own loop", OwnLoop(world));
        report.Add("strategy", Strategy(world));
        report.Add("exchange", Exchange(world));
        report.Add("own", Own(world));
        return 0;
    }

    private static bool Broadcast(MpiWorld world)
    {
        manual_seed(world.Rank);
        var model = Sequential(Conv2d(1, 3, 3), BatchNorm2d(3));
        ((BatchNorm2d)model[1]).running_mean!.fill_(world.Rank);
        world.Broadcast(model);
        manual_seed(0);
        var expected = Sequential(Conv2d(1, 3, 3), BatchNorm2d(3));
        return Models.Bits(model) == Models.Bits(expected);
    }

    // Halves: of integers, so that every sum is exact.
    private static double Average(MpiWorld world, ScalarType type)
    {
        var parameters = Parameters(type, 3, 1000, 7);
        foreach (var parameter in parameters)
        {
            parameter.grad = arange(parameter.numel(), ScalarType.Float64).remainder(50).add(10 * world.Rank).mul(world.Size).to(type);
        }

        world.AverageGradients(parameters);
        var mean = 10 * (world.Size - 1) / 2.0;
        return parameters.Max(parameter => parameter.grad!.to(ScalarType.Float64)
            .sub(arange(parameter.numel(), ScalarType.Float64).remainder(50).add(mean).mul(world.Size)).abs().max().item<double>());
    }

    // The largest error relative to the sum of magnitudes; and whether what is no number or infinite stays so.
    private static string Rounding(MpiWorld world, ScalarType type)
    {
        Tensor Values(int rank)
        {
            using var generator = new Generator((ulong)rank);
            var values = randn([5000], ScalarType.Float64, generator: generator).to(type);
            values[TensorIndex.Slice(0, 2)] = rank == 1 ? double.PositiveInfinity : 1;
            values[TensorIndex.Single(2)] = rank == 1 ? double.NaN : 1;
            return values;
        }

        var parameter = Parameters(type, 5000)[0];
        parameter.grad = Values(world.Rank);
        world.AverageGradients([parameter]);
        var all = Enumerable.Range(0, world.Size).Select(rank => Values(rank).to(ScalarType.Float64)).ToArray();
        var mean = all.Aggregate((sum, values) => sum + values) / world.Size;
        var magnitude = all.Select(values => values.abs()).Aggregate((sum, values) => sum + values) / world.Size;
        var error = (parameter.grad!.to(ScalarType.Float64) - mean).abs().div(magnitude)[TensorIndex.Slice(3)].max().ToDouble();
        var special = parameter.grad.to(ScalarType.Float32)[TensorIndex.Slice(0, 3)].data<float>().ToArray();
        return $"{error} {string.Join(' ', special)}";
    }

    private static string Missing(MpiWorld world)
    {
        var parameters = Parameters(ScalarType.Float64, 2, 3, 4);
        if (world.Rank == 1)
        {
            parameters[0].grad = ones(2, ScalarType.Float64);
        }

        parameters[1].grad = ones(3, ScalarType.Float64).mul(world.Rank == 0 ? double.NaN : 2);
        world.AverageGradients(parameters, weight: world.Rank == 0 ? 0 : 5); // those of rank 0 are not read
        double Sum(int i) => parameters[i].grad!.sum().item<double>();
        return $"{Sum(0) * (world.Size - 1)} {Sum(1)} {parameters[2].grad is null}";
    }

    private static double Buckets(MpiWorld world)
    {
        var parameters = Parameters(ScalarType.Float32, 3_000_000, 5, 2_000_000, 6_000_000, 1);
        foreach (var parameter in parameters)
        {
            parameter.grad = arange(parameter.numel(), ScalarType.Float32).remainder(1000).add(world.Rank);
        }

        world.AverageGradients(parameters);
        return parameters.Max(parameter => parameter.grad!
            .sub(arange(parameter.numel(), ScalarType.Float32).remainder(1000)).sub((world.Size - 1) / 2.0f).abs().max().item<float>());
    }

    private static string Shards(MpiWorld world)
    {
        var x = arange(10, ScalarType.Float64).unsqueeze(1);
        var pairs = new[] { (x, x.squeeze(1)), (x.narrow(0, 0, 6), x.narrow(0, 0, 6).squeeze(1)) };
        var shares = world.Shard(pairs).Select(pair => string.Join(",", pair.Target.data<double>().ToArray()));
        var three = new[] { (x.narrow(0, 0, 3), x.narrow(0, 0, 3)) };
        string Refused()
        {
            try
            {
                return $"{world.Shard(three).Count()}";
            }
            catch (InvalidOperationException e)
            {
                return e.Message[..46];
            }
        }

        return $"{string.Join(" ", shares)} {Refused()}";
    }

    private static double OwnLoop(MpiWorld world)
    {
        var (x, y) = Models.Data(60);
        y[TensorIndex.Slice(0, null, 4)] = -100;
        var batches = new TensorBatches(x, y, 12);
        Module<Tensor, Tensor> Train(
            Func<IEnumerable<Batch>, IEnumerable<Batch>> shard, Func<Module, IMixupStrategy> create, Action<Module, Tensor> average)
        {
            var model = Models.Convolutional();
            var mixup = create(model);
            var loss = new MixupLoss(CrossEntropyLoss(weight: tensor(new[] { 1.0, 3, 0.5, 2, 0.1 })));
            var optimizer = optim.SGD(model.parameters(), 0.1);
            for (var epoch = 0; epoch < 10; epoch++)
            {
                foreach (var batch in shard(batches))
                {
                    using var scope = NewDisposeScope();
                    using var step = mixup.Begin(batch.Inputs, batch.Target);
                    var prediction = model.call(step.Inputs[0]);
                    optimizer.zero_grad();
                    loss.call(prediction, step.Target).backward();
                    average(model, loss.WeightOf(prediction, step.Target));
                    optimizer.step();
                }
            }

            return model;
        }

        IMixupStrategy Mixup(int seed) => new InputMixup(new MixupOptions { Method = new Interpolation(0.8), Seed = (ulong)seed });
        var own = Train(
            world.Shard,
            _ =>
            {
                var strategy = Mixup(seed: world.Rank); // that of rank 0 counts
                world.Broadcast(strategy);
                return strategy;
            },
            (model, weight) => world.AverageGradients(model.parameters(), weight));
        var whole = Train(all => all, _ => new ReplayedRanks(world.Size, () => Mixup(seed: 0)), (_, _) => { });
        return Models.Difference(own, whole);
    }

    private static string Strategy(MpiWorld world)
    {
        var mixup = new InputMixup();
        world.Broadcast(mixup);
        return $"{mixup.State.Seed} {mixup.Rank == world.Rank}";
    }

    /// <summary>
    /// Rank r has samples of class r alone. After an exchange each rank sees several classes, all samples are still there, inputs go with
    /// their targets, and partners come from other ranks.
    /// </summary>
    private static string Exchange(MpiWorld world)
    {
        var model = Models.Convolutional();
        var y = full(60, world.Rank, ScalarType.Int64);
        var x = arange(60, ScalarType.Float64).add(60 * world.Rank).view(60, 1, 1, 1).expand(60, 2, 6, 6).contiguous();
        var seen = new List<(long Class, double Sample)>();
        var crossing = 0;
        var watch = new Watch(state =>
        {
            var classes = state.Target.data<long>().ToArray();
            seen.AddRange(classes.Zip(state.Inputs[0][.., 0, 0, 0].data<double>().ToArray()));
        });
        var mixing = new MixupCallback(new InputMixup(new MixupOptions { Seed = 1 }));
        var partners = new Watch(state =>
        {
            var classes = state.Target.data<long>().ToArray();
            crossing += mixing.Step!.Draw.Mix.Partners.Select((partner, i) => classes[partner] != classes[i] ? 1 : 0).Sum();
        })
        { Order = 20 };
        var parallel = new DataParallel { ExchangeSamples = true };
        var optimizer = optim.SGD(model.parameters(), 1e-4);
        var learner = new Learner(model, CrossEntropyLoss(), optimizer, callbacks: [parallel, watch, mixing, partners]);
        learner.Fit(new TensorBatches(x, y, 10).AsShard());
        return $"{string.Join(",", seen.Select(pair => pair.Sample))} {seen.All(pair => (int)(pair.Sample / 60) == pair.Class)} " +
            $"{seen.Select(pair => pair.Class).Distinct().Count()} {crossing > 10}";
    }

    // Ranks whose own data differ in size, but not in their number of batches, train; and a loop gets them whole.
    private static string Own(MpiWorld world)
    {
        var (x, y) = Models.Data(40 - (4 * world.Rank));
        var own = new TensorBatches(x, y, 10).AsShard();
        var model = Models.Convolutional();
        var learner = new Learner(model, CrossEntropyLoss(), optim.SGD(model.parameters(), 0.1), callbacks: [new DataParallel()]);
        return $"{learner.Fit(own).Count} {world.Shard(own).Sum(batch => batch.Target.shape[0])}";
    }

    private sealed class Watch(Action<LearnerState> look) : LearnerCallback
    {
        public override void BeforeBatch(LearnerState state) => look(state);
    }

    private static Parameter[] Parameters(ScalarType type, params long[] sizes) => [.. sizes.Select(size => Parameter(zeros(size, type)))];
}
