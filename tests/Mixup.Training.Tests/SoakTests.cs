using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>
/// Many batches of random shapes, types, strategies and options, with faults thrown at random events. MIXUP_SOAK_STEPS says how many
/// batches; a long soak is 20,000.
/// </summary>
public sealed class SoakTests
{
    private static readonly int Steps = int.Parse(
        Environment.GetEnvironmentVariable("MIXUP_SOAK_STEPS") ?? "5000", System.Globalization.CultureInfo.InvariantCulture);
    private static readonly PairingRule[] Pairings =
    [
        Pairing.Permutation, Pairing.Halves, Pairing.Flip, Pairing.Roll, Pairing.WithinClass, Pairing.AcrossClasses,
        Pairing.SimilarInputs(x => cdist(x.flatten(1).to(ScalarType.Float32), x.flatten(1).to(ScalarType.Float32)), 3),
    ];

    private static readonly ScalarType[] Types = [ScalarType.Float32, ScalarType.Float64, ScalarType.BFloat16, ScalarType.Float16];

    [Fact]
    public void NothingLeaksNothingStaysHookedAndWeightsStayFinite()
    {
        var random = new Random(17);
        Subject[] subjects = [.. Types.SelectMany(dtype => new[] { Subject.Perceptron(dtype), Subject.Images(dtype) })];
        var (steps, faults, live, resident) = (0, 0, 0L, 0L);
        while (steps < Steps)
        {
            var subject = subjects[random.Next(subjects.Length)];
            var (batches, fault) = Round(subject, random);
            (steps, faults) = (steps + batches, faults + (fault ? 1 : 0));
            if (live == 0 && steps > Steps / 2)
            {
                (live, resident) = (Quiet(subjects), Resident());
            }
        }

        Assert.Equal(live, Quiet(subjects));
        Assert.InRange(Resident() - resident, long.MinValue, 96L << 20);
        Assert.InRange(faults, Steps / 40, Steps);
        TestContext.Current.TestOutputHelper?.WriteLine($"{steps} batches, {faults} faults, {live} live tensors, " +
            $"{(Resident() - resident) >> 20} MiB more than half-way");
        foreach (var subject in subjects)
        {
            subject.Dispose();
        }
    }

    /// <summary>Some batches of one subject under one strategy, perhaps cut short by a fault.</summary>
    private static (int Batches, bool Fault) Round(Subject subject, Random random)
    {
        using var scope = NewDisposeScope();
        var rows = random.Next(2, 14);
        var (x, y) = subject.Data(random, rows);
        var events = Recorder.AllEvents;
        var at = random.Next(3) == 0 ? events[random.Next(events.Length)] : null;
        var countdown = random.Next(3);
        var (batches, reached) = (0, false);
        var thrower = new Recorder(
            at,
            _ =>
            {
                if (countdown-- == 0)
                {
                    reached = true;
                    throw new InvalidOperationException("a fault");
                }
            },
            order: random.Next(-200, 200));
        var counter = new Recorder("AfterLoss", state => batches += state.IsTraining ? 1 : 0, order: 999, name: "counter");
        using var loss = new Modules.CrossEntropyLoss(null, -100, Reduction.Mean, random.Next(2) * 0.1);
        var learner = new Learner(
            subject.Model,
            loss,
            subject.Optimizer,
            metrics: [Metric.Accuracy()],
            callbacks: [new MixupCallback(Strategy(subject.Model, subject.HasImages, random)), thrower, counter]);
        Batch[] data = [.. Enumerable.Range(0, 3).Select(_ => new Batch(x, y))];
        try
        {
            learner.Fit(data, data[..1]);
        }
        catch (InvalidOperationException e) when (e.Message == "a fault")
        {
            Assert.True(reached);
        }

        Assert.Same(loss, learner.Loss);
        subject.AssertPlain(x);
        return (Math.Max(1, batches), reached);
    }

