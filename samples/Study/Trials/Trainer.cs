using TorchSharp;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

namespace Mixup.Samples.Study;

/// <summary>
/// Trains a trial. Weights, images, wrong labels and batches depend on its seed alone, so they are the same for every arm.
/// </summary>
public sealed class Trainer(StudyData data)
{
    public const int BatchSize = 100;
    public const double BaseRate = 0.05;

    /// <summary>How many points a curve has, at most.</summary>
    public const int CurvePoints = 10;

    /// <summary>How many test images a point of a curve, and the adversarial accuracy, is measured on.</summary>
    public const int ProbeSize = 1_000;

    /// <summary>
    /// How far a pixel is moved by the fast gradient sign method (Goodfellow, Shlens and Szegedy 2015), of a range from 0 to 1.
    /// </summary>
    public const double AdversarialStep = 8.0 / 255;

    private const int EvaluationBatch = 500;

    /// <summary>Trains, and measures.</summary>
    /// <param name="trial">What to train.</param>
    /// <param name="trained">Told of every batch: how many images.</param>
    public Outcome Run(Trial trial, Action<long> trained)
    {
        using var scope = NewDisposeScope();
        manual_seed(trial.Seed);
        using var model = new Network().to(data.TrainImages.device);
        using var loss = nn.CrossEntropyLoss();
        using var optimizer = optim.SGD(model.parameters(), BaseRate * trial.Rate, momentum: 0.9, weight_decay: 5e-4);
        var scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, trial.Epochs);
        var probe = new Probe(this, model, trial, trained);
        var learner = new Learner(model, loss, optimizer, scheduler, [], data.TrainImages.device, [probe, .. Callbacks(trial, model)]);
        learner.Fit(Training(trial), epochs: trial.Epochs);

        model.eval();
        var logits = Predict(model, data.TestImages);
        using var likelihood = nn.functional.cross_entropy(logits, data.TestClasses);
        var probabilities = logits.softmax(1);
        return new Outcome(
            trial,
            Accuracy(logits, data.TestClasses),
            likelihood.cpu().ToDouble(),
            Calibration.ExpectedError(probabilities, data.TestClasses),
            Accuracy(Predict(model, Attack(model, First(data.TestImages), First(data.TestClasses))), First(data.TestClasses)),
            probe.Curve,
            Calibration.Reliability(probabilities, data.TestClasses));
    }

    /// <summary>What the arm registers on the learner.</summary>
    public static IEnumerable<LearnerCallback> Callbacks(Trial trial, nn.Module model)
    {
        var options = new MixupOptions
        {
            Method = new Interpolation(trial.Alpha),
            Outputs = trial.TwoOutputs ? MixupOutputs.Both : MixupOutputs.Mixed,
            Seed = (ulong)trial.Seed
        };
        var places = trial.Place is "all" or "-"
            ? ManifoldPlaces.Named("blocks.block1", "blocks.block2").WithInput()
            : ManifoldPlaces.Named("blocks." + trial.Place);
        return Arms.Callbacks(trial.Arm, options, model, places);
    }

    /// <summary>
    /// The batches of a trial: the first images of an order that the seed gives, with wrong labels where it asks for them.
    /// </summary>
    public TensorBatches Training(Trial trial)
    {
        var random = new Random(trial.Seed);
        var order = Enumerable.Range(0, data.TrainSize).Select(i => (long)i).ToArray();
        random.Shuffle(order);
        var chosen = tensor(order[..trial.TrainSize], ScalarType.Int64, data.TrainImages.device);
        var classes = data.TrainClasses[chosen].cpu().data<long>().ToArray();
        Samples.Digits.Spoil(classes, trial.WrongLabels, random);
        return new TensorBatches(
            data.TrainImages[chosen], tensor(classes, ScalarType.Int64, data.TrainImages.device), BatchSize) { Shuffle = true, Seed = (ulong)trial.Seed };
    }

    private static Tensor First(Tensor tensor) => tensor.narrow(0, 0, Math.Min(ProbeSize, tensor.size(0)));

    private static double Accuracy(Tensor logits, Tensor classes) =>
        logits.argmax(1).eq(classes).to(ScalarType.Float64).mean().cpu().ToDouble();

    private static Tensor Predict(nn.Module<Tensor, Tensor> model, Tensor images)
    {
        using var noGrad = no_grad();
        return cat([.. images.split(EvaluationBatch).Select(model.call)]);
    }

    private static Tensor Attack(nn.Module<Tensor, Tensor> model, Tensor images, Tensor classes)
    {
        using var input = images.detach().clone().requires_grad_();
        using var loss = nn.functional.cross_entropy(model.call(input), classes);
        var gradient = autograd.grad([loss], [input])[0];
        return images.add(gradient.sign().mul(AdversarialStep)).clamp(0, 1);
    }

    /// <summary>Measures the accuracy now and then, and tells how far training is.</summary>
    private sealed class Probe(Trainer trainer, Network model, Trial trial, Action<long> trained) : LearnerCallback
    {
        private readonly List<double> curve = [];

        public IReadOnlyList<double> Curve => curve;

        public override void AfterBatch(LearnerState state)
        {
            if (state.IsTraining)
            {
                trained(state.Target.size(0));
            }
        }

        public override void AfterEpoch(LearnerState state)
        {
            var points = Math.Min(CurvePoints, trial.Epochs);
            if ((state.Epoch + 1) * points / trial.Epochs > curve.Count)
            {
                using var scope = NewDisposeScope();
                model.eval();
                curve.Add(Accuracy(Predict(model, First(trainer.TestImages)), First(trainer.TestClasses)));
                model.train();
            }
        }
    }

    private Tensor TestImages => data.TestImages;

    private Tensor TestClasses => data.TestClasses;
}
