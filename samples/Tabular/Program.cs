using System.Globalization;
using System.IO.Compression;
using CsvHelper;
using Mixup.Samples;
using TorchSharp;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

const int batchSize = 32;
const int patients = 442;
const int testSize = 122;

// Output mixup is left out: a regression has no softmax between its prediction and its loss.
return SampleCommand.Run(
    args,
    "Predicts the progression of diabetes from ten clinical measurements: without mixup, with input and manifold mixup, and with " +
    "C-Mixup. The targets are mixed as well.",
    new SampleDefaults(Epochs: 60, QuickEpochs: 3, Seeds: 24, patients - testSize, ["none", "input", "c-mixup", "manifold"]),
    options =>
    {
        Setting[] settings = [
            new("all patients", options.Alpha ?? 1, 0, options.TrainSize ?? (patients - testSize)),
            .. options.TrainSize is null ? [new("few patients", options.Alpha ?? 1, 0, 80)] : Array.Empty<Setting>()
        ];
        var experiment = new Experiment(
            settings,
            [
                new(
                    "rmse",
                    "test RMSE",
                    value => value.ToString("0.0", CultureInfo.InvariantCulture),
                    WithSpread: true,
                    Decimals: 2),
                new("r2", "R squared", value => value.ToString("0.000", CultureInfo.InvariantCulture), WithSpread: true),
                new("seconds", "seconds/run", value => value.ToString("0.0", CultureInfo.InvariantCulture)),
            ],
            "test error (RMSE)",
            curveScale: 1);
        var code = experiment.Execute(options, (run, tick) => Train(run, options, tick));
        Experiment.SayWhere(options, "curves.png", "results.csv");
        return code;
    });

static Result Train(Run run, SampleOptions options, LearnerCallback tick)
{
    using var scope = NewDisposeScope();
    var (x, y, spread) = Load(run.Seed, options.Device);
    var train = (X: x.narrow(0, testSize, run.Setting.TrainSize), Y: y.narrow(0, testSize, run.Setting.TrainSize));
    var test = (X: x.narrow(0, 0, testSize), Y: y.narrow(0, 0, testSize));
    manual_seed(run.Seed);
    using var model = nn.Sequential(nn.Linear(10, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1)).to(options.Device);
    using var loss = nn.MSELoss();
    using var optimizer = optim.AdamW(model.parameters(), 3e-3);
    var learner = new Learner(
        model,
        loss,
        optimizer,
        optim.lr_scheduler.CosineAnnealingLR(optimizer, options.Epochs),
        device: options.Device,
        callbacks: [tick, .. Arms.Callbacks(run, model)]);
    var records = learner.Fit(
        new TensorBatches(train.X, train.Y, batchSize) { Shuffle = true, Seed = (ulong)run.Seed },
        new TensorBatches(test.X, test.Y, testSize),
        options.Epochs);
    var error = records[^1]["validation_loss"];
    return new Result(
        run,
        new Dictionary<string, double>
        {
            ["rmse"] = spread * Math.Sqrt(error),
            ["r2"] = 1 - (error / test.Y.var(unbiased: false).ToDouble()),
            ["seconds"] = records.Sum(record => record.Duration.TotalSeconds),
        },
        [.. records.Select(record => spread * Math.Sqrt(record["validation_loss"]))]);
}

// The rows are shuffled by the seed. Every column is divided by its standard deviation.
static (Tensor X, Tensor Y, double SpreadOfY) Load(int seed, Device device)
{
    using var reader = new StreamReader(
        new GZipStream(File.OpenRead(Path.Combine(AppContext.BaseDirectory, "data", "diabetes.csv.gz")), CompressionMode.Decompress));
    using var csv = new CsvReader(reader, CultureInfo.InvariantCulture);
    csv.Read();
    csv.ReadHeader();
    var rows = new List<float[]>();
    while (csv.Read())
    {
        rows.Add([.. Enumerable.Range(0, 11).Select(csv.GetField<float>)]);
    }

    var shuffled = rows.ToArray();
    new Random(seed).Shuffle(shuffled);
    var table = tensor(shuffled.SelectMany(row => row).ToArray()).view(patients, 11);
    var spread = table.std(0);
    var scaled = table.sub(table.mean([0])).div(spread).to(device);
    return (scaled.narrow(1, 0, 10).contiguous(), scaled.narrow(1, 10, 1).contiguous(), spread[10].ToDouble());
}
