using System.Globalization;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>What the loop does together with the other ranks. Every function that waits for them begins with a meeting.</summary>
internal sealed class RankedTraining(Communicator world, LearnerState state)
{
    private IShardedSource? sharded; // the source gathers this rank's share itself
    private bool isWhole; // every rank reads whole batches
    private WholeBatch whole;
    private bool isScaled; // the loss is a sum that was scaled as it was computed
    private bool isDecided; // nothing can stop this batch any more
    private StopLevel announced; // what the other ranks know of a stop

    /// <summary>Gets whether the current batch has no sample for this rank, which runs one without counting it.</summary>
    public bool IsPadding { get; private set; }

    /// <summary>Gets whether the loss of this rank has no weight, and is a zero without a gradient unless a callback adds to it.</summary>
    public bool HasNoLoss { get; private set; }

    public Communicator World => world;

    /// <summary>Runs a fit. What this rank throws, it tells the others.</summary>
    public void Run(Action fit) => world.Together(fit);

    /// <summary>Prepares to share out the batches of a source.</summary>
    public void Begin(object batches)
    {
        object[] derivation = [.. BatchSource.Derivation(batches)];
        isWhole = false;
        sharded = derivation.OfType<IShardedSource>().FirstOrDefault();
        if (derivation.Any(one => one is OwnBatches))
        {
            sharded = null;
            return;
        }

        sharded?.SetShard(world.Rank, world.Size);
        isWhole = sharded is null;
    }

    /// <summary>Leaves a source as it was.</summary>
    public void End() => sharded?.SetShard(0, 1);

    /// <summary>Takes this rank's share of a batch.</summary>
    public (IReadOnlyList<Tensor> Inputs, Tensor Target) Share(Batch batch)
    {
        (IsPadding, HasNoLoss, isScaled, isDecided, whole) = (false, false, false, false, default);
        if (!isWhole && sharded is null)
        {
            return (batch.Inputs, batch.Target);
        }

        whole = isWhole ? Training.Share.Whole(batch) : sharded!.Whole(state.BatchIndex);
        var share = Training.Share.Of(whole.Samples, world.Rank, world.Size);
        IsPadding = share.IsPadding;
        return isWhole ? ([.. batch.Inputs.Select(share.Take)], share.Take(batch.Target)) : (batch.Inputs, batch.Target);
    }

    /// <summary>Shuffles the samples of the current batch over all ranks.</summary>
    public void ExchangeSamples()
    {
        if (state.Mixed is not null)
        {
            throw new InvalidOperationException(
                "The batch was mixed in the loader, before its samples could be exchanged. Give plain batches, or leave ExchangeSamples " +
                "off.");
        }

        using var noGrad = no_grad();
        Tensor[] own = [.. state.Inputs, state.Target];
        var shapes = new Fingerprint();
        foreach (var tensor in own)
        {
            shapes.Add((long)tensor.dtype);
            foreach (var size in tensor.shape.Skip(1))
            {
                shapes.Add(size);
            }
        }

        var all = Meet(new Meeting(MeetingPoint.Exchange, state.BatchIndex, shapes.Value, IsPadding ? 0 : state.Target.shape[0]));
        var place = new Fingerprint();
        place.Add(state.Epoch);
        place.Add(state.BatchIndex);
        var exchange = new SampleExchange(world, [.. all.Select(meeting => (int)meeting.Weight)], unchecked((int)place.Value));
        Tensor[] prepared = [.. own.Select(tensor => exchange.Prepare(IsPadding ? tensor.narrow(0, 0, 0) : tensor))];
        Meet(new Meeting(MeetingPoint.Exchange, state.BatchIndex));
        var exchanged = exchange.Apply(prepared, own);
        if (!IsPadding)
        {
            (state.Inputs, state.Target) = (exchanged[..^1], exchanged[^1]);
        }
    }

    /// <summary>
    /// Scales a loss that sums, so that the plain mean over ranks is the sum of all. A mean is scaled once its weights are known.
    /// </summary>
    public Tensor ScaleIfSum(Tensor loss)
    {
        if (state.LossReduction != nn.Reduction.Sum)
        {
            return loss;
        }

        isScaled = true;
        return IsPadding ? zeros_like(loss.detach()) : loss.Times(world.Size);
    }

