using System.Globalization;
using System.Text;

namespace Mixup.Samples.Study;

/// <summary>Answers every question with a table, a figure and a sentence, whichever way it falls.</summary>
public sealed class Report(Grid grid, Journal journal, StudyData data, string folder)
{
    private readonly StringBuilder text = new();

    /// <summary>Writes <c>report.md</c> and its figures.</summary>
    /// <param name="command">How the study was run.</param>
    /// <param name="machine">Where, and with what.</param>
    /// <param name="costs">What each arm costs.</param>
    public void Write(string command, string machine, IReadOnlyList<Cost> costs)
    {
        Say($"""
            # No mixup, input, manifold and output mixup on {data.Name}

            `{command}`: {grid.Trials.Count} training runs; {machine}. All outcomes are in [trials.csv](trials.csv), all costs in [costs.csv](costs.csv).

            A pre-activation ResNet of about 175,000 parameters, no augmentation; SGD with momentum 0.9, weight decay 5e-4, learning rate {Trainer.BaseRate.ToString(CultureInfo.InvariantCulture)} falling to 0 along a cosine, batches of {Trainer.BatchSize}.
            Alpha is {Grid.Alpha} unless named, {Grid.NoiseAlpha} with wrong labels. Every arm of a seed has the same initial weights, images, wrong labels, batches and budget. Accuracy is in percent of {data.TestClasses.shape[0]:N0} test images, that of curves and of
            adversarial images of the first {Math.Min(Trainer.ProbeSize, data.TestClasses.shape[0]):N0}. `±` and whiskers are the 95% interval of the mean over seeds (Student's t); "against none" is the mean of the differences seed by seed, with its own interval.
            With so few seeds the intervals are wide: an effect whose interval includes 0 is not shown here, which does not mean that it is not there.

            """);
        Convergence();
        Sizes();
        WrongLabels();
        CalibrationOfConfidence();
        Adversarial();
        Layers();
        Spending(costs);
        AlphasAndOutputs();
        File.WriteAllText(Path.Combine(folder, "report.md"), text.ToString());
    }

    private void Convergence()
    {
        Figures.Curves(
            InFolder("convergence.png"),
            [.. Grid.Rates.Select(rate => new Panel(string.Create(CultureInfo.InvariantCulture,
                $"{grid.Medium:N0} images, learning rate {Trainer.BaseRate * rate:0.##}"), [.. Arms.All.Select(
                    arm => Curve(arm, Outcomes(arm, grid.Medium, rate)))]))],
            "epoch",
            "test accuracy, %");
        Section(
            "1. Which converges faster?",
            "convergence.png",
            "The thread claims it for output mixup; its author's two demos disagree (0.9917 against 0.9872 in one, 0.9485 against 0.9628 " +
            "in the other). Measured: the mean of the accuracy curve, which is higher the sooner it rises.");
        foreach (var rate in Grid.Rates)
        {
            Table(
                string.Create(CultureInfo.InvariantCulture, $"learning rate {Trainer.BaseRate * rate:0.##}"),
                "mean of the curve",
                Arms.All.Select(arm => (arm, Outcomes(arm, grid.Medium, rate))),
                outcome => 100 * outcome.Curve.Average(),
                ("at the end", outcome => 100 * outcome.Last));
        }

        Published(
            "That output mixup converges faster than none, at the base learning rate",
            IsBetter(Outcomes("output", grid.Medium), Outcomes("none", grid.Medium), outcome => outcome.Curve.Average()));
        Published(
            "That it does at three times the rate",
            IsBetter(Outcomes("output", grid.Medium, 3), Outcomes("none", grid.Medium, 3), outcome => outcome.Curve.Average()));
    }

