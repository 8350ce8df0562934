namespace Mixup.Samples.Study;

/// <summary>The size of a study.</summary>
public enum Extent
{
    Quick,
    Default,
    Full,
}

/// <summary>All trials of a study. Each question of the report picks its own.</summary>
/// <param name="Small">The size of the small training set, which most questions use.</param>
/// <param name="Medium">The size of the medium training set.</param>
/// <param name="All">The number of all training images.</param>
/// <param name="Noisy">The size of the training set with wrong labels.</param>
/// <param name="SmallEpochs">The epochs on the small and the noisy training set.</param>
/// <param name="MediumEpochs">The epochs on the medium training set.</param>
/// <param name="AllEpochs">The epochs on all images.</param>
/// <param name="Seeds">The number of seeds of each trial.</param>
/// <param name="AllSeeds">The number of seeds of each trial on all images.</param>
public sealed record Grid(
    int Small, int Medium, int All, int Noisy, int SmallEpochs, int MediumEpochs, int AllEpochs, int Seeds, int AllSeeds)
{
    public const double Alpha = 1;
    public const double NoiseAlpha = 2;

    // An epoch of fewer images has so few steps that the usual number of epochs would train too little.
    private const int FewImages = 10_000;

    public static IReadOnlyList<double> Alphas { get; } = [0.2, 0.4, 1, 2];

    public static IReadOnlyList<double> Rates { get; } = [1, 3];

    public static IReadOnlyList<double> WrongLabels { get; } = [0.2, 0.5, 0.8];

    /// <summary>Gets the layers at which manifold mixup mixes alone.</summary>
    public static IReadOnlyList<string> Blocks { get; } = ["block1", "block2"];

    /// <summary>Gets the sizes of the training sets with right labels.</summary>
    public IReadOnlyList<int> Sizes => [Small, Medium, All];

    /// <summary>Gets every trial once, ordered by seed, so that a study that was stopped has complete repetitions.</summary>
    public IReadOnlyList<Trial> Trials =>
    [
        .. Enumerable.Range(0, Math.Max(Seeds, AllSeeds)).SelectMany(seed => OfSeed(seed)).Distinct(),
    ];

    /// <summary>Makes the grid for a data set.</summary>
    /// <param name="extent">The size of the study.</param>
    /// <param name="trainSize">The number of training images of the data set.</param>
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

    /// <summary>Gets the trials of a strategy, one for each seed.</summary>
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