    /// <summary>The part of a scaled sum that is this rank's.</summary>
    public Tensor PartOf(Tensor sum) => sum.Times(1.0 / world.Size);

    /// <summary>
    /// Agrees on the weights of the batch's loss, and scales a mean, so that the plain mean of all ranks' losses and gradients is that of
    /// the whole batch.
    /// </summary>
    public void MeetOnLoss()
    {
        var weights = state.LossWeights;
        double[] own = IsPadding ? [0, 0] : [weights[0].cpu().ToDouble(), weights[^1].cpu().ToDouble()];
        var all = Meet(new Meeting(MeetingPoint.Batch, state.BatchIndex, whole.Fingerprint, own[0], own[1]));
        isDecided = !state.IsTraining;
        var total = all.Sum(meeting => meeting.Weight);
        if (state.LossReduction == nn.Reduction.Sum)
        {
            HasNoLoss = IsPadding;
            state.BatchLoss = isScaled ? state.BatchLoss : ScaleIfSum(state.BatchLoss);
            state.LossWeight = tensor(own[0], ScalarType.Float64, state.BatchLoss.device);
            return;
        }

        var tolerance = state.Prediction.dtype == ScalarType.Float64 ? 1e-12 : 1e-6; // as of MixupLoss.WeightOf
        var areTwo = Array.Exists(all, one => Math.Abs(one.Weight - one.SecondWeight) > tolerance * Math.Max(one.Weight, one.SecondWeight));
        HasNoLoss = own[0] == 0 && total > 0;
        if (areTwo)
        {
            ScaleBoth(own, total, all.Sum(meeting => meeting.SecondWeight));
        }
        else if (HasNoLoss)
        {
            state.BatchLoss = zeros_like(state.BatchLoss.detach());
        }
        else if (total > 0)
        {
            state.BatchLoss = state.BatchLoss.Times(own[0] * world.Size / total); // else it is that of torch, not a number
        }

        state.LossWeight = tensor(total / world.Size, ScalarType.Float64, state.BatchLoss.device);
    }

    /// <summary>Agrees that the batch is used.</summary>
    public void MeetOnBackward() => Meet(new Meeting(MeetingPoint.Backward, state.BatchIndex));

    /// <summary>Gives all ranks the mean of their gradients.</summary>
    public void AverageGradients()
    {
        isDecided = false;
        var layout = world.Buckets.Lay(state.Learner.Optimizer.parameters());
        Meet(new Meeting(MeetingPoint.Gradients, state.BatchIndex, layout.Fingerprint));
        world.Buckets.Sum(layout, 1.0 / world.Size);
    }

    /// <summary>Agrees that the optimizer steps.</summary>
    public void MeetOnStep()
    {
        Meet(new Meeting(MeetingPoint.Step, state.BatchIndex));
        isDecided = true;
    }

    /// <summary>Gives all ranks the buffers of rank 0.</summary>
    public void ShareBuffers()
    {
        using var buffers = ModelState.OfBuffers(state.Learner.Model);
        Meet(new Meeting(MeetingPoint.Figures, state.BatchIndex));
        buffers.Broadcast(world);
    }

    /// <summary>Makes the figures of half an epoch those of all ranks.</summary>
    public void Combine(RunningMean loss, IReadOnlyCollection<IMetricTotal> metrics)
    {
        loss.Prepare();
        foreach (var metric in metrics)
        {
            metric.Prepare();
        }

        Meet(new Meeting(MeetingPoint.Figures, state.BatchIndex));
        loss.Combine(world);
        foreach (var metric in metrics)
        {
            metric.Combine(world);
        }
    }

    /// <summary>The sum of a number over all ranks.</summary>
    public double Sum(double value) =>
        Meet(new Meeting(MeetingPoint.Figures, state.BatchIndex, Weight: value)).Sum(meeting => meeting.Weight);

    /// <summary>Checks that all ranks are about to train the same, and gives them the model and the seed of rank 0.</summary>
    public void BeginFit()
    {
        var description = FitDescription.Of(state, state.Sources.Select(Describe));
        using var model = ModelState.Of(state.Learner.Model, state.Learner.Optimizer);
        Meet(new Meeting(MeetingPoint.FitStart));
        description.Compare(world);
        model.Broadcast(world);
        ShareDraws();
    }