    private void Sizes()
    {
        Figures.Bars(
            InFolder("sizes.png"),
            [.. grid.Sizes.Select(size => new BarPanel($"{size:N0} training images", [string.Empty],
                [.. Arms.All.Select(arm => Bar(arm, [Outcomes(arm, size)], outcome => 100 * outcome.Accuracy))],
                From(
                    grid.Sizes.Where(s => s == size).SelectMany(s => Arms.All.SelectMany(arm => Outcomes(arm, s))),
                    outcome => 100 * outcome.Accuracy)))],
            "test accuracy, %");
        Section("2. Test accuracy at the end", "sizes.png", $"After {grid.SmallEpochs}, {grid.MediumEpochs} and {grid.AllEpochs} epochs. " +
            "The axes do not begin at 0.");
        foreach (var size in grid.Sizes)
        {
            Table(
                $"{size:N0} images",
                "test accuracy",
                Arms.All.Select(arm => (arm, Outcomes(arm, size))),
                outcome => 100 * outcome.Accuracy);
        }
    }

    private void WrongLabels()
    {
        string[] groups = [.. Grid.WrongLabels.Select(share => share.ToString("0%", CultureInfo.InvariantCulture) + " wrong")];
        Outcome[][] Of(string arm) => [.. Grid.WrongLabels.Select(share => Noisy(arm, share))];
        Figures.Bars(
            InFolder("wrong-labels.png"),
            [
                new BarPanel("last epoch", groups, [.. Arms.All.Select(arm => Bar(arm, Of(arm), outcome => 100 * outcome.Last))]),
                new BarPanel("best epoch", groups, [.. Arms.All.Select(arm => Bar(arm, Of(arm), outcome => 100 * outcome.Best))]),
            ],
            "test accuracy, %");
        Section(
            "3. Wrong labels",
            "wrong-labels.png",
            $"{grid.Noisy:N0} images, {grid.SmallEpochs} epochs, the share of training labels replaced at random, alpha " +
            $"{Grid.NoiseAlpha}. The mixup paper (table 2) has on CIFAR-10, half of the labels wrong, a last-epoch error of 44.6% " +
            "without and 12.7% with mixup.");
        foreach (var share in Grid.WrongLabels)
        {
            Table(
                share.ToString("0%", CultureInfo.InvariantCulture) + " wrong",
                "last epoch",
                Arms.All.Select(arm => (arm, Noisy(arm, share))),
                outcome => 100 * outcome.Last,
                ("best epoch", outcome => 100 * outcome.Best));
        }

        Published("That input mixup keeps the last epoch from learning half of the labels " +
            "wrong", IsBetter(Noisy("input", 0.5), Noisy("none", 0.5), outcome => outcome.Last));
    }

    private void CalibrationOfConfidence()
    {
        Line Diagram(string arm)
        {
            var bins = Outcomes(arm, grid.Medium).SelectMany(outcome => outcome.Reliability)
                .GroupBy(bin => Math.Min((int)(bin.Confidence * 10), 9)).OrderBy(bin => bin.Key)
                .Select(bin =>
                    (
                        Count: (double)bin.Sum(b => b.Count),
                        Sum: bin.Sum(b => b.Count * b.Confidence),
                        Hits: bin.Sum(b => b.Count * b.Accuracy))).ToArray();
            return new Line(
                arm,
                [.. bins.Select(bin => bin.Hits / bin.Count)],
                [.. bins.Select(bin => Math.Sqrt(bin.Hits / bin.Count * (1 - (bin.Hits / bin.Count)) / bin.Count))],
                [.. bins.Select(bin => bin.Sum / bin.Count)]);
        }

        Figures.Curves(
            InFolder("reliability.png"),
            [new Panel($"{grid.Medium:N0} images: on the diagonal confidence is right", [.. Arms.All.Select(Diagram)], Diagonal: true)],
            "confidence",
            "accuracy");
        Section(
            "4. Calibration",
            "reliability.png",
            $"Trained on {grid.Medium:N0} images. Below the diagonal a network is too sure of itself, above it too modest; " +
            "bands are the standard error of a share. The expected calibration error is from 0, perfect, to 1.");
        Table("expected calibration error", "error", Arms.All.Select(arm => (arm, Outcomes(arm, grid.Medium))), outcome =>
                outcome.CalibrationError, decimals: 3, lowerIsBetter: true);
        Table(
            "negative log-likelihood",
            "value",
            Arms.All.Select(arm => (arm, Outcomes(arm, grid.Medium))),
            outcome => outcome.LogLikelihood,
            decimals: 3,
            lowerIsBetter: true);
    }

