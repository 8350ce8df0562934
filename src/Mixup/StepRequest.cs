using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The arguments for opening a step: a checked batch, its draw, and the method that drew it (null if the draw is replayed).
/// </summary>
internal sealed record StepRequest(
    IReadOnlyList<Tensor> Inputs, Tensor Target, MixupDraw Draw, Method? Method, TargetMixing TargetMixing, TargetKind TargetKind)
{
    /// <summary>Gets whether the step is open, suspended or over.</summary>
    public StepState State { get; } = new();

    /// <summary>Gets whether the step releases the cached tensors of the draw. The caller owns a replayed draw.</summary>
    public bool OwnsDraw => Method is not null;

    /// <summary>Gets an object that only the step holds. Hooks refer to it weakly, so they detect a step that was never disposed.</summary>
    public object Token { get; } = new();

    /// <summary>Makes a request for inputs that are already mixed.</summary>
    public static StepRequest OfMixed(IReadOnlyList<Tensor> mixedInputs, Tensor target, Mix mix, MixupOptions options)
    {
        var rows = Batches.Size(mixedInputs, nameof(mixedInputs));
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(mix);
        return rows == mix.Rows
            ? new StepRequest(mixedInputs, target, new MixupDraw(mix, MixupPlace.Input), null, options.TargetMixing, options.TargetKind)
            : throw new ArgumentException(
                $"The mixed inputs have {rows} rows, but the mix returns {mix.Rows}. Pass the result of mix.Blend.", nameof(mixedInputs));
    }

    /// <summary>
    /// Makes a target. It throws if any draw of the method could not support the target, so that errors do not depend on the draw.
    /// </summary>
    public MixedTarget MakeTarget(Tensor target, TargetKind? kind = null, PendingMix? pending = null) => new(
        Draw.Mix,
        target,
        TargetMixing,
        kind ?? TargetKind,
        Method?.MayCopy,
        Method is { MayInterpolatePartner: true },
        pending,
        State);
}
