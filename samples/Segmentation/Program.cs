using System.Globalization;
using Mixup.Samples;
using Mixup.Samples.Segmentation;
using TorchSharp;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Pictures;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

const int batchSize = 20;
const int testScenes = 200;

// The accuracy on pixels of digits. Background and ignored pixels do not count.
var digitPixels = Metric.Accuracy().Named("digit_accuracy").WeightedBy(target => target.ne(Scenes.Ignored).logical_and(target.ne(0)));

return SampleCommand.Run(
    args,
    "Finds and reads digits in scenes composed of real digits, pixel by pixel, with a small U-Net. The borders of digits are ignored.",
    new SampleDefaults(Epochs: 24, QuickEpochs: 3, Seeds: 2, 2_000, Arms.All),
    options =>
    {
        var experiment = new Experiment(
            [new("scenes of digits", options.Alpha ?? Interpolation.DefaultAlpha, 0, options.TrainSize ?? 200)],
            [
                new(
                    "digit_accuracy",
                    "digit pixels read %",
                    value => (100 * value).ToString("0.0", CultureInfo.InvariantCulture),
                    WithSpread: true),
                new("loss", "test loss", value => value.ToString("0.000", CultureInfo.InvariantCulture)),
                new("seconds", "seconds/run", value => value.ToString("0.0", CultureInfo.InvariantCulture)),
            ],
            "digit pixels read, %");
        var code = experiment.Execute(options, (run, tick) => Train(run, options, tick, digitPixels));
        Experiment.SayWhere(options, options.Redraw ? ["curves.png"] : ["scenes.png", "curves.png", "results.csv"]);
        return code;
    });

static Result Train(Run run, SampleOptions options, LearnerCallback tick, Metric digitPixels)
{
    using var scope = NewDisposeScope();
    var digits = Digits.Load(run.Seed, Digits.MostTraining, 0, CPU);
    var train = Scenes.Compose(digits.TrainImages, digits.TrainClasses, run.Setting.TrainSize, run.Seed, options.Device);
    var test = Scenes.Compose(digits.TestImages, digits.TestClasses, testScenes, run.Seed, options.Device);
    manual_seed(run.Seed);
    using var model = new UNet().to(options.Device);
    using var loss = nn.CrossEntropyLoss(ignore_index: Scenes.Ignored);
    using var optimizer = optim.AdamW(model.parameters(), 4e-3);
    var learner = new Learner(
        model,
        loss,
        optimizer,
        optim.lr_scheduler.CosineAnnealingLR(optimizer, options.Epochs),
        [digitPixels],
        options.Device,
        [tick, .. Arms.Callbacks(run, model)]);
    var records = learner.Fit(
        new TensorBatches(train.Images, train.PixelClasses, batchSize) { Shuffle = true, Seed = (ulong)run.Seed },
        new TensorBatches(test.Images, test.PixelClasses, testScenes),
        options.Epochs);
    if (run.Seed == 0 && run.Arm == options.Strategies[^1])
    {
        Draw(Path.Combine(options.Out, "scenes.png"), model, test, run.Arm);
    }

    return new Result(
        run,
        new Dictionary<string, double>
        {
            ["digit_accuracy"] = records[^1]["validation_digit_accuracy"],
            ["loss"] = records[^1]["validation_loss"],
            ["seconds"] = records.Sum(record => record.Duration.TotalSeconds),
        },
        [.. records.Select(record => record["validation_digit_accuracy"])]);
}

static void Draw(string path, UNet model, Scenes scenes, string strategy)
{
    const int shown = 6;
    model.eval();
    using var noGrad = no_grad();
    var (images, classes) = (scenes.Images.narrow(0, 0, shown), scenes.PixelClasses.narrow(0, 0, shown));
    var key = ClassColours.Swatches(4, Scenes.Size);
    new PictureSheet(new PictureOptions
    {
        Title = "Scenes of digits, read pixel by pixel",
        Note = $"Test scenes, read by the network of the strategy {strategy}. Borders of digits do not count.",
    })
        .Add("scene", images)
        .Add("classes", ClassColours.Of(classes))
        .Add("as read", ClassColours.Of(model.call(images).argmax(1)))
        .Separate()
        .Add("colours", key.narrow(0, 0, shown), ["0", "1", "2", "3", "4", "5"])
        .Add(string.Empty, key.narrow(0, shown, shown), ["6", "7", "8", "9", "background", "ignored"])
        .SavePng(path);
}