    private void Adversarial()
    {
        Figures.Bars(
            InFolder("adversarial.png"),
            [.. new[] { grid.Small, grid.Medium }.Select(size => new BarPanel($"{size:N0} training images", [string.Empty],
                [.. Arms.All.Select(arm => Bar(arm, [Outcomes(arm, size)], outcome => 100 * outcome.AdversarialAccuracy))]))],
            "accuracy on adversarial images, %");
        Section(
            "5. Adversarial images",
            "adversarial.png",
            "A step of the fast gradient sign method, 8/255 of the range, against the trained network itself. " +
            "The manifold mixup paper has on CIFAR-10 36.3% without, 71.5% with input and 77.5% with manifold mixup.");
        foreach (var size in new[] { grid.Small, grid.Medium })
        {
            Table(
                $"{size:N0} images",
                "accuracy on adversarial images",
                Arms.All.Select(arm => (arm, Outcomes(arm, size))),
                outcome => 100 * outcome.AdversarialAccuracy);
        }

        foreach (var size in new[] { grid.Small, grid.Medium })
        {
            Published($"That input and manifold mixup resist adversarial images, with {size:N0} training " +
                "images", new[] { "input", "manifold" }.All(
                    arm => IsBetter(Outcomes(arm, size), Outcomes("none", size), outcome => outcome.AdversarialAccuracy)));
        }
    }

    private void Layers()
    {
        (string Name, Outcome[] Outcomes)[] rows =
        [
            ("none", Outcomes("none", grid.Small)),
            ("{input}", Outcomes("input", grid.Small)),
            .. Grid.Blocks.Select(block => ($"{{{block}}}", Find(grid.Of("manifold", grid.Small, place: block)))),
            ("all", Outcomes("manifold", grid.Small)),
        ];
        Figures.Bars(
            InFolder("layers.png"),
            [new BarPanel($"{grid.Small:N0} images", [.. rows.Select(row => row.Name)],
                [new BarSeries("manifold", [.. rows.Select(row => Of(row.Outcomes, o => 100 * o.Accuracy).Mean)],
                    [.. rows.Select(row => Of(row.Outcomes, o => 100 * o.Accuracy).HalfWidth)])], From(rows.SelectMany(row =>
                        row.Outcomes), o => 100 * o.Accuracy))],
            "test accuracy, %");
        Section("6. Which layers", "layers.png", $"Manifold mixup with one eligible place, or all three ({{input}} alone is input mixup; " +
            $"none for comparison), {grid.Small:N0} images. The manifold mixup paper (table 5) finds several layers together better than " +
            "one.");
        Table("eligible layers", "test accuracy", rows, outcome => 100 * outcome.Accuracy);
        Published(
            "That several layers together are better than each of them alone",
            rows[1..^1].All(row => IsBetter(rows[^1].Outcomes, row.Outcomes, outcome => outcome.Accuracy)));
    }

    private void Spending(IReadOnlyList<Cost> costs)
    {
        Figures.Bars(
            InFolder("costs.png"),
            [
                new BarPanel("time of an epoch", [string.Empty],
                    [.. costs.Select(cost => new BarSeries(cost.Name, [cost.Time.Median], [(cost.Time.Upper - cost.Time.Lower) / 2]))]),
                new BarPanel(
                    "peak memory",
                    [string.Empty],
                    [.. costs.Select(cost => new BarSeries(cost.Name, [cost.PeakMemory / costs[0].PeakMemory], [0]))]),
            ],
            "relative to none");
        Section("7. Cost", "costs.png", "Epochs measured in turn in one process; medians, with quartiles for the time. " +
            "Peak memory is what an epoch takes beyond the data.");
        Say("| arm | seconds an epoch | time against none | peak memory, MiB | against none |\n| --- | ---: | ---: | ---: | ---: |");
        foreach (var cost in costs)
        {
            Say(string.Create(CultureInfo.InvariantCulture, $"| {cost.Name} | {cost.SecondsAnEpoch:0.00} | {cost.Time.Median:0.00} " +
                $"({cost.Time.Lower:0.00} to {cost.Time.Upper:0.00}) | {cost.PeakMemory / 1048576:0.0} | " +
                $"{cost.PeakMemory / costs[0].PeakMemory:0.00} |"));
        }

        var dear = costs.Skip(1).Where(cost => cost.Time.Lower > 1).Select(cost => cost.Name).ToArray();
        Say("\n" + (dear.Length == 0 ? "No arm's time can be told from that of no mixup." : "Slower than no mixup beyond the quartiles: " +
            $"{string.Join(", ", dear)}.") + "\n");
    }

