using System.Globalization;
using MathNet.Numerics.Statistics;
using Spectre.Console;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Benchmarks;

/// <summary>How cost and memory grow.</summary>
internal static class Scale
{
    public static void Print()
    {
        PrintCost("cost of blending against batch size, [B,3072]", [8, 32, 128, 512, 2_048, 8_192], batch => [batch, 3_072], "B");
        PrintCost("cost of blending against rank, [64, ...] of 12,288 values each", [1, 2, 3, 4, 5, 6], rank => rank == 1 ? [64 * 12_288] : [64, .. Enumerable.Repeat(1L, (int)rank - 2), 12_288], "rank");
        PrintSampling();
        PrintMemory();
    }

    private static void PrintCost(string title, long[] values, Func<long, long[]> shape, string name)
    {
        var table = new Table().Border(TableBorder.Rounded).Title(Markup.Escape(title)).AddColumns(name, "ns a value");
        foreach (var value in values)
        {
            var x = rand(shape(value));
            var draw = Cases.Draw(x.shape[0], Pairing.Permutation);
            var strategy = new InputMixup();
            using var y = zeros(x.shape[0], ScalarType.Int64);
            var times = SideBySide.Measure([new Contender("blend", () => strategy.Begin(x, y, draw).Dispose())], seconds: 0.5)[0];
            table.AddRow(value.ToString("#,0", CultureInfo.InvariantCulture), (1_000 * times.Median() / x.numel()).ToString("0.000", CultureInfo.InvariantCulture));
            x.Dispose();
        }

        AnsiConsole.Write(table);
    }

    private static void PrintSampling()
    {
        var strategy = new OutputMixup();
        using var x = zeros(1_024, 1);
        using var y = zeros(1_024, ScalarType.Int64);
        var draw = SideBySide.Measure([new Contender("draw", () => strategy.Begin(x, y).Dispose())], seconds: 1)[0].Median();
        var model = Sequential(Linear(784, 512), ReLU(), Linear(512, 512), ReLU(), Linear(512, 10));
        using var images = rand(1_024, 784);
        using var loss = CrossEntropyLoss();
        var step = SideBySide.Measure([new Contender("step", () => loss.call(model.call(images), y).backward())], seconds: 3)[0].Median();
        AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"drawing 1,024 coefficients and a permutation: {draw:0} us, {100 * draw / step:0.00}% of a step of a multilayer perceptron of 669,706 parameters ({step:0} us)");
    }

    /// <summary>Bytes at the peak of a step beyond those of the unmixed one, from the kernel's own account of resident memory.</summary>
    private static void PrintMemory()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).Title("memory at the peak beyond the unmixed step, in sizes of the tensor that is mixed").AddColumns("strategy", "batch or activation", "beyond, in its size");
        var model = Sequential(("wide", Linear(4_096, 4_096)), ("act", Tanh()), ("out", Linear(4_096, 10)));
        var x = rand(4_096, 4_096); // 64 MiB, and so are the activations
        using var y = zeros(4_096, ScalarType.Int64);
        var loss = new MixupLoss(CrossEntropyLoss());
        long Peak(IMixupStrategy? strategy)
        {
            void Step()
            {
                using var scope = NewDisposeScope();
                using var step = strategy?.Begin(x, y);
                var prediction = model.call(step?.Input ?? x);
                (step is null ? loss.call(prediction, y) : loss.call(prediction, step.Target)).backward();
                model.zero_grad();
            }

            Step();
            var before = Resident("VmRSS");
            File.WriteAllText("/proc/self/clear_refs", "5"); // forgets the peak so far
            Step();
            return Resident("VmHWM") - before;
        }

        var plain = Peak(null);
        foreach (var (name, strategy) in new (string, IMixupStrategy)[]
        {
            ("input, batch overwritten", new InputMixup(new MixupOptions { OverwriteInput = true })),
            ("input, batch kept", new InputMixup()),
            ("manifold, at the hidden activation", new ManifoldMixup(model, new MixupOptions(), new ManifoldPlaces { Names = ["act"], Input = false, Log = _ => { } })),
            ("output", new OutputMixup()),
        })
        {
            var beyond = (Peak(strategy) - plain) / (double)(x.numel() * x.element_size());
            table.AddRow(name, "64 MiB", beyond.ToString("0.00", CultureInfo.InvariantCulture));
        }

        AnsiConsole.Write(table);
    }

    private static long Resident(string name) => 1_024 * long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal))[(name.Length + 1)..].Replace("kB", string.Empty, StringComparison.Ordinal), CultureInfo.InvariantCulture);
}
