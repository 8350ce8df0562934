using System.CommandLine;
using TorchSharp;
using TorchSharp.Mixup;
using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>The command line of a sample. An option that was left out is null where each setting has its own default.</summary>
/// <param name="Epochs">The epochs of every run.</param>
/// <param name="Seeds">The runs of every strategy in every setting.</param>
/// <param name="Alpha">The concentration of the Beta distribution.</param>
/// <param name="Noise">The fraction of training labels to replace.</param>
/// <param name="TrainSize">The number of training samples.</param>
/// <param name="Device">The device to train on.</param>
/// <param name="Out">The folder for pictures and results.</param>
/// <param name="Strategies">The strategies to compare.</param>
/// <param name="Quick">Whether this is a short run.</param>
public sealed record SampleOptions(
    int Epochs,
    int Seeds,
    double? Alpha,
    double? Noise,
    int? TrainSize,
    Device Device,
    string Out,
    IReadOnlyList<string> Strategies,
    bool Quick)
{
    /// <summary>Gets the method, one of <see cref="Mixing.Methods"/>.</summary>
    public string Method { get; init; } = "interpolation";

    /// <summary>Gets the name of a recipe; null for none.</summary>
    public string? Recipe { get; init; }

    /// <summary>Gets whether tables and pictures are made of the results of an earlier run, without training.</summary>
    public bool Redraw { get; init; }
}

/// <summary>The command line that all samples share.</summary>
public static class SampleCommand
{
    /// <summary>Parses the command line and runs the sample. A wrong value gives one line on the error stream and exit code 2.</summary>
    /// <param name="args">The arguments of the program.</param>
    /// <param name="description">What the sample does.</param>
    /// <param name="defaults">The defaults of the sample.</param>
    /// <param name="run">Runs the sample and returns the exit code.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string[] args, string description, SampleDefaults defaults, Func<SampleOptions, int> run)
    {
        Option<int?> epochs = new("--epochs")
        {
            Description = $"Epochs of every run. [default: {defaults.Epochs}, with --quick {defaults.QuickEpochs}]"
        };
        Option<int?> seeds = new("--seeds")
        {
            Description = "Runs of every strategy. Each seed has its own weights, data and coefficients. " +
            $"[default: {defaults.Seeds}, with --quick 1]"
        };
        Option<double?> alpha = new("--alpha")
        {
            Description = "Concentration of the Beta distribution of the mixing coefficients. 0 mixes nothing. [default: per setting]"
        };
        Option<double?> noise = new("--noise")
        {
            Description = "Fraction of the training labels to replace at random, from 0 to 1. Only this setting is run. " +
            "[default: per setting]"
        };
        Option<int?> trainSize = new("--train-size")
        {
            Description = $"Number of training samples, from 2 to {defaults.MostTrainSize}. [default: per setting]"
        };
        var device = Device();
        Option<string> folder = new("--out") { Description = "Folder for pictures and results.", DefaultValueFactory = _ => "results" };
        Option<string[]> strategy = new("--strategy")
        {
            Description = $"Strategies to compare, one or more of {string.Join(", ", defaults.Strategies)}. [default: all]",
            AllowMultipleArgumentsPerToken = true,
            Arity = ArgumentArity.OneOrMore
        };
        Option<bool> quick = new("--quick") { Description = "Makes a short run to see that the sample works. Its results show nothing." };
        Option<bool> redraw = new("--redraw")
        {
            Description = "Makes tables and pictures of the results.csv in the folder of --out, without training."
        };
        Option<string> method = new("--method")
        {
            Description = $"How two samples are mixed: {string.Join(", ", Mixing.Methods.Keys)}.",
            DefaultValueFactory = _ => "interpolation"
        };
        Option<string?> recipe = new("--recipe")
        {
            Description = $"Mixes and takes the loss as a published recipe does: {string.Join(", ", Recipes.All)}. [default: none]"
        };
        Require(epochs, value => value is null or >= 1, "must be 1 or more");
        Require(seeds, value => value is null or >= 1, "must be 1 or more");
        Require(alpha, value => value is null or (>= 0 and < double.PositiveInfinity), "must be 0 or more");
        Require(noise, value => value is null or (>= 0 and <= 1), "must lie between 0 and 1");
        Require(
            trainSize,
            value => value is null || (value >= 2 && value <= defaults.MostTrainSize),
            $"must lie between 2 and {defaults.MostTrainSize}");
        Require(
            strategy,
            value => value is null || value.All(defaults.Strategies.Contains),
            $"must be one or more of {string.Join(", ", defaults.Strategies)}");

        Require(
            method,
            value => value is not null && Mixing.Methods.ContainsKey(value),
            $"must be one of {string.Join(", ", Mixing.Methods.Keys)}");
        Require(
            recipe,
            value => value is null || Recipes.All.Any(known => known.Name == value),
            $"must be one of {string.Join(", ", Recipes.All)}");

        var command = new RootCommand(description) { epochs, seeds, alpha, trainSize, strategy, device, folder, quick, redraw };
        if (defaults.HasNoise)
        {
            command.Options.Add(noise);
        }

        if (defaults.HasMethods)
        {
            command.Options.Add(method);
            command.Options.Add(recipe);
            command.Validators.Add(result =>
            {
                if (result.GetResult(recipe) is not null
                    && (result.GetResult(alpha) is not null || result.GetResult(method) is { Implicit: false }))
                {
                    result.AddError("--recipe has its own method and alpha. Leave --method and --alpha out.");
                }

                if (result.GetResult(alpha) is not null && Mixing.WithoutAlpha.Contains(result.GetValue(method)))
                {
                    result.AddError($"--method {result.GetValue(method)} has no alpha. Leave --alpha out.");
                }
            });
        }

        command.SetAction(result => run(new SampleOptions(
            result.GetValue(epochs) ?? (result.GetValue(quick) ? defaults.QuickEpochs : defaults.Epochs),
            result.GetValue(seeds) ?? (result.GetValue(quick) ? 1 : defaults.Seeds),
            result.GetValue(alpha),
            defaults.HasNoise ? result.GetValue(noise) : null,
            result.GetValue(trainSize),
            torch.device(result.GetValue(device)!),
            result.GetValue(folder)!,
            result.GetValue(strategy) is { Length: > 0 } some ? [.. defaults.Strategies.Where(some.Contains)] : defaults.Strategies,
            result.GetValue(quick))
        {
            Method = defaults.HasMethods ? result.GetValue(method)! : "interpolation",
            Recipe = defaults.HasMethods ? result.GetValue(recipe) : null,
            Redraw = result.GetValue(redraw),
        }));
        return Invoke(command, args);
    }