    private void AlphasAndOutputs()
    {
        string[] mixing = [.. Arms.All.Where(arm => arm != "none")];
        Figures.Curves(
            InFolder("alpha.png"),
            [
                new Panel($"{grid.Small:N0} images", [.. mixing.Select(arm =>
                {
                    Interval[] values = [.. Grid.Alphas.Select(alpha => Of(Find(grid.Of(arm, grid.Small, alpha: alpha)),
                        outcome => 100 * outcome.Accuracy))];
                    return new Line(
                        arm,
                        [.. values.Select(value => value.Mean)],
                        [.. values.Select(value => double.IsNaN(value.HalfWidth) ? 0 : value.HalfWidth)],
                        Grid.Alphas);
                })]),
            ],
            "alpha",
            "test accuracy, %");
        Section("Alpha, learning rate, and two outputs a pair", "alpha.png", $"{grid.Small:N0} images.");
        foreach (var arm in mixing)
        {
            Table($"{arm} mixup by alpha", "test accuracy", [
                    ("none", Outcomes("none", grid.Small)),
                    .. Grid.Alphas.Select(
                        alpha => ("alpha " + alpha.ToString(CultureInfo.InvariantCulture), Find(grid.Of(arm, grid.Small, alpha: alpha))))
                ], outcome => 100 * outcome.Accuracy);
        }

        Table(
            "three times the learning rate",
            "test accuracy",
            Arms.All.Select(arm => (arm, Outcomes(arm, grid.Small, rate: 3))),
            outcome => 100 * outcome.Accuracy,
            ("gained by it", outcome => 100 * (outcome.Accuracy - journal.Find(outcome.Trial with { Rate = 1 })!.Accuracy)));
        Table(
            "two outputs a pair",
            "test accuracy",
            [("none", Outcomes("none", grid.Small)),
                .. mixing.Select(arm => (arm + " x2", Find(grid.Of(arm, grid.Small, twoOutputs: true))))],
            outcome => 100 * outcome.Accuracy,
            (
                "gained by it",
                outcome =>
                    outcome.Trial.TwoOutputs
                        ? 100 * (outcome.Accuracy - journal.Find(outcome.Trial with { TwoOutputs = false })!.Accuracy)
                        : 0));
    }

