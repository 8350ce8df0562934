using System.Globalization;
using Mixup.Samples;
using Mixup.Samples.Quickstart;
using TorchSharp;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Pictures;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

const int batchSize = 50;
const double learningRate = 0.02;

return SampleCommand.Run(
    args,
    "Trains a small network on 1,797 real hand-written digits, without mixup and with input, manifold and output mixup: with clean " +
    "labels, and with 40% of the training labels wrong.",
    new SampleDefaults(Epochs: 40, QuickEpochs: 3, Seeds: 3, Digits.MostTraining, Arms.All, HasNoise: true, HasMethods: true),
    Run);

static int Run(SampleOptions options)
{
    var alpha = options.Recipe is null ? options.Alpha ?? 1 : (double?)null;
    var suffix = (options.Recipe ?? options.Method) is var name and not "interpolation" ? ", " + name : string.Empty;
    List<Setting> settings = options.Noise is null && options.TrainSize is null
        ? [
            new("clean labels" + suffix, alpha, 0, 200),
            new(
                "40% wrong labels" + suffix,
                options.Recipe is null ? options.Alpha ?? (options.Method == "interpolation" ? 8 : 1) : null,
                0.4,
                1_000)
        ]
        : [
            new(
                string.Create(CultureInfo.InvariantCulture, $"{options.Noise ?? 0:0%} wrong labels") + suffix,
                alpha,
                options.Noise ?? 0,
                options.TrainSize ?? 1_000)
        ];
    var experiment = new Experiment(settings, Classification.Columns, "test accuracy, %");
    var code = experiment.Execute(options, (run, tick) => Train(run, options, tick));
    DrawMixedBatch(Path.Combine(options.Out, "mixed-batch.png"), Mixing.OptionsFor(options, settings[0].Alpha));
    Experiment.SayWhere(options, "curves.png", "mixed-batch.png", "results.csv");
    return code;
}

// Weights, batches and wrong labels depend on the seed alone, so they are the same for every strategy.
static Result Train(Run run, SampleOptions options, LearnerCallback tick)
{
    using var scope = NewDisposeScope();
    var digits = Digits.Load(run.Seed, run.Setting.TrainSize, run.Setting.Noise, options.Device);
    manual_seed(run.Seed);
    using var model = new Network().to(options.Device);
    using var loss = nn.CrossEntropyLoss();
    using var optimizer = optim.SGD(model.parameters(), learningRate, momentum: 0.9, weight_decay: 5e-4);
    var scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, options.Epochs);
    var mixing = Mixing.OptionsFor(options, run.Setting.Alpha) with { Seed = (ulong)run.Seed };
    var mixed = Arms.Callbacks(run.Arm, mixing, model, loss: Mixing.RecipeOf(options)?.MakeLoss());
    var learner = new Learner(model, loss, optimizer, scheduler, [Metric.Accuracy()], options.Device, [tick, .. mixed]);
    var records = learner.Fit(
        new TensorBatches(digits.TrainImages, digits.TrainClasses, batchSize) { Shuffle = true, Seed = (ulong)run.Seed },
        new TensorBatches(digits.TestImages, digits.TestClasses, 600),
        options.Epochs);

    model.eval();
    using var noGrad = no_grad();
    return Classification.ToResult(run, records, model.call(digits.TestImages), digits.TestClasses);
}

static void DrawMixedBatch(string path, MixupOptions mixing)
{
    using var scope = NewDisposeScope();
    var digits = Digits.Load(0, 12, 0, CPU);
    using var step = new InputMixup(mixing with { Seed = 1 }).Begin(digits.TrainImages, digits.TrainClasses);
    string[] labels = [.. digits.TrainClasses.data<long>().ToArray().Select(digit => digit.ToString(CultureInfo.InvariantCulture))];
    var note = mixing.Method is Interpolation { Fold: true }
        ? "λ is the weight of the sample, drawn from Beta(α, α) and folded to at least 0.5."
        : "λ is the weight of the sample.";
    step.Draw.Mix.Picture(digits.TrainImages, labels, options: new PictureOptions { Title = "A mixed batch", Note = note }).SavePng(path);
}
