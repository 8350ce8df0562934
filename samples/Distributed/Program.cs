using System.CommandLine;
using Mixup.Samples;
using Mixup.Samples.Distributed;
using TorchSharp.Mixup.Training.Mpi;
using static TorchSharp.torch;

const int epochsOfClothes = 6, epochsOfDigits = 30, quickEpochs = 2;
const int quickSize = 2_048, quickTestSize = 500;
const long mostParameters = 1_000_000_000;
const long usualLargest = 100_000_000, quickLargest = 1_000_000;

Option<int?> epochs = new("--epochs")
{
    Description = $"Epochs of training. [default: {epochsOfClothes}, with --digits {epochsOfDigits}, with --quick {quickEpochs}]"
};
Option<int> seed = new("--seed")
{
    Description = "Seed of weights, batches and mixing. Runs of several seeds in one folder are drawn as a mean with a band.",
    DefaultValueFactory = _ => 1
};
Option<bool> digits = new("--digits") { Description = "Trains on the 1,797 digits that ship with the samples, instead of Fashion-MNIST." };
Option<int?> threads = new("--threads")
{
    Description = "Threads of libtorch in each process. [default: the processors of this machine divided by its processes, at least 1]"
};
Option<bool> measure = new("--measure")
{
    Description = "Trains nothing, but times the reduction of gradients and the parts of a step, and tells which interconnect more " +
        "ranks need."
};
Option<long?> largest = new("--largest")
{
    Description = $"The most parameters to reduce with --measure. [default: {usualLargest}, if memory allows; with --quick {quickLargest}]"
};
Option<bool> redraw = new("--redraw")
{
    Description = "Makes pictures and tables of the files in the folder of --out, without training or measuring."
};
Option<bool> quick = new("--quick") { Description = "Makes a short run to see that the sample works. Its results show nothing." };
Option<string> folder = new("--out") { Description = "Folder for pictures and results.", DefaultValueFactory = _ => "results" };
SampleCommand.Require(epochs, value => value is null or >= 1, "must be 1 or more");
SampleCommand.Require(seed, value => value >= 0, "must be 0 or more");
SampleCommand.Require(threads, value => value is null or >= 1, "must be 1 or more");
SampleCommand.Require(
    largest,
    value => value is null or (>= Meter.FewestParameters and <= mostParameters),
    $"must lie between {Meter.FewestParameters} and {mostParameters}");
var command = new RootCommand(
    "Trains a network on Fashion-MNIST with input mixup in as many processes as mpirun starts, and compares runs of different numbers of " +
    "processes.") { epochs, seed, digits, threads, measure, largest, redraw, quick, folder };
command.Validators.Add(result =>
{
    if (result.GetValue(measure) && ((Option[])[epochs, seed, digits]).FirstOrDefault(
        option => result.GetResult(option) is { Implicit: false }) is { } other)
    {
        result.AddError($"{other.Name} is for training, which --measure leaves out. Give one of them.");
    }

    if (!result.GetValue(measure) && result.GetResult(largest) is { Implicit: false })
    {
        result.AddError("--largest is for --measure. Give both, or leave --largest out.");
    }
});
command.SetAction(result =>
{
    var (to, isQuick) = (result.GetValue(folder)!, result.GetValue(quick));
    if (result.GetValue(redraw))
    {
        if (Launch.IsFirst && !(ShowRuns(to) | ShowMeasurements(to)))
        {
            throw new FileNotFoundException(
                $"{to} has neither runs nor measurements, so there is nothing to draw. Run without --redraw first.");
        }

        return 0;
    }

    var world = MpiWorld.Current;
    set_num_threads(result.GetValue(threads) ?? Math.Max(1, Environment.ProcessorCount / RanksHere(world)));
    if (world.IsFirst)
    {
        Directory.CreateDirectory(to);
    }

    if (result.GetValue(measure))
    {
        Measure(world, result.GetValue(largest) ?? (isQuick ? quickLargest : usualLargest), isQuick, to);
    }
    else
    {
        var onDigits = result.GetValue(digits) || FashionMnist.FindOrNull() is null;
        Train(
            world,
            onDigits,
            isQuick,
            result.GetValue(epochs) ?? (isQuick ? quickEpochs : onDigits ? epochsOfDigits : epochsOfClothes),
            result.GetValue(seed),
            to);
        if (onDigits && !result.GetValue(digits))
        {
            Say(world, "Fashion-MNIST was not found, so this was trained on digits. Debian's package dataset-fashion-mnist has it.");
        }
    }

    return 0;
});
return SampleCommand.Invoke(command, args, isSilent: !Launch.IsFirst);

static void Train(MpiWorld world, bool onDigits, bool isQuick, int epochs, int seed, string to)
{
    using var scope = NewDisposeScope();
    var data = onDigits ? ImageData.Digits(CPU) : FashionMnist.Load(FashionMnist.Find(null), CPU);
    data = isQuick ? data.First(quickSize, quickTestSize) : data;
    if (world.IsFirst)
    {
        RunsFile.ReadAll(to); // a damaged file is an error now, and not after the training
    }

    Say(
        world,
        $"{TrainingRun.Describe(world.Size, get_num_threads())}, MPI library: {world.Name}. " +
        $"{data.Name}, {data.TrainSize:N0} training images.");
    var run = Trainer.Run(data, epochs, seed, Path.Combine(to, $"log-{world.Size}.csv"));
    if (world.IsFirst)
    {
        RunsFile.Add(to, run);
        ShowRuns(to);
        Console.WriteLine($"Wrote {RunsFile.PathOf(to, run.Processes)}");
    }
}

static void Measure(MpiWorld world, long largest, bool isQuick, string to)
{
    var measured = new Meter(world, isQuick).Run(RanksHere(world), largest, text => Say(world, text));
    if (world.IsFirst)
    {
        measured.Write(to);
        ShowMeasurements(to);
        Console.WriteLine($"Wrote {MeasuredRanks.PathOf(to, measured.Ranks)}");
    }
}

static bool ShowRuns(string folder)
{
    if (RunsFile.ReadAll(folder) is not { Count: > 0 } runs)
    {
        return false;
    }

    RunsReport.Draw(folder, runs);
    Show(RunsReport.Lines(runs), Path.Combine(folder, RunsReport.PictureName));
    return true;
}

static bool ShowMeasurements(string folder)
{
    if (MeasuredRanks.ReadAll(folder) is not { Count: > 0 } measured)
    {
        return false;
    }

    string[] lines = [.. ScaleReport.Lines(measured)];
    var path = Path.Combine(folder, ScaleReport.FileName);
    File.WriteAllLines(path, lines);
    Show(lines, path);
    return true;
}

static void Show(IEnumerable<string> lines, string written)
{
    foreach (var line in lines)
    {
        Console.WriteLine(line);
    }

    Console.WriteLine($"Wrote {written}");
}

static int RanksHere(MpiWorld world) => Launch.RanksHere ?? world.Size;

static void Say(MpiWorld world, string text)
{
    if (world.IsFirst)
    {
        Console.WriteLine(text);
    }
}