    /// <summary>
    /// A table of one figure, with another beside it if that is given; the first row is what the others are held against, and the sentence
    /// below says how they compare.
    /// </summary>
    private void Table(
        string caption,
        string column,
        IEnumerable<(string Name, Outcome[] Outcomes)> rows,
        Func<Outcome, double> figure,
        (string Title, Func<Outcome, double> Figure)? beside = null,
        int decimals = 1,
        bool lowerIsBetter = false)
    {
        (string Name, Outcome[] Outcomes)[] all = [.. rows];
        Say($"| {caption} | {column} | against {all[0].Name} |{(beside is { } b ? $" {b.Title} |" : string.Empty)}\n| --- | ---: | ---: " +
            $"|{(beside is null ? string.Empty : " ---: |")}");
        List<string> better = [], worse = [], same = [];
        foreach (var (name, outcomes) in all)
        {
            var first = name == all[0].Name;
            var difference = Interval.OfDifferences(outcomes.Select(figure), all[0].Outcomes.Select(figure));
            if (!first)
            {
                var kind = double.IsNaN(difference.HalfWidth)
                    || !difference.ExcludesZero ? same : (difference.Mean > 0) != lowerIsBetter ? better : worse;
                kind.Add($"{name} ({difference.ToString(decimals, withSign: true)})");
            }

            Say($"| {name} | {Of(outcomes, figure).ToString(decimals)} | " +
                $"{(first ? string.Empty : difference.ToString(decimals, withSign: true))} " +
                $"|{(beside is { } other ? $" {Of(outcomes, other.Figure).ToString(decimals)} |" : string.Empty)}");
        }

        if (all[0].Outcomes.Length == 1)
        {
            Say("\nOne seed: there is no interval, and nothing can be told.\n");
            return;
        }

        string[] answer =
        [
            .. better.Count > 0 ? [$"better than {all[0].Name}: {string.Join(", ", better)}"] : Array.Empty<string>(),
            .. worse.Count > 0 ? [$"worse: {string.Join(", ", worse)}"] : Array.Empty<string>(),
            .. same.Count > 0 ? [$"not to be told from it: {string.Join(", ", same)}"] : Array.Empty<string>(),
        ];
        var sentence = string.Join("; ", answer);
        Say($"\n{char.ToUpperInvariant(sentence[0])}{sentence[1..]}.\n");
    }

    /// <summary>Says whether what others published shows here, wherever seeds allow to tell.</summary>
    private void Published(string claim, bool shows)
    {
        if (grid.Seeds > 1)
        {
            Say($"{claim}: {(shows ? "shows here." : "does not show here.")}\n");
        }
    }

    /// <summary>Whether one is better than another beyond the interval of their differences.</summary>
    private static bool IsBetter(Outcome[] one, Outcome[] than, Func<Outcome, double> figure)
    {
        var difference = Interval.OfDifferences(one.Select(figure), than.Select(figure));
        return difference.ExcludesZero && difference.Mean > 0;
    }

    private void Section(string title, string figure, string introduction) =>
        Say($"## {title}\n\n![{title}]({figure})\n\n{introduction}\n");

    private void Say(string line) => text.Append(line.ReplaceLineEndings("\n")).Append('\n');

    private string InFolder(string name) => Path.Combine(folder, name);

    private Outcome[] Outcomes(string arm, int size, double rate = 1) => Find(grid.Of(arm, size, rate));

    private Outcome[] Noisy(string arm, double share) => Find(grid.Of(arm, grid.Noisy, alpha: Grid.NoiseAlpha, wrong: share));

    private Outcome[] Find(IEnumerable<Trial> trials) =>
        [.. trials.Select(trial => journal.Find(trial) ?? throw new InvalidOperationException($"{trial} was not run."))];

    private static Interval Of(Outcome[] outcomes, Func<Outcome, double> figure) => Interval.Of([.. outcomes.Select(figure)]);

    private static double From(IEnumerable<Outcome> outcomes, Func<Outcome, double> figure) =>
        Math.Max(0, 5 * Math.Floor((outcomes.Min(figure) - 3) / 5));

    private static BarSeries Bar(string arm, Outcome[][] groups, Func<Outcome, double> figure) =>
        new(arm, [.. groups.Select(outcomes => Of(outcomes, figure).Mean)], [.. groups.Select(outcomes => Of(outcomes, figure).HalfWidth)]);

    private static Line Curve(string arm, Outcome[] outcomes)
    {
        var points = outcomes.Min(outcome => outcome.Curve.Count);
        var epochs = outcomes[0].Trial.Epochs;
        Interval[] values = [.. Enumerable.Range(0, points).Select(point => Of(outcomes, outcome => 100 * outcome.Curve[point]))];
        return new Line(
            arm,
            [.. values.Select(value => value.Mean)],
            [.. values.Select(value => double.IsNaN(value.HalfWidth) ? 0 : value.HalfWidth)],
            [.. Enumerable.Range(1, points).Select(point => (double)point * epochs / points)]);
    }
}
