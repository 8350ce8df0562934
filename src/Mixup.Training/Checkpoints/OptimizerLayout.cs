using TorchSharp.Modules;
using static TorchSharp.Mixup.Training.NumberKind;

namespace TorchSharp.Mixup.Training;

/// <summary>The range of a number in the state of an optimizer.</summary>
internal enum NumberKind
{
    /// <summary>A byte, 0 or 1.</summary>
    Flag,

    /// <summary>An integer, 0 or more.</summary>
    Count,

    /// <summary>A learning rate, 0 or more; slightly below 0 by rounding.</summary>
    Rate,

    /// <summary>A number from 0 to 1.</summary>
    Fraction,

    /// <summary>A number that is 0 or more.</summary>
    NonNegative,

    /// <summary>Any number.</summary>
    Any,
}

/// <summary>One entry in the state of a parameter: a number, or a tensor like the parameter.</summary>
/// <param name="Kind">The range of a number; null for a tensor.</param>
/// <param name="MayBeMissing">Whether a flag before the tensor tells if it is there.</param>
/// <param name="RequiredByOption">The option that requires the tensor if it is set; null if none does.</param>
internal sealed record StateEntry(NumberKind? Kind, bool MayBeMissing, int? RequiredByOption)
{
    public static StateEntry Tensor { get; } = new(null, false, null);

    public static StateEntry OptionalTensor { get; } = new(null, true, null);

    public static StateEntry Number(NumberKind kind) => new(kind, false, null);

    public static StateEntry TensorIfOption(int option) => new(null, true, option);
}

/// <summary>
/// The layout of an optimizer's state, as TorchSharp writes it: the options of each parameter group, then the state of each parameter.
/// Ranges are those that TorchSharp demands of whoever builds the optimizer. A value outside makes libtorch fail in the next step.
/// </summary>
/// <param name="Options">The options of a group, in their order.</param>
/// <param name="State">The state of a parameter, in its order.</param>
internal sealed record OptimizerLayout(NumberKind[] Options, StateEntry[] State)
{
    private static readonly Dictionary<Type, OptimizerLayout> Layouts = new()
    {
        [typeof(SGD)] = new(
            [Rate, Rate, NonNegative, Any, NonNegative, Flag, Flag],
            [StateEntry.OptionalTensor]),
        [typeof(Adam)] = new(
            [Rate, Rate, Fraction, Fraction, NonNegative, NonNegative, Flag, Flag],
            [StateEntry.Number(Count), StateEntry.Tensor, StateEntry.Tensor, StateEntry.TensorIfOption(6)]),
        [typeof(AdamW)] = new(
            [Rate, Rate, Fraction, Fraction, NonNegative, NonNegative, Flag, Flag],
            [StateEntry.Number(Count), StateEntry.Tensor, StateEntry.Tensor, StateEntry.TensorIfOption(6)]),
        [typeof(Adamax)] = new(
            [Rate, Rate, Fraction, Fraction, NonNegative, NonNegative],
            [StateEntry.Number(Count), StateEntry.Tensor, StateEntry.Tensor]),
        [typeof(NAdam)] = new(
            [Rate, Rate, Fraction, Fraction, NonNegative, NonNegative, NonNegative],
            [StateEntry.Number(Count), StateEntry.Number(Fraction), StateEntry.Tensor, StateEntry.Tensor]),
        [typeof(RAdam)] = new(
            [Rate, Rate, Fraction, Fraction, NonNegative, NonNegative],
            [StateEntry.Number(Count), StateEntry.Tensor, StateEntry.Tensor]),
        [typeof(Adagrad)] = new(
            [Rate, Rate, NonNegative, NonNegative, NonNegative, NonNegative],
            [StateEntry.Number(Count), StateEntry.Tensor]),
        [typeof(Adadelta)] = new(
            [Rate, Rate, Fraction, NonNegative, NonNegative, Flag],
            [StateEntry.Number(Count), StateEntry.Tensor, StateEntry.Tensor]),
        [typeof(RMSProp)] = new(
            [Rate, Rate, Flag, NonNegative, NonNegative, NonNegative, NonNegative, Flag],
            [StateEntry.Number(Count), StateEntry.Tensor, StateEntry.TensorIfOption(3), StateEntry.TensorIfOption(7)]),
        [typeof(Rprop)] = new(
            [Rate, Rate, Flag, NonNegative, NonNegative, NonNegative, NonNegative],
            [StateEntry.Number(Count), StateEntry.Tensor, StateEntry.Tensor]),
        [typeof(ASGD)] = new(
            [Rate, Rate, Flag, Fraction, NonNegative, NonNegative, NonNegative],
            [StateEntry.Number(Count), StateEntry.Number(NonNegative), StateEntry.Number(NonNegative), StateEntry.Tensor]),
    };

    /// <summary>The layout of an optimizer; null if it is none of TorchSharp's.</summary>
    public static OptimizerLayout? Of(torch.optim.Optimizer optimizer) => Layouts.GetValueOrDefault(optimizer.GetType());
}
