using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using CsvHelper;
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
Option<bool> digits = new("--digits") { Description = "The 1,797 digits that ship with the samples, instead of Fashion-MNIST." };
Option<bool> quick = new("--quick") { Description = "A few minutes: one seed and few images; the figures mean nothing." };
Option<bool> full = new("--full") { Description = "Five seeds and many more epochs: a day or so." };
var device = SampleCommand.Device();
Option<string> folder = new("--out")
{
    Description = "Folder for the report; a study that was stopped goes on from there.",
    DefaultValueFactory = _ => "results"
};
var command = new RootCommand("Compares no mixup with input, manifold and output mixup, and writes a report. " +
    "Under an hour on two cores.") { dataFolder, digits, quick, full, device, folder };
command.Validators.Add(result =>
{
    if (result.GetValue(quick) && result.GetValue(full))
    {
        result.AddError("--quick and --full: give one of them.");
    }
});
command.SetAction(result => Run(
    result.GetValue(dataFolder),
    result.GetValue(digits),
    result.GetValue(quick) ? Extent.Quick : result.GetValue(full) ? Extent.Full : Extent.Default,
    torch.device(result.GetValue(device)!),
    result.GetValue(folder)!));
return SampleCommand.Invoke(command, args);

int Run(string? from, bool onDigits, Extent extent, Device where, string to)
{
    StudyData data;
    Journal journal;
    try
    {
        data = onDigits ? StudyData.Digits(where) : FashionMnist.Load(FashionMnist.Find(from), where);
        Directory.CreateDirectory(to);
        journal = new Journal(Path.Combine(to, "trials.csv"));
    }
    catch (Exception e) when (e is FileNotFoundException or InvalidDataException)
    {
        Console.Error.WriteLine(e.Message);
        return 2;
    }

    var grid = Grid.Of(extent, data.TrainSize);
    var costs = new List<Cost>();
    AnsiConsole.Progress()
        .Columns(
            new TaskDescriptionColumn { Alignment = Justify.Left },
            new ProgressBarColumn(),
            new PercentageColumn(),
            new RemainingTimeColumn())
        .Start(context =>
        {
            Trial[] arms = [
                .. Arms.All.Select(arm => grid.Of(arm, grid.Medium).First()),
                .. Arms.All.Skip(1).Select(arm => grid.Of(arm, grid.Small, twoOutputs: true).First())
            ];
            var rounds = extent == Extent.Quick ? 2 : 15;
            var measuring = context.AddTask("costs", maxValue: arms.Length * (rounds + 1));
            costs.AddRange(new Costs(data, grid.Small, rounds).Measure(arms, () => measuring.Increment(1)));
            Runner.Run(
                grid.Trials,
                journal,
                new Trainer(data).Run,
                new Bar(context.AddTask("trials", maxValue: grid.Trials.Sum(trial => trial.Work))));
        });
    WriteCosts(Path.Combine(to, "costs.csv"), costs);
    var line = "dotnet run -c Release --project samples/Study" + (args.Length > 0 ? " -- " + string.Join(' ', args) : string.Empty);
    var machine = $"{RuntimeInformation.FrameworkDescription}, TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}, " +
        $"{RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} cores, device {where.type.ToString().ToLowerInvariant()}";
    new Report(grid, journal, data, to).Write(line, machine, costs);
    Console.WriteLine($"wrote {Path.Combine(to, "report.md")}");
    return 0;
}

static void WriteCosts(string path, IEnumerable<Cost> costs)
{
    using var csv = new CsvWriter(new StreamWriter(path), CultureInfo.InvariantCulture);
    csv.WriteRecords(
        costs.Select(cost =>
            new
            {
                arm = cost.Name,
                seconds_an_epoch = cost.SecondsAnEpoch,
                time_lower = cost.Time.Lower,
                time_median = cost.Time.Median,
                time_upper = cost.Time.Upper,
                peak_bytes = cost.PeakMemory
            }));
}

/// <summary>The progress bar, with the time that is left.</summary>
internal sealed class Bar(ProgressTask task) : IStudyProgress
{
    public void Begin(Trial trial, int number, int count) =>
        task.Description = string.Create(CultureInfo.InvariantCulture, $"{number} of {count}: {trial.Name}, {trial.TrainSize:N0} images, " +
            $"seed {trial.Seed}");

    public void Done(double images) => task.Increment(images);
}
