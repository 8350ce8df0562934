using System.Globalization;
using MathNet.Numerics.Statistics;
using Mixup.Samples;
using Spectre.Console;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Benchmarks;

/// <summary>How cost and memory grow.</summary>
internal static class Scale
{
    public static void Print()
    {
        PrintCost("cost of blending against batch size, [B,3072]", [8, 32, 128, 512, 2_048, 8_192], batch => [batch, 3_072], "B");
        static long[] OfRank(long rank) => rank == 1 ? [64 * 12_288] : [64, .. Enumerable.Repeat(1L, (int)rank - 2), 12_288];
        PrintCost("cost of blending against rank, [64, ...] of 12,288 values each", [1, 2, 3, 4, 5, 6], OfRank, "rank");
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
            table.AddRow(
                value.ToString("#,0", CultureInfo.InvariantCulture),
                (1_000 * times.Median() / x.numel()).ToString("0.000", CultureInfo.InvariantCulture));
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
        AnsiConsole.MarkupLineInterpolated(
            CultureInfo.InvariantCulture,
            $"drawing 1,024 coefficients and a permutation: {draw:0} us, {100 * draw / step:0.00}% of a step of a multilayer perceptron");
        AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"of 669,706 parameters ({step:0} us)");
    }

    /// <summary>Bytes at the peak of a step beyond those of the unmixed one, from the kernel's own account of resident memory.</summary>
    private static void PrintMemory()
    {
        if (!PeakMemory.IsKnown)
        {
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).Title("peak memory of a training step")
            .AddColumns("model", "mixup", "MiB", "against the unmixed step");
        var perceptron = Sequential(("wide", Linear(4_096, 4_096)), ("act", Tanh()), ("out", Linear(4_096, 10)));
        AddPeaks(table, "one hidden layer, batch and activation of 64 MiB each", perceptron, rand(4_096, 4_096), "act");
        AddPeaks(table, "small ResNet [128,3,32,32]", new SmallResNet(), rand(128, 3, 32, 32), "blocks.0");
        AnsiConsole.Write(table);
    }

    private static void AddPeaks(Table table, string name, Module<Tensor, Tensor> model, Tensor x, string place)
    {
        using var y = zeros(x.shape[0], ScalarType.Int64);
        var loss = new MixupLoss(CrossEntropyLoss());
        long Peak(MixupStrategy? strategy)
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
            MixupMemory.Release();
            return PeakMemory.Of(Step);
        }

        var plain = Peak(null);
        foreach (var (strategyName, strategy) in new (string, MixupStrategy?)[]
        {
            ("none", null),
            ("input, batch overwritten", new InputMixup { OverwriteInput = true }),
            ("input, batch kept", new InputMixup()),
            ("manifold, at " + place, new ManifoldMixup(model, new MixupOptions(), ManifoldPlaces.Named(place))),
            ("output", new OutputMixup()),
        })
        {
            var peak = Peak(strategy);
            table.AddRow(
                Markup.Escape(name),
                strategyName,
                (peak / 1048576.0).ToString("0.0", CultureInfo.InvariantCulture),
                (peak / (double)plain).ToString("0.00", CultureInfo.InvariantCulture));
        }
    }
}
