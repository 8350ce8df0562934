using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Mixup.Samples;
using Mixup.Samples.Study;
using Spectre.Console;
using TorchSharp;
using static TorchSharp.torch;
using Grid = Mixup.Samples.Study.Grid;

Option<string?> dataFolder = new("--data")
{
    Description = "Folder of the four files of Fashion-MNIST. " +
    $"[default: {FashionMnist.SystemFolder}, else {FashionMnist.CacheFolder}]"
};
Option<bool> digits = new("--digits") { Description = "Trains on the 1,797 digits that ship with the samples, instead of Fashion-MNIST." };
Option<bool> quick = new("--quick") { Description = "Runs for a few minutes to see that the study works. Its results show nothing." };
Option<bool> full = new("--full") { Description = "Runs five seeds and more epochs, for about a day." };
Option<bool> report = new("--report")
{
    Description = "Writes the report of a finished study again, from the files in the folder of --out. Needs neither data nor training. " +
    "Give the other options that the study was run with."
};
var device = SampleCommand.Device();
Option<string> folder = new("--out")
{
    Description = "Folder for the report. A study that was stopped continues there.",
    DefaultValueFactory = _ => "results"
};
var command = new RootCommand("Compares no mixup with input, manifold and output mixup on Fashion-MNIST, and writes a report. " +
    "Takes less than an hour on two cores.") { dataFolder, digits, quick, full, report, device, folder };
command.Validators.Add(result =>
{
    if (result.GetValue(quick) && result.GetValue(full))
    {
        result.AddError("--quick and --full exclude each other. Give one of them.");
    }
});
command.SetAction(result =>
{
    var extent = result.GetValue(quick) ? Extent.Quick : result.GetValue(full) ? Extent.Full : Extent.Default;
    var to = result.GetValue(folder)!;
    if (result.GetValue(report))
    {
        WriteAgain(extent, result.GetValue(digits), to);
    }
    else
    {
        Run(result.GetValue(dataFolder), result.GetValue(digits), extent, torch.device(result.GetValue(device)!), to);
    }

    Console.WriteLine($"Wrote {Path.Combine(to, "report.md")}");
    return 0;
});
return SampleCommand.Invoke(command, args);

void Run(string? from, bool onDigits, Extent extent, Device where, string to)
{
    var data = onDigits ? ImageData.Digits(where) : FashionMnist.Load(FashionMnist.Find(from), where);
    Directory.CreateDirectory(to);
    var journal = new Journal(Path.Combine(to, "trials.csv"));
    var line = "dotnet run -c Release --project samples/Study" + (args.Length > 0 ? " -- " + string.Join(' ', args) : string.Empty);
    var machine = $"{RuntimeInformation.FrameworkDescription}, TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}, " +
        $"{RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} cores, device {where.type.ToString().ToLowerInvariant()}";
    var conditions = Conditions.Keep(to, new Conditions(line, machine));
    var grid = Grid.Of(extent, data.TrainSize);
    var costs = SampleProgress.Start(context =>
    {
        Trial[] arms = [
            .. Arms.All.Select(arm => grid.Of(arm, grid.Medium).First()),
            .. Arms.All.Skip(1).Select(arm => grid.Of(arm, grid.Small, twoOutputs: true).First())
        ];
        var rounds = extent == Extent.Quick ? 2 : 15;
        var measuring = context.AddTask("costs", maxValue: arms.Length * (rounds + 1));
        var measured = new Costs(data, grid.Small, rounds).Measure(arms, () => measuring.Increment(1));
        Runner.Run(
            grid.Trials,
            journal,
            new Trainer(data).Run,
            new Bar(context.AddTask("trials", maxValue: grid.Trials.Sum(trial => trial.Work))));
        return measured;
    });
    Costs.Write(Path.Combine(to, "costs.csv"), costs);
    new Report(grid, journal, data.Name, (int)data.TestImages.shape[0], to).Write(conditions, costs);
}

static void WriteAgain(Extent extent, bool onDigits, string to)
{
    var conditions = Conditions.Read(to);
    var (name, trainSize, testSize) = onDigits
        ? (ImageData.DigitsName, Digits.MostTraining, Digits.Count - Digits.MostTraining)
        : (FashionMnist.Name, FashionMnist.TrainSize, FashionMnist.TestSize);
    var journal = new Journal(Path.Combine(to, "trials.csv"));
    new Report(Grid.Of(extent, trainSize), journal, name, testSize, to).Write(conditions, Costs.Read(Path.Combine(to, "costs.csv")));
}

/// <summary>Shows the progress of the study on a bar.</summary>
internal sealed class Bar(ProgressTask task) : IStudyProgress
{
    public void Begin(Trial trial, int number, int count) =>
        task.Description = string.Create(
            CultureInfo.InvariantCulture, $"{number} of {count}: {trial.Name}, {trial.TrainSize:N0} images, seed {trial.Seed}");

    public void Done(double images) => task.Increment(images);
}
