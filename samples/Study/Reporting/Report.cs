using System.Globalization;
using System.Text;

namespace Mixup.Samples.Study;

/// <summary>Writes the report: for each question a table, a picture and a sentence, whatever the answer is.</summary>
/// <param name="grid">The trials.</param>
/// <param name="journal">Their outcomes.</param>
/// <param name="dataName">The name of the data set.</param>
/// <param name="testImages">The number of test images.</param>
/// <param name="folder">The folder of the report.</param>
public sealed class Report(Grid grid, Journal journal, string dataName, int testImages, string folder)
{
    private readonly StringBuilder text = new();

    private string Whiskers => grid.Seeds > 1
        ? "Bars: mean over seeds. Whiskers: 95% interval of that mean."
        : "Each bar is a single run, so there are no whiskers.";

    /// <summary>Writes <c>report.md</c> and its pictures.</summary>
    /// <param name="conditions">How and where the study was run.</param>
    /// <param name="costs">The cost of each strategy.</param>
    public void Write(Conditions conditions, IReadOnlyList<Cost> costs)
    {
        var remark = conditions.Remark.Length > 0 ? "\n" + conditions.Remark : string.Empty;
        Say($"""
            # No mixup, input, manifold and output mixup on {dataName}

            `{conditions.Command}` made this report from {grid.Trials.Count} training runs: {conditions.Machine}.
            [trials.csv](trials.csv) has all outcomes, [costs.csv](costs.csv) all costs.{remark}

            - The network is a pre-activation ResNet of about 175,000 parameters, trained without augmentation by SGD:
              momentum 0.9, weight decay 5e-4, batches of {Trainer.BatchSize},
              and a learning rate that falls from {Number(Trainer.BaseRate)} to 0 along a cosine.
            - Alpha is {Number(Grid.Alpha)} unless a table names another, and {Number(Grid.NoiseAlpha)} with wrong labels.
            - For a seed, all strategies have the same initial weights, images, wrong labels, batches and number of epochs.
            - Accuracy is in percent of {testImages:N0} test images;
              for curves and adversarial images, of the first {Math.Min(Trainer.ProbeSize, testImages):N0} of them.
            - `±` and whiskers show the 95% interval of the mean over seeds (Student's t).
              "Against none" is the mean difference from no mixup, seed by seed, with its own interval.
            - With so few seeds the intervals are wide. Where an interval includes 0, this study shows no effect;
              there may be one that is too small to be seen here.

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
                    arm => Curve(arm, Outcomes(arm, grid.Medium, rate)))], Figures.EpochTicks(grid.MediumEpochs)))],
            "epoch",
            "test accuracy, %",
            grid.Seeds > 1
                ? $"Lines: mean of {grid.Seeds} seeds. Bands: 95% interval of that mean."
                : "Each line is a single run, so there are no bands.");
        Section(
            "1. Which converges faster?",
            "convergence.png",
            "The author of the first implementation of output mixup reports that it converges faster " +
            "([fastai forum](https://forums.fast.ai/t/mixup-data-augmentation/22764/53)). Two demos of the author disagree: an accuracy " +
            "of 0.9917 with output mixup against 0.9872 without mixup in one, and of 0.9485 against 0.9628 in the other. The measure " +
            "here is the mean of the accuracy curve: the sooner the curve rises, the higher it is.");
        foreach (var rate in Grid.Rates)
        {
            Table(
                string.Create(CultureInfo.InvariantCulture, $"learning rate {Trainer.BaseRate * rate:0.##}"),
                "mean of the curve",
                Arms.All.Select(arm => (arm, Outcomes(arm, grid.Medium, rate))),
                outcome => 100 * outcome.Curve.Average(),
                ("at the end", outcome => 100 * outcome.Last, false));
        }

        Published(
            "Output mixup converges faster than no mixup, at the base learning rate",
            IsBetter(Outcomes("output", grid.Medium), Outcomes("none", grid.Medium), outcome => outcome.Curve.Average()));
        Published(
            "Output mixup converges faster than no mixup, at three times the learning rate",
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
            "test accuracy, %",
            Whiskers + " The axes do not begin at 0.");
        Section(
            "2. Test accuracy at the end",
            "sizes.png",
            $"The networks are trained for {grid.SmallEpochs}, {grid.MediumEpochs} and {grid.AllEpochs} epochs. " +
            $"There are {SeedsOf(grid.Seeds)}, but {SeedsOf(grid.AllSeeds)} of the largest training set.");
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
            "test accuracy, %",
            Whiskers);
        Section(
            "3. Wrong labels",
            "wrong-labels.png",
            $"A fraction of the labels of {grid.Noisy:N0} training images is replaced at random. The networks are trained for " +
            $"{grid.SmallEpochs} epochs, with alpha {Grid.NoiseAlpha}. For CIFAR-10 with half of the labels wrong, the mixup paper " +
            "(table 2) reports an error at the last epoch of 44.6% without and 12.7% with mixup.");
        foreach (var share in Grid.WrongLabels)
        {
            Table(
                share.ToString("0%", CultureInfo.InvariantCulture) + " wrong",
                "last epoch",
                Arms.All.Select(arm => (arm, Noisy(arm, share))),
                outcome => 100 * outcome.Last,
                ("best epoch", outcome => 100 * outcome.Best, false));
        }

        Published("With half of the labels wrong, input mixup is more accurate than no mixup at the last " +
            "epoch", IsBetter(Noisy("input", 0.5), Noisy("none", 0.5), outcome => outcome.Last));
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
                [.. bins.Select(bin => 100 * bin.Hits / bin.Count)],
                [.. bins.Select(bin => 100 * Math.Sqrt(bin.Hits / bin.Count * (1 - (bin.Hits / bin.Count)) / bin.Count))],
                [.. bins.Select(bin => 100 * bin.Sum / bin.Count)]);
        }

        Figures.Curves(
            InFolder("reliability.png"),
            [new Panel($"{grid.Medium:N0} training images", [.. Arms.All.Select(Diagram)], Diagonal: true)],
            "confidence, %",
            "test accuracy, %",
            "Points: predictions of similar confidence, of all seeds. Bands: standard error. On the dashed diagonal, confidence equals " +
            "accuracy.");
        Section(
            "4. Calibration",
            "reliability.png",
            $"The networks are trained on {grid.Medium:N0} images. Below the diagonal a network is overconfident, above it " +
            "underconfident. The expected calibration error goes from 0, perfect, to 1.");
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
            "accuracy on adversarial images, %",
            Whiskers);
        Section(
            "5. Adversarial images",
            "adversarial.png",
            "Each test image is changed by one step of the fast gradient sign method against the trained network itself, by 8/255 of the " +
            "range. For CIFAR-10 the manifold mixup paper reports an accuracy of 36.3% without, 71.5% with input and 77.5% with manifold " +
            "mixup.");
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
            Published($"Input and manifold mixup resist adversarial images better than no mixup, with {size:N0} training " +
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
                    [.. rows.Select(row => Of(row.Outcomes, o => 100 * o.Accuracy).HalfWidth)],
                    [.. rows.Select(row => row.Name switch { "none" => "none", "{input}" => "input", _ => "manifold" })])],
                From(rows.SelectMany(row => row.Outcomes), o => 100 * o.Accuracy))],
            "test accuracy, %",
            Whiskers + " The axis does not begin at 0.");
        Section("6. Which layers", "layers.png", "Manifold mixup may mix at one layer alone, or at all three: the input, block1 and " +
            $"block2. At the input alone it is input mixup. There are {grid.Small:N0} training images. The manifold mixup paper " +
            "(table 5) finds several layers better than one.");
        Table("eligible layers", "test accuracy", rows, outcome => 100 * outcome.Accuracy);
        Published(
            "Several layers together are better than each of them alone",
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
            "relative to no mixup",
            "Bars: median. Whiskers: half the distance between the quartiles. x2: both combinations of each pair.");
        Section("7. Cost", "costs.png", "Epochs of all strategies are measured in turn in one process. The table has the median, and for " +
            "the time the quartiles. Peak memory is what an epoch takes beyond the data. With x2, both combinations of each pair are " +
            "trained on.");
        Say("| mixup | seconds an epoch | time relative to none | peak memory, MiB | memory relative to none |\n" +
            "| --- | ---: | ---: | ---: | ---: |");
        foreach (var cost in costs)
        {
            Say(string.Create(CultureInfo.InvariantCulture, $"| {cost.Name} | {cost.SecondsAnEpoch:0.00} | {cost.Time.Median:0.00} " +
                $"({cost.Time.Lower:0.00} to {cost.Time.Upper:0.00}) | {cost.PeakMemory / 1048576:0.0} | " +
                $"{cost.PeakMemory / costs[0].PeakMemory:0.00} |"));
        }

        var dear = costs.Skip(1).Where(cost => cost.Time.Lower > 1).Select(cost => cost.Name).ToArray();
        Say("\n" + (dear.Length == 0 ? "No strategy is slower than no mixup in three of four rounds." : "Slower than no mixup in " +
            $"three of four rounds or more: {string.Join(", ", dear)}.") + "\n");
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
                })], Grid.Alphas),
            ],
            "alpha",
            "test accuracy, %",
            grid.Seeds > 1 ? "Lines: mean over seeds. Bands: 95% interval of that mean." : "Each point is a single run.");
        Section("8. Alpha, learning rate, and both combinations of a pair", "alpha.png", $"There are {grid.Small:N0} training images.");
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
            ("against the base rate", outcome => 100 * (outcome.Accuracy - journal.Find(outcome.Trial with { Rate = 1 })!.Accuracy), true));
        Table(
            "both combinations of a pair",
            "test accuracy",
            [("none", Outcomes("none", grid.Small)),
                .. mixing.Select(arm => (arm + " x2", Find(grid.Of(arm, grid.Small, twoOutputs: true))))],
            outcome => 100 * outcome.Accuracy,
            (
                "against one combination",
                outcome =>
                    outcome.Trial.TwoOutputs
                        ? 100 * (outcome.Accuracy - journal.Find(outcome.Trial with { TwoOutputs = false })!.Accuracy)
                        : double.NaN,
                true));
    }

    // A table of one figure, with another beside it if that is given. The other rows are compared with the first, and sentences below say
    // how. A second figure that is not a number leaves its cell empty.
    private void Table(
        string caption,
        string column,
        IEnumerable<(string Name, Outcome[] Outcomes)> rows,
        Func<Outcome, double> figure,
        (string Title, Func<Outcome, double> Figure, bool IsDifference)? beside = null,
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
                $"|{(beside is { } other ? $" {Cell(Of(outcomes, other.Figure))} |" : string.Empty)}");
        }

        if (all[0].Outcomes.Length == 1)
        {
            Say("\nThere is one seed, so there are no intervals, and nothing is shown.\n");
            return;
        }

        string[] answer =
        [
            .. better.Count > 0 ? [$"Better than {all[0].Name}: {string.Join(", ", better)}."] : Array.Empty<string>(),
            .. worse.Count > 0 ? [$"Worse than {all[0].Name}: {string.Join(", ", worse)}."] : Array.Empty<string>(),
            .. same.Count > 0 ? [$"No difference from {all[0].Name} is shown: {string.Join(", ", same)}."] : Array.Empty<string>(),
        ];
        Say($"\n{string.Join(' ', answer)}\n");
        string Cell(Interval value) =>
            double.IsNaN(value.Mean) ? string.Empty : value.ToString(decimals, withSign: beside!.Value.IsDifference);
    }

    // Says whether a published claim is confirmed, if there are several seeds.
    private void Published(string claim, bool shows)
    {
        if (grid.Seeds > 1)
        {
            Say($"Published claim: {char.ToLowerInvariant(claim[0])}{claim[1..]}. It is {(shows ? "confirmed" : "not confirmed")} here.\n");
        }
    }

    // Whether one is better than another beyond the interval of their differences.
    private static bool IsBetter(Outcome[] one, Outcome[] than, Func<Outcome, double> figure)
    {
        var difference = Interval.OfDifferences(one.Select(figure), than.Select(figure));
        return difference.ExcludesZero && difference.Mean > 0;
    }

    private void Section(string title, string figure, string introduction) =>
        Say($"## {title}\n\n![{title}]({figure})\n\n{introduction}\n");

    private void Say(string line) => text.Append(line.ReplaceLineEndings("\n")).Append('\n');

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);

    private static string SeedsOf(int count) => count == 1 ? "1 seed" : $"{count} seeds";

    private string InFolder(string name) => Path.Combine(folder, name);

    private Outcome[] Outcomes(string arm, int size, double rate = 1) => Find(grid.Of(arm, size, rate));

    private Outcome[] Noisy(string arm, double share) => Find(grid.Of(arm, grid.Noisy, alpha: Grid.NoiseAlpha, wrong: share));

    private Outcome[] Find(IEnumerable<Trial> trials) =>
        [.. trials.Select(trial => journal.Find(trial) ?? throw new InvalidDataException(
            $"The study has no outcome of {trial}. Run it again without --report to finish it."))];

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