    /// <summary>Parses the command line and runs the command. A wrong value gives one line on the error stream and exit code 2.</summary>
    /// <param name="command">The command. It may throw <see cref="FileNotFoundException"/> or <see cref="InvalidDataException"/>.</param>
    /// <param name="args">The arguments of the program.</param>
    /// <param name="isSilent">Whether neither help nor errors are printed, since another process prints them. Default false.</param>
    /// <returns>The exit code.</returns>
    public static int Invoke(RootCommand command, string[] args, bool isSilent = false)
    {
        int Refused(string message)
        {
            (isSilent ? TextWriter.Null : Console.Error).WriteLine(message);
            return 2;
        }

        var parsed = command.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            return Refused(parsed.Errors[0].Message);
        }

        var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
        if (isSilent)
        {
            configuration.Output = TextWriter.Null;
        }

        try
        {
            return parsed.Invoke(configuration);
        }
        catch (Exception e) when (e is FileNotFoundException or InvalidDataException)
        {
            return Refused(e.Message);
        }
    }

    /// <summary>Makes the option of the device, by default the CPU, or the device that the variable MIXUP_TEST_DEVICE names.</summary>
    /// <returns>The option, which refuses a device that this machine does not have.</returns>
    public static Option<string> Device()
    {
        Option<string> device = new("--device")
        {
            Description = "Device to train on: cpu, cuda, or cuda:1 for the second GPU.",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("MIXUP_TEST_DEVICE") ?? "cpu"
        };
        Require(device, value => IsDevice(value!), "this machine has no such device. Give cpu; or cuda on a machine with a GPU, after a " +
            "build with -p:TorchBackend=cuda-linux, cuda-windows or system");
        return device;
    }

    /// <summary>Makes an option refuse values, in one line that says what it expects.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="option">The option.</param>
    /// <param name="valid">Whether a value is accepted.</param>
    /// <param name="expected">What is expected, after the option and its value.</param>
    public static void Require<T>(Option<T> option, Func<T?, bool> valid, string expected) => option.Validators.Add(result =>
    {
        // The parser reports values that cannot be parsed.
        if (result.Tokens.Count > 0 && !result.Errors.Any())
        {
            T? value;
            try
            {
                value = result.GetValueOrDefault<T>();
            }
            catch (InvalidOperationException)
            {
                return;
            }

            if (!valid(value))
            {
                result.AddError($"{option.Name} {string.Join(' ', result.Tokens.Select(token => token.Value))}: {expected}.");
            }
        }
    });

    private static bool IsDevice(string value)
    {
        var devices = CudaDevices();
        bool IsIndex() => value.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(value[5..], out var index) && index >= 0 && index < devices;
        return value == "cpu" || (devices > 0 && (value == "cuda" || IsIndex()));
    }

    private static int CudaDevices()
    {
        try
        {
            return cuda.is_available() ? cuda.device_count() : 0;
        }
        catch (NotSupportedException)
        {
            return 0; // the program has no native library for CUDA
        }
    }
}

/// <summary>The defaults of one sample.</summary>
/// <param name="Epochs">The epochs of every run.</param>
/// <param name="QuickEpochs">The same with --quick.</param>
/// <param name="Seeds">The runs of every strategy.</param>
/// <param name="MostTrainSize">The most training samples that the data has.</param>
/// <param name="Strategies">The strategies that can be compared.</param>
/// <param name="HasNoise">Whether labels can be replaced.</param>
/// <param name="HasMethods">Whether the method or a recipe can be chosen.</param>
public sealed record SampleDefaults(
    int Epochs,
    int QuickEpochs,
    int Seeds,
    int MostTrainSize,
    IReadOnlyList<string> Strategies,
    bool HasNoise = false,
    bool HasMethods = false);
