using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A batch that was checked, with its draw and the method that drew it, none if it is replayed: what a strategy opens a step of.
/// </summary>
internal sealed record StepRequest(
    IReadOnlyList<Tensor> Inputs, Tensor Target, MixupDraw Draw, Method? Method, TargetMixing TargetMixing, TargetKind TargetKind)
{
    /// <summary>Whether the step is open.</summary>
    public StepState State { get; } = new();

    /// <summary>Whether the copies of the draw end with the step; a replayed one is the caller's.</summary>
    public bool OwnsDraw => Method is not null;

    /// <summary>What the step alone holds. Hooks have a weak reference to it, so a step that was lost is noticed.</summary>
    public object Token { get; } = new();

    /// <summary>A request for inputs that are already mixed.</summary>
    public static StepRequest OfMixed(IReadOnlyList<Tensor> mixedInputs, Tensor target, Mix mix, MixupOptions options)
    {
        var rows = Batches.Size(mixedInputs, nameof(mixedInputs));
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(mix);
        return rows == mix.Rows
            ? new StepRequest(mixedInputs, target, new MixupDraw(mix, MixupPlace.Input), null, options.TargetMixing, options.TargetKind)
            : throw new ArgumentException(
                $"The mixed inputs have {rows} rows, but the mix gives {mix.Rows}. Give what mix.Blend returned.", nameof(mixedInputs));
    }

    /// <summary>Makes a target. What any draw of the method would refuse is refused.</summary>
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
