using TorchSharp;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

namespace Mixup.Samples.Study;

/// <summary>
/// Trains trials. Weights, images, wrong labels and batches depend on the seed alone, so they are the same for every strategy.
/// </summary>
public sealed class Trainer(ImageData data)
{
    public const int BatchSize = 100;
    public const double BaseRate = 0.05;

    /// <summary>The most points of a curve.</summary>
    public const int CurvePoints = 10;

    /// <summary>The number of test images for curves and for the adversarial accuracy.</summary>
    public const int ProbeSize = 1_000;

    /// <summary>
    /// The step of the fast gradient sign method (Goodfellow, Shlens and Szegedy 2015), for pixels from 0 to 1.
    /// </summary>
    public const double AdversarialStep = 8.0 / 255;

    private const int EvaluationBatch = 500;

    /// <summary>Trains a trial and measures its outcome.</summary>
    /// <param name="trial">The trial.</param>
    /// <param name="trained">Receives the number of images of each batch.</param>
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

    /// <summary>Makes the callbacks that the strategy of a trial registers on the learner.</summary>
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
    /// Makes the training batches of a trial: the first images in an order drawn by the seed, with wrong labels if the trial has them.
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
            data.TrainImages[chosen], tensor(classes, ScalarType.Int64, data.TrainImages.device), BatchSize)
        {
            Shuffle = true,
            Seed = (ulong)trial.Seed,
        };
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

    /// <summary>Measures the points of the curve and reports progress.</summary>
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
