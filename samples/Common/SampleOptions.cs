using System.CommandLine;
using TorchSharp;
using TorchSharp.Mixup;
using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>
/// What the command line of a sample says. What was left out is null, and each setting of the sample has its own default.
/// </summary>
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
    /// <summary>The method, one of <see cref="Mixing.Methods"/>.</summary>
    public string Method { get; init; } = "interpolation";

    /// <summary>The name of a recipe; null for none.</summary>
    public string? Recipe { get; init; }
}

/// <summary>The command line that all samples share.</summary>
public static class SampleCommand
{
    /// <summary>Parses, and runs. A wrong value gives one line on the error stream, and exit code 2.</summary>
    public static int Run(string[] args, string description, SampleDefaults defaults, Func<SampleOptions, int> run)
    {
        Option<int?> epochs = new("--epochs")
        {
            Description = "Epochs of every run. " +
            $"[default: {defaults.Epochs}, with --quick {defaults.QuickEpochs}]"
        };
        Option<int?> seeds = new("--seeds")
        {
            Description = "Runs of every arm, each with weights, data and draws of its own. " +
            $"[default: {defaults.Seeds}, with --quick 1]"
        };
        Option<double?> alpha = new("--alpha")
        {
            Description = "Concentration of the Beta distribution that mixing coefficients come " +
            "from; 0 mixes nothing. [default: per setting]"
        };
        Option<double?> noise = new("--noise")
        {
            Description = "Share of the training labels to replace at random, from 0 to 1; " +
            "this setting then runs alone. [default: per setting]"
        };
        Option<int?> trainSize = new("--train-size") { Description = "How many samples to train on. [default: per setting]" };
        var device = Device();
        Option<string> folder = new("--out") { Description = "Folder for pictures and figures.", DefaultValueFactory = _ => "results" };
        Option<string[]> strategy = new("--strategy")
        {
            Description = $"Arms to run: {string.Join(", ", defaults.Strategies)}. [default: all]",
            AllowMultipleArgumentsPerToken = true,
            Arity = ArgumentArity.OneOrMore
        };
        Option<bool> quick = new("--quick") { Description = "A short run, to see that it works: the figures mean nothing." };
        Option<string> method = new("--method")
        {
            Description = $"How two samples are put together: {string.Join(", ", Mixing.Methods.Keys)}.",
            DefaultValueFactory = _ => "interpolation"
        };
        Option<string?> recipe = new("--recipe")
        {
            Description = $"Mix, and take the loss, as a published recipe does: {string.Join(", ", Recipes.All)}. [default: none]"
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
            $"must be of {string.Join(", ", defaults.Strategies)}");

        Require(
            method,
            value => value is not null && Mixing.Methods.ContainsKey(value),
            $"must be one of {string.Join(", ", Mixing.Methods.Keys)}");
        Require(
            recipe,
            value => value is null || Recipes.All.Any(known => known.Name == value),
            $"must be one of {string.Join(", ", Recipes.All)}");

        var command = new RootCommand(description) { epochs, seeds, alpha, trainSize, strategy, device, folder, quick };
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
                    result.AddError("--recipe has a method and an alpha of its own: leave --method and --alpha out.");
                }

                if (result.GetResult(alpha) is not null && Mixing.WithoutAlpha.Contains(result.GetValue(method)))
                {
                    result.AddError($"--method {result.GetValue(method)} has no alpha: leave --alpha out.");
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
        }));
        return Invoke(command, args);
    }

    /// <summary>Parses, and runs. A wrong value gives one line on the error stream, and exit code 2.</summary>
    public static int Invoke(RootCommand command, string[] args)
    {
        var parsed = command.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            Console.Error.WriteLine(parsed.Errors[0].Message);
            return 2;
        }

        return parsed.Invoke();
    }

    /// <summary>
    /// Where to train: as tests, by default where MIXUP_TEST_DEVICE says, else on the CPU. A device that this machine does not have is
    /// refused.
    /// </summary>
    public static Option<string> Device()
    {
        Option<string> device = new("--device")
        {
            Description = "cpu or cuda, or cuda:1 for the second. MIXUP_TEST_DEVICE of the environment sets another default.",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("MIXUP_TEST_DEVICE") ?? "cpu"
        };
        Require(device, value => IsDevice(value!), "is not a device of this machine: give cpu, or cuda where there is a GPU and the " +
            "program was built with -p:TorchBackend=cuda-linux or cuda-windows");
        return device;
    }

    private static void Require<T>(Option<T> option, Func<T?, bool> valid, string expected) => option.Validators.Add(result =>
    {
        // What could not be parsed at all is reported by the parser.
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
            return 0; // no native library for CUDA beside the program
        }
    }
}

/// <summary>The defaults of one sample.</summary>
public sealed record SampleDefaults(
    int Epochs,
    int QuickEpochs,
    int Seeds,
    int MostTrainSize,
    IReadOnlyList<string> Strategies,
    bool HasNoise = false,
    bool HasMethods = false);
