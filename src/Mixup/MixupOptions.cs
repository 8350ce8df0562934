using System.Globalization;

namespace TorchSharp.Mixup;

/// <summary>How a batch is mixed. One record for every strategy; the defaults are fastai's.</summary>
public sealed record MixupOptions
{
    /// <summary>
    /// How two samples are put together: <see cref="CutMix"/>, <see cref="OneOf"/> several, or one's own. Default:
    /// <see cref="Interpolation"/> with alpha 0.4, folded, as in fastai.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Method Method
    {
        get;
        init =>
            field = value ?? throw new ArgumentNullException(nameof(value), "a method is expected. Leave it out for new Interpolation().");
    } = new Interpolation();

    /// <summary>
    /// How method and probability change in the course of training: a pure function of epoch and batch, such as
    /// <see cref="Schedules.OffForLast"/>. Default null: they stay as they are. The epoch is what <see cref="IMixupStrategy.Epoch"/> was
    /// set to.
    /// </summary>
    public Schedule? Schedule { get; init; }

    /// <summary>
    /// The number of dimensions of the extent that methods cut along: 1 for a sequence, 2 for an image. Default null: all dimensions of the
    /// first input behind its second.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? ExtentDimensions
    {
        get;
        init => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(value), value, "An extent has one dimension or more; null takes all behind the second.");
    }

    /// <summary>
    /// Where tensors with channels have the extent. Default: their last dimensions, as in [B, C, H, W]. For [B, T, F] choose
    /// <see cref="ExtentPosition.BehindBatch"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the enumeration.</exception>
    public ExtentPosition ExtentPosition
    {
        get;
        init => field = Check.Defined(value);
    } = ExtentPosition.Trailing;

    /// <summary>
    /// Whether a target belongs to each sample as a whole, which lambda weighs, or to the cells of its extent, which the field weighs.
    /// Default: as the shape says, and where it does not, an error.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the enumeration.</exception>
    public TargetKind TargetKind
    {
        get;
        init => field = Check.Defined(value);
    } = TargetKind.ByShape;

    /// <summary>Who shares a coefficient, or the field of another method. Default: each sample has its own, as in fastai.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the enumeration.</exception>
    public CoefficientPer CoefficientPer
    {
        get;
        init => field = Check.Defined(value);
    } = CoefficientPer.Sample;

    /// <summary>
    /// Probability, from 0 to 1, that a sample, pair or batch (as <see cref="CoefficientPer"/> says) is mixed at all; the others get
    /// lambda 1. Applied once. Default 1.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside [0, 1] or not a number.</exception>
    public double Probability
    {
        get;
        init => field = Check.Probability(value);
    } = 1;

    /// <summary>
    /// How partners are chosen: one of <see cref="Mixup.Pairing"/>, or a rule of one's own. A sample that becomes its own partner
    /// is not mixed: its lambda is 1. Default: a random permutation, in which none is.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public PairingRule Pairing
    {
        get;
        init => field = value ?? throw new ArgumentNullException(
            nameof(value), "A pairing is expected. Leave it out for Pairing.Permutation.");
    } = Mixup.Pairing.Permutation;

    /// <summary>
    /// Whether losses or targets are mixed (fastai's <c>stack_y</c>). Default: as suits the loss, then the target's type.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the enumeration.</exception>
    public TargetMixing TargetMixing
    {
        get;
        init => field = Check.Defined(value);
    } = TargetMixing.ByLoss;

    /// <summary>
    /// What comes out: the mixed samples, both combinations of each pair, or the clean samples beside the mixed ones. With the last two the
    /// batch has 2B rows from the mixing place on, and the target matches. Default: the mixed samples.
    /// </summary>
    public MixupOutputs Outputs { get; init; }

    /// <summary>
    /// How inputs of bytes become float32 for the model: mixed in the same pass where the place is the input, else converted alone. Methods
    /// and pairings that look at the samples see the bytes. Batches for validation, which no strategy sees, are converted by
    /// <see cref="ToFloat.Apply"/>; a learner's <c>MixupCallback</c> does so by itself. Default null: bytes stay bytes. Inputs of other
    /// types stay as they are.
    /// </summary>
    public ToFloat? ToFloat { get; init; }

    /// <summary>Seed of every draw of a strategy. Default null: a fresh one, which <see cref="IMixupStrategy.State"/> tells.</summary>
    public ulong? Seed { get; init; }

    /// <summary>
    /// Receives warnings: a module that runs twice in a pass, a poor place, a step of manifold mixup that was never disposed. Default: a
    /// line on the error stream of the process.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is null. To hear nothing, give an action that does nothing.</exception>
    public Action<string> Warn
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(value));
    } = WriteToErrorStream;

    /// <summary>Writes the options, of functions only the name.</summary>
    /// <returns>Such as <c>MixupOptions { Method = CutMix { Alpha = 1, ... }, Probability = 1, ... }</c>.</returns>
    public override string ToString()
    {
        (string Name, object? Value)[] options =
        [
            (nameof(Method), Method), (nameof(Probability), Probability), (nameof(Schedule), Schedule?.Method.Name),
            (nameof(CoefficientPer), CoefficientPer), (nameof(Pairing), Pairing), (nameof(Outputs), Outputs),
            (nameof(TargetMixing), TargetMixing), (nameof(TargetKind), TargetKind), (nameof(ExtentPosition), ExtentPosition),
            (nameof(ExtentDimensions), ExtentDimensions), (nameof(ToFloat), ToFloat), (nameof(Seed), Seed),
        ];
        var shown = options.Where(option => option.Value is not null)
            .Select(option => string.Create(CultureInfo.InvariantCulture, $"{option.Name} = {option.Value}"));
        return $"MixupOptions {{ {string.Join(", ", shown)} }}";
    }

    /// <summary>Checks that no two options contradict each other.</summary>
    internal void CheckConsistent()
    {
        if (CoefficientPer == CoefficientPer.Pair && !Pairing.MakesPairs)
        {
            throw new ArgumentException(
                $"The pairing {Pairing} makes no pairs that could share a coefficient. " +
                "Choose Pairing.Halves or Pairing.Permutation, or one coefficient per sample or batch.",
                "options");
        }
    }

    /// <summary>The method and the probability at a point of training.</summary>
    internal (Method Method, double Probability) ScheduledAt(MixupState state, int? epochs)
    {
        if (Schedule is null)
        {
            return (Method, Probability);
        }

        var (method, probability) = Schedule(new SchedulePoint(state.Epoch, epochs, state.Batch, Method, Probability));
        return method is not null && probability is >= 0 and <= 1
            ? (method, probability)
            : throw new InvalidOperationException(
                $"The schedule returned {method?.ToString() ?? "no method"} and the probability {probability} for batch {state.Batch}; " +
                "expected a method, and a probability from 0 to 1. Return point.Method and point.Probability for those of the options.");
    }

    private static void WriteToErrorStream(string warning) => Console.Error.WriteLine($"mixup: warning: {warning}");
}

/// <summary>Who shares a mixing coefficient.</summary>
public enum CoefficientPer
{
    /// <summary>Each sample has its own (fastai; timm's <c>elem</c>).</summary>
    Sample,

    /// <summary>
    /// The two samples of a pair share one (timm's <c>pair</c>). Partners are then mutual, and an odd sample joins the last pair.
    /// </summary>
    Pair,

    /// <summary>The whole batch shares one (the mixup paper's own code; torchvision; timm's <c>batch</c>).</summary>
    Batch,
}