    /// <summary>
    /// Agrees that an epoch begins, and goes on with the draws of rank 0: in an epoch that was stopped, some ranks may have begun one batch
    /// more.
    /// </summary>
    public void BeginEpoch()
    {
        Meet(new Meeting(MeetingPoint.EpochStart, state.Epoch));
        ShareDraws();
    }

    /// <summary>Agrees that an epoch is complete, and checks that all ranks have the same weights. Keeps their random states.</summary>
    public void EndEpoch()
    {
        using var model = ModelState.Of(state.Learner.Model, state.Learner.Optimizer);
        using var random = get_rng_state();
        var own = random.bytes.ToArray();
        Meet(new Meeting(MeetingPoint.EpochEnd, state.Epoch, model.Fingerprint()));
        var all = new byte[own.Length * world.Size];
        world.Gather(own, all);
        foreach (var callback in state.Learner.Callbacks.OfType<DataParallelCallback>())
        {
            callback.Keep([.. all.Chunk(own.Length)]);
        }
    }

    /// <summary>Ends a fit, and gives all ranks the model of rank 0, whose weights a checkpoint may have restored.</summary>
    public void EndFit()
    {
        using var model = ModelState.Of(state.Learner.Model, state.Learner.Optimizer);
        Meet(new Meeting(MeetingPoint.FitEnd), ignoresStops: true);
        model.Broadcast(world);
        world.Buckets.Release();
    }

    /// <summary>Tells the other ranks what a callback of this one stops.</summary>
    public void AnnounceStop()
    {
        // The others may be at the next batch already, where there is nothing left to stop of this one.
        if (state.Stopping <= announced || (state.Stopping == StopLevel.Batch && isDecided))
        {
            return;
        }

        announced = state.Stopping;
        announced = state.Stopping = Larger(state.Stopping, world.Meetings.AnnounceStop(state.Stopping));
    }

    /// <summary>The part of the loop that was stopped has ended.</summary>
    public void ForgetStop() => announced = StopLevel.None;

    /// <summary>Tells the other ranks that this one failed, unless they know.</summary>
    public void AnnounceFailure(Exception exception) => world.Meetings.AnnounceFailure(exception);

    // Class weights or ignored ids give the clean and the mixed rows different weights, so each mean has its own scale.
    private void ScaleBoth(double[] own, double first, double second)
    {
        if (state.MixedLoss is not { } mixed || !ReferenceEquals(mixed.Loss, state.BatchLoss))
        {
            throw new InvalidOperationException(
                "A callback changed a loss that is the sum of two means, of clean and of mixed rows, which divide by different numbers. " +
                "Ranks must scale each by its own. Change the loss in BeforeBackward, where it is scaled.");
        }

        double Scale(double weight, double total) => total > 0 ? weight * world.Size / total : 1;
        double[] scales = [Scale(own[0], first), Scale(own[1], second)];
        state.BatchLoss = mixed.Scaled([.. scales.Select(scale => tensor(scale, ScalarType.Float64, state.BatchLoss.device))]);
    }

    private void ShareDraws()
    {
        foreach (var callback in state.Learner.Callbacks.OfType<MixupCallback>())
        {
            StrategyState.Broadcast(callback.Strategy, world);
        }
    }

    private static StopLevel Larger(StopLevel one, StopLevel other) => (StopLevel)Math.Max((int)one, (int)other);

    private Meeting[] Meet(Meeting own, bool ignoresStops = false)
    {
        for (; ; )
        {
            var all = world.Meetings.Meet(own);
            var level = Meetings.Largest(all);
            if (level == StopLevel.None)
            {
                return all;
            }

            if (!ignoresStops && level >= state.Running)
            {
                announced = state.Stopping = Larger(state.Stopping, level);
                throw new StopException();
            }
        }
    }

    private static string Describe(object source)
    {
        object[] derivation = [.. BatchSource.Derivation(source)];
        var count = BatchSource.CountOf(source)?.ToString(CultureInfo.InvariantCulture) ?? "an unknown number of";
        var what = derivation.Any(one => one is OwnBatches) ? "of the rank's own"
            : derivation[^1] is TensorBatches batches ? batches.ToString()
            : derivation[^1].GetType().Name;
        return $"{what}, {count} batches";
    }
}
