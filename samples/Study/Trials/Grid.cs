namespace Mixup.Samples.Study;

/// <summary>How much of the study is run.</summary>
public enum Extent
{
    Quick,
    Default,
    Full,
}

/// <summary>All trials of the study, declared; each question picks its own from them.</summary>
/// <param name="Small">The smallest training set, on which most is compared.</param>
/// <param name="Medium">The middle one.</param>
/// <param name="All">All training images.</param>
/// <param name="Noisy">The training set whose labels are made wrong.</param>
/// <param name="SmallEpochs">How long the smallest is trained on; the noisy one, too.</param>
/// <param name="MediumEpochs">How long the middle one.</param>
/// <param name="AllEpochs">How long all.</param>
/// <param name="Seeds">How often each trial is repeated.</param>
/// <param name="AllSeeds">How often those on all images are.</param>
public sealed record Grid(
    int Small, int Medium, int All, int Noisy, int SmallEpochs, int MediumEpochs, int AllEpochs, int Seeds, int AllSeeds)
{
    public const double Alpha = 1;
    public const double NoiseAlpha = 2;

    // An epoch of so few is so few steps that a budget of epochs for more would train nothing.
    private const int FewImages = 10_000;

    public static IReadOnlyList<double> Alphas { get; } = [0.2, 0.4, 1, 2];

    public static IReadOnlyList<double> Rates { get; } = [1, 3];

    public static IReadOnlyList<double> WrongLabels { get; } = [0.2, 0.5, 0.8];

    /// <summary>The eligible layers of manifold mixup beside all; the input alone is input mixup.</summary>
    public static IReadOnlyList<string> Blocks { get; } = ["block1", "block2"];

    /// <summary>The training sizes.</summary>
    public IReadOnlyList<int> Sizes => [Small, Medium, All];

    /// <summary>Every trial once. Seeds are outermost, so that a study that was stopped has whole repetitions.</summary>
    public IReadOnlyList<Trial> Trials =>
    [
        .. Enumerable.Range(0, Math.Max(Seeds, AllSeeds)).SelectMany(seed => OfSeed(seed)).Distinct(),
    ];

    /// <summary>A grid for a data set.</summary>
    public static Grid Of(Extent extent, int trainSize)
    {
        int AtMost(int size, int parts) => Math.Min(size, trainSize / parts);
        var grid = extent switch
        {
            Extent.Quick => new Grid(AtMost(400, 4), AtMost(800, 2), AtMost(1_600, 1), AtMost(400, 4), 8, 6, 3, 1, 1),
            Extent.Default => new Grid(AtMost(1_000, 4), AtMost(10_000, 2), trainSize, AtMost(2_000, 2), 20, 10, 3, 3, 2),
            _ => new Grid(AtMost(1_000, 4), AtMost(10_000, 2), trainSize, AtMost(10_000, 2), 60, 40, 20, 5, 5),
        };
        return extent != Extent.Quick && trainSize < FewImages ? grid with { SmallEpochs = 30, MediumEpochs = 30, AllEpochs = 30 } : grid;
    }

    /// <summary>Trials of an arm with every seed.</summary>
    public IEnumerable<Trial> Of(
        string arm, int size, double rate = 1, double? alpha = null, bool twoOutputs = false, double wrong = 0, string place = "all") =>
        Enumerable.Range(0, size == All ? AllSeeds : Seeds).Select(seed => Make(seed, arm, size, rate, alpha, twoOutputs, wrong, place));

    private IEnumerable<Trial> OfSeed(int seed)
    {
        var mixing = Arms.All.Where(arm => arm != "none").ToArray();
        if (seed < Seeds)
        {
            foreach (var rate in Rates)
            {
                foreach (var arm in Arms.All)
                {
                    yield return Make(seed, arm, Medium, rate);
                    yield return Make(seed, arm, Small, rate);
                }
            }

            foreach (var wrong in WrongLabels)
            {
                foreach (var arm in Arms.All)
                {
                    yield return Make(seed, arm, Noisy, wrong: wrong, alpha: NoiseAlpha);
                }
            }

            foreach (var arm in mixing)
            {
                yield return Make(seed, arm, Small, twoOutputs: true);
                foreach (var alpha in Alphas)
                {
                    yield return Make(seed, arm, Small, alpha: alpha);
                }
            }

            foreach (var block in Blocks)
            {
                yield return Make(seed, "manifold", Small, place: block);
            }
        }

        if (seed < AllSeeds)
        {
            foreach (var arm in Arms.All)
            {
                yield return Make(seed, arm, All);
            }
        }
    }

    private Trial Make(
        int seed,
        string arm,
        int size,
        double rate = 1,
        double? alpha = null,
        bool twoOutputs = false,
        double wrong = 0,
        string place = "all")
    {
        var epochs = wrong == 0 && size == All ? AllEpochs : wrong == 0 && size == Medium ? MediumEpochs : SmallEpochs;
        return new Trial(
            arm, twoOutputs, arm == "none" ? 0 : alpha ?? Alpha, rate, size, wrong, arm == "manifold" ? place : "-", epochs, seed);
    }
}