    private static MixupStrategy Strategy(Module model, bool images, Random random)
    {
        MixupOutputs[] choices = [MixupOutputs.Mixed, MixupOutputs.Mixed, MixupOutputs.Both, MixupOutputs.CleanAndMixed(0.5)];
        var kind = random.Next(3);
        var pairing = Pairings[random.Next(Pairings.Length)];
        var method = MethodFor(images, random);
        var outputs = choices[random.Next(method is ResizeMix ? 2 : 4)];
        var options = new MixupOptions
        {
            Method = method,
            Probability = random.Next(3) == 0 ? 0.5 : 1,
            Schedule = random.Next(3) == 0 ? Schedules.RampProbability(0, 1, epochs: 2) : null,
            Pairing = pairing,
            CoefficientPer = !pairing.MakesPairs ? CoefficientPer.Sample : (CoefficientPer)random.Next(3),
            TargetMixing = (TargetMixing)random.Next(3),
            Outputs = outputs,
            Seed = (ulong)random.Next(),
        };
        return kind switch
        {
            0 => new InputMixup(options) { OverwriteInput = outputs == MixupOutputs.Mixed && random.Next(3) == 0 },
            1 => new ManifoldMixup(model, options, ManifoldPlaces.Named("first", "second").WithInput()),
            _ => new OutputMixup(options),
        };
    }

    private static Method MethodFor(bool images, Random random)
    {
        var interpolation = new Interpolation(new[] { 0, 0.1, 0.4, 1, 8 }[random.Next(5)]) { Fold = random.Next(2) == 0 };
        Method[] methods =
        [
            new CutMix(), new ResizeMix(), new FMix(), new FMix { Softness = 0.3 }, new GridMix(), new SmoothMix(), new SaliencyMix(),
            new AttentiveMix(samples => samples.to(ScalarType.Float32).mean([1]), 3), new OneOf(new CutMix(), interpolation),
        ];
        return !images || random.Next(2) == 0 ? interpolation : methods[random.Next(methods.Length)];
    }

    private static long Quiet(Subject[] subjects)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.All(subjects, subject => subject.AssertFinite());
        return Some.LiveTensors;
    }

    private static long Resident()
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    /// <summary>A model of a type, with its optimizer.</summary>
    private sealed class Subject : IDisposable
    {
        private readonly bool images;
        private readonly ScalarType dtype;

        private Subject(Modules.Sequential model, bool images, ScalarType dtype)
        {
            (Model, this.images, this.dtype) = (model.to(dtype).to(Some.Device), images, dtype);
            Optimizer = optim.SGD(Model.parameters(), 1e-3);
        }

        public Modules.Sequential Model { get; }

        public optim.Optimizer Optimizer { get; }

        public bool HasImages => images;

        public static Subject Perceptron(ScalarType dtype) =>
            new(Sequential(("first", Linear(6, 8)), ("second", Tanh()), ("third", Linear(8, 3))), images: false, dtype);

        public static Subject Images(ScalarType dtype) =>
            new(
                Sequential(
                    ("first", Conv2d(2, 4, 3, padding: 1)),
                    ("second", Tanh()),
                    ("pool", AdaptiveAvgPool2d(1)),
                    ("flat", Flatten()),
                    ("third", Linear(4, 3))),
                images: true,
                dtype);

        public (Tensor X, Tensor Y) Data(Random random, int rows)
        {
            long[] shape = images ? [rows, 2, random.Next(3, 9), random.Next(3, 9)] : [rows, 6];
            return (Some.Normal(random.Next(), dtype, shape), Some.Classes(random.Next(), 3, rows));
        }

        public void AssertPlain(Tensor x)
        {
            using var noGrad = no_grad();
            Model.eval();
            Some.AssertClose(Model.call(x).narrow(0, 0, 1), Model.call(x.narrow(0, 0, 1)), 0.02,
                0.02); // mixed ones would depend on each other
            Model.train();
        }

        public void AssertFinite()
        {
            using var scope = NewDisposeScope();
            Assert.All(Model.parameters(), parameter => Assert.True(parameter.isfinite().all().cpu().ToBoolean()));
        }

        public void Dispose()
        {
            Optimizer.Dispose();
            Model.Dispose();
        }
    }
}
