using System.Globalization;

namespace TorchSharp.Mixup;

/// <summary>The options of mixing, shared by all strategies. The defaults are fastai's.</summary>
public sealed record MixupOptions
{
    /// <summary>
    /// Gets the method that combines two samples, such as <see cref="Interpolation"/>, <see cref="CutMix"/>, <see cref="OneOf"/> or your
    /// own. Default: <see cref="Interpolation"/> with alpha 0.4 and lambda folded to at least 0.5, as in fastai.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Method Method
    {
        get;
        init =>
            field = value ?? throw new ArgumentNullException(nameof(value), "A method is expected, but the value is null. Leave it " +
                "out for new Interpolation().");
    } = new Interpolation();

    /// <summary>
    /// Gets the schedule that changes the method and the probability during training, such as <see cref="Schedules.OffForLast"/>. It is a
    /// pure function of the epoch and the batch; set <see cref="IMixupStrategy.Epoch"/> for it. Default null: both stay constant.
    /// </summary>
    public Schedule? Schedule { get; init; }

    /// <summary>
    /// Gets the number of dimensions in which methods cut: 1 for sequences, 2 for images. Default null: all dimensions of the first input
    /// after its second.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? ExtentDimensions
    {
        get;
        init => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(value), value, "An extent has one dimension or more. Give 1 or more, or null for all dimensions after the second.");
    }

    /// <summary>
    /// Gets which dimensions of a tensor with channels are the extent. Default: the last ones, as in [B, C, H, W]. For [B, T, F] choose
    /// <see cref="ExtentPosition.BehindBatch"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a member of the enumeration.</exception>
    public ExtentPosition ExtentPosition
    {
        get;
        init => field = Check.Defined(value);
    } = ExtentPosition.Trailing;

    /// <summary>
    /// Gets whether a target belongs to each whole sample, so that lambda weights it, or to the cells of the extent, so that the field
    /// weights it. Default: inferred from the shape, with an error if the shape is ambiguous.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a member of the enumeration.</exception>
    public TargetKind TargetKind
    {
        get;
        init => field = Check.Defined(value);
    } = TargetKind.ByShape;

    /// <summary>
    /// Gets whether lambda (or the box or mask of a method) is drawn per sample, per pair or per batch. Default: per sample, as in fastai.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a member of the enumeration.</exception>
    public CoefficientPer CoefficientPer
    {
        get;
        init => field = Check.Defined(value);
    } = CoefficientPer.Sample;

    /// <summary>
    /// Gets the probability, from 0 to 1, that a sample, pair or batch is mixed; <see cref="CoefficientPer"/> selects which of the three.
    /// The others get lambda 1. Default 1.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside [0, 1] or not a number.</exception>
    public double Probability
    {
        get;
        init => field = Check.Probability(value);
    } = 1;

    /// <summary>
    /// Gets the rule that chooses partners: a member of <see cref="Mixup.Pairing"/>, or your own. A sample that is its own partner is not
    /// mixed: its lambda is 1. Default: a random permutation without fixed points.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public PairingRule Pairing
    {
        get;
        init => field = value ?? throw new ArgumentNullException(
            nameof(value), "A pairing is expected, but the value is null. Leave it out for Pairing.Permutation.");
    } = Mixup.Pairing.Permutation;

    /// <summary>
    /// Gets whether losses or targets are mixed (fastai's <c>stack_y</c>). Default: chosen by the loss, then by the type of the target.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a member of the enumeration.</exception>
    public TargetMixing TargetMixing
    {
        get;
        init => field = Check.Defined(value);
    } = TargetMixing.ByLoss;

    /// <summary>
    /// Gets which rows are returned: the mixed samples, both combinations of each pair, or the clean samples followed by the mixed ones.
    /// The last two return 2B rows, and the target matches them. Default: the mixed samples.
    /// </summary>
    public MixupOutputs Outputs { get; init; }

    /// <summary>
    /// Gets how byte inputs are converted to float32. Input mixup converts and mixes them in one pass; other strategies only convert them.
    /// Methods and pairings that read the samples see the bytes. Convert validation batches by <see cref="ToFloat.Apply"/>; a learner's
    /// <c>MixupCallback</c> does so itself. Default null: bytes stay bytes. Inputs of other types are not converted.
    /// </summary>
    public ToFloat? ToFloat { get; init; }

    /// <summary>
    /// Gets the seed of all draws of a strategy. Default null: a random seed is chosen; read it from <see cref="IMixupStrategy.State"/>.
    /// </summary>
    public ulong? Seed { get; init; }

    /// <summary>
    /// Gets the action that receives warnings, for instance of a module that runs twice in a forward pass. Default: a line on the error
    /// stream of the process.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is null. To ignore warnings, give an action that does nothing.</exception>
    public Action<string> Warn
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(value));
    } = WriteToErrorStream;

    /// <summary>Returns the options as text. A function is shown by its name.</summary>
    /// <returns>Text such as <c>MixupOptions { Method = CutMix { Alpha = 1, ... }, Probability = 1, ... }</c>.</returns>
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
                $"The pairing {Pairing} makes no pairs, but CoefficientPer.Pair shares a coefficient in each pair. Choose " +
                "Pairing.Halves or Pairing.Permutation, or one coefficient per sample or batch.",
                "options");
        }
    }

    /// <summary>Gets the method and the probability at a point of training.</summary>
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

/// <summary>The samples that share one lambda.</summary>
public enum CoefficientPer
{
    /// <summary>Each sample has its own lambda (fastai; timm's <c>elem</c>).</summary>
    Sample,

    /// <summary>
    /// The two samples of a pair share one lambda (timm's <c>pair</c>). Partners are mutual. In an odd batch, three samples form one cycle,
    /// or one sample stays alone; the pairing decides.
    /// </summary>
    Pair,

    /// <summary>All samples of the batch share one lambda (the code of the mixup paper; torchvision; timm's <c>batch</c>).</summary>
    Batch,
}
